//! The unusual shapes of a path. A shape is anything that one server reads as another path: a
//! dot segment, an empty segment, an encoded slash. Routes allow shapes by name; none is
//! allowed by default.

/// A set of unusual shapes of a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathShapes(u8);

impl PathShapes {
    /// `.` or `..` as a segment.
    pub const DOT_SEGMENT: Self = Self(1);
    /// `//`.
    pub const EMPTY_SEGMENT: Self = Self(2);
    /// `%2F`.
    pub const ENCODED_SLASH: Self = Self(4);
    /// `%2E`.
    pub const ENCODED_DOT: Self = Self(8);
    /// `%00`.
    pub const ENCODED_NUL: Self = Self(16);
    /// `\` or `%5C`.
    pub const BACKSLASH: Self = Self(32);
    /// `%` without two hexadecimal digits behind it.
    pub const BAD_ESCAPE: Self = Self(64);

    /// Every shape with the name by which a route allows it.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("dot_segment", Self::DOT_SEGMENT),
        ("empty_segment", Self::EMPTY_SEGMENT),
        ("encoded_slash", Self::ENCODED_SLASH),
        ("encoded_dot", Self::ENCODED_DOT),
        ("encoded_nul", Self::ENCODED_NUL),
        ("backslash", Self::BACKSLASH),
        ("bad_escape", Self::BAD_ESCAPE),
    ];

    /// The shapes that `path` has.
    pub fn of(path: &str) -> Self {
        let bytes = path.as_bytes();
        let mut shapes = Self::default();
        let mut segment_start = 1;
        for (at, byte) in bytes.iter().enumerate().skip(1) {
            match byte {
                b'/' => {
                    shapes = shapes.with_segment(&bytes[segment_start..at], false);
                    segment_start = at + 1;
                }
                b'\\' => shapes = shapes | Self::BACKSLASH,
                b'%' => shapes = shapes.with_escape(&bytes[at + 1..]),
                _ => {}
            }
        }
        shapes.with_segment(bytes.get(segment_start..).unwrap_or_default(), true)
    }

    /// Whether nothing is unusual.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every one of `other` is among these.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether one of `other` is among these.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The name of one shape that is in `self` but not in `allowed`.
    pub fn first_outside(self, allowed: Self) -> Option<&'static str> {
        Self::NAMES
            .into_iter()
            .find(|(_, shape)| self.contains(*shape) && !allowed.contains(*shape))
            .map(|(name, _)| name)
    }

    fn with_segment(self, segment: &[u8], last: bool) -> Self {
        match segment {
            b"." | b".." => self | Self::DOT_SEGMENT,
            b"" if !last => self | Self::EMPTY_SEGMENT,
            _ => self,
        }
    }

    fn with_escape(self, behind: &[u8]) -> Self {
        let digits = behind
            .get(..2)
            .map(|d| [d[0].to_ascii_lowercase(), d[1].to_ascii_lowercase()]);
        match digits {
            Some([b'2', b'f']) => self | Self::ENCODED_SLASH,
            Some([b'2', b'e']) => self | Self::ENCODED_DOT,
            Some([b'0', b'0']) => self | Self::ENCODED_NUL,
            Some([b'5', b'c']) => self | Self::BACKSLASH,
            Some([a, b]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => self,
            _ => self | Self::BAD_ESCAPE,
        }
    }
}

impl std::ops::BitOr for PathShapes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_is_recognised_by_its_name() {
        let cases = [
            ("/a/b.c/..d/%41;x=1/", None),
            ("/", None),
            ("/a/./b", Some("dot_segment")),
            ("/a/..", Some("dot_segment")),
            ("/..", Some("dot_segment")),
            ("//", Some("empty_segment")),
            ("//a", Some("empty_segment")),
            ("/a//b", Some("empty_segment")),
            ("/a%2fb", Some("encoded_slash")),
            ("/a%2Fb", Some("encoded_slash")),
            ("/%2e%2e/b", Some("encoded_dot")),
            ("/a%00", Some("encoded_nul")),
            ("/a\\b", Some("backslash")),
            ("/a%5cb", Some("backslash")),
            ("/a%zz", Some("bad_escape")),
            ("/a%2", Some("bad_escape")),
            ("/a%", Some("bad_escape")),
        ];
        for (path, want) in cases {
            let found = PathShapes::of(path).first_outside(PathShapes::default());
            assert_eq!(found, want, "{path}");
        }
    }
}
