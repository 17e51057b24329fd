//! Where a request is in a trace, and the texts in which programs tell one another (W3C Trace
//! Context, Level 1; AWS X-Ray Developer Guide, "Tracing header"). In: a field as a stranger sent it.
//! Out: a place, or nothing: what is not exactly as it should be is not there.

use crate::digest::hex;

/// A trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TraceId(pub(super) [u8; 16]);

/// A span of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SpanId(pub(super) [u8; 8]);

/// What a caller says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) trace: TraceId,
    /// The caller's span; X-Ray's field may leave it out.
    pub(super) span: Option<SpanId>,
    /// Whether the caller's spans are kept; `None` when it has not decided.
    pub(super) sampled: Option<bool>,
}

/// Behind this many bytes a future version of `traceparent` has said enough.
const MAX_TRACEPARENT: usize = 256;
const MAX_XRAY: usize = 256;
/// "Vendors SHOULD propagate at least 512 characters of a combined header" (§3.3.1.5).
const MAX_TRACESTATE: usize = 512;
const MAX_MEMBERS: usize = 32;
/// `00-trace-span-flags`.
const TRACEPARENT: usize = 55;

/// Reads `traceparent` (§3.2).
pub(super) fn read_traceparent(text: &[u8]) -> Option<Place> {
    let known = text.get(..TRACEPARENT)?;
    let [version, trace, span, flags] = split(known)?;
    let is_longer = text.len() > TRACEPARENT;
    let may_be_longer = version != "00" && text[TRACEPARENT..].starts_with(b"-");
    digits::<1>(version)?;
    if version == "ff" || is_longer && !may_be_longer || text.len() > MAX_TRACEPARENT {
        return None;
    }
    let [flags] = digits::<1>(flags)?;
    Some(Place {
        trace: TraceId(some(digits(trace)?)?),
        span: Some(SpanId(some(digits(span)?)?)),
        sampled: Some(flags & 1 == 1),
    })
}

fn split(known: &[u8]) -> Option<[&str; 4]> {
    let mut parts = std::str::from_utf8(known).ok()?.split('-');
    let four = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(four)
}

/// Joins the values of `tracestate` (§3.3); `None` when there is nothing that may be passed on.
pub(super) fn read_tracestate<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let mut joined = String::new();
    let mut members = 0;
    for value in values {
        for member in std::str::from_utf8(value).ok()?.split(',') {
            let member = member.trim_matches([' ', '\t']);
            if member.is_empty() {
                continue;
            }
            members += 1;
            let fits = joined.len() + member.len() < MAX_TRACESTATE && members <= MAX_MEMBERS;
            if !fits || !is_member(member) {
                return None;
            }
            if !joined.is_empty() {
                joined.push(',');
            }
            joined.push_str(member);
        }
    }
    (!joined.is_empty()).then_some(joined)
}

/// `key=value` (§3.3.1.3).
fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else {
        return false;
    };
    let is_of_key =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let is_of_value = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'=';
    let begins = key.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    begins
        && key.len() <= 256
        && key.bytes().all(is_of_key)
        && !value.is_empty()
        && value.len() <= 256
        && value.bytes().all(is_of_value)
}

/// Reads `X-Amzn-Trace-Id`: `Root=1-8 digits-24 digits;Parent=16 digits;Sampled=1`.
pub(super) fn read_xray(text: &[u8]) -> Option<Place> {
    if text.len() > MAX_XRAY {
        return None;
    }
    let (mut trace, mut span, mut sampled) = (None, None, None);
    for part in std::str::from_utf8(text).ok()?.split(';') {
        let (key, value) = part.trim_matches(' ').split_once('=')?;
        match key {
            "Root" if trace.is_none() => trace = Some(read_root(value)?),
            "Parent" if span.is_none() => span = Some(SpanId(some(digits(value)?)?)),
            "Sampled" if sampled.is_none() => {
                sampled = Some(match value {
                    "0" => Some(false),
                    "1" => Some(true),
                    "?" => None,
                    _ => return None,
                });
            }
            "Root" | "Parent" | "Sampled" => return None,
            // Load balancers say `Self`, and programs what they like.
            _ => {}
        }
    }
    Some(Place {
        trace: trace?,
        span,
        sampled: sampled.flatten(),
    })
}

fn read_root(text: &str) -> Option<TraceId> {
    let (time, rest) = text.strip_prefix("1-")?.split_once('-')?;
    let mut id = [0; 16];
    id[..4].copy_from_slice(&digits::<4>(time)?);
    id[4..].copy_from_slice(&digits::<12>(rest)?);
    some(id).map(TraceId)
}

/// Exactly so many bytes in lower-case hexadecimal.
fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

/// An id that is all zeros is none.
fn some<const N: usize>(id: [u8; N]) -> Option<[u8; N]> {
    id.iter().any(|byte| *byte != 0).then_some(id)
}

/// `traceparent` of what is asked for on behalf of `span`.
pub(super) fn traceparent(trace: TraceId, span: SpanId, sampled: bool) -> String {
    let flags = u8::from(sampled);
    format!("00-{}-{}-{flags:02x}", hex(&trace.0), hex(&span.0))
}

/// `X-Amzn-Trace-Id` of the same.
pub(super) fn xray(trace: TraceId, span: SpanId, sampled: bool) -> String {
    let (time, rest) = trace.0.split_at(4);
    let [time, rest, span] = [time, rest, &span.0].map(hex);
    let sampled = u8::from(sampled);
    format!("Root=1-{time}-{rest};Parent={span};Sampled={sampled}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn place(sampled: Option<bool>) -> Place {
        Place {
            trace: TraceId(digits(TRACE).expect("an id")),
            span: digits(SPAN).map(SpanId),
            sampled,
        }
    }

    #[test]
    fn a_traceparent_is_read_exactly() {
        for (version, end, sampled) in [
            ("00", "-00", Some(false)),
            ("00", "-01", Some(true)),
            ("00", "-ff", Some(true)),
            ("cc", "-01-what-comes", Some(true)),
            ("cc", "-00", Some(false)),
        ] {
            let text = format!("{version}-{TRACE}-{SPAN}{end}");
            assert_eq!(
                read_traceparent(text.as_bytes()),
                Some(place(sampled)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_traceparent_is_not_there() {
        let zeros = "0".repeat(32);
        for text in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-0"),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("cc-{TRACE}-{SPAN}-01.more"),
            format!("cc-{TRACE}-{SPAN}-01-{}", "x".repeat(MAX_TRACEPARENT)),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("0G-{TRACE}-{SPAN}-01"),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00_{TRACE}_{SPAN}_01"),
            format!(" 00-{TRACE}-{SPAN}-01"),
        ] {
            assert_eq!(read_traceparent(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_tracestate_is_joined_and_bounded() {
        let read = |values: &[&str]| read_tracestate(values.iter().map(|one| one.as_bytes()));
        let joined = read(&["a=1, b@c=x y", "", "\td=2,"]);
        assert_eq!(joined.as_deref(), Some("a=1,b@c=x y,d=2"));
        let many = vec!["a=1"; MAX_MEMBERS + 1].join(",");
        let long = format!("a={},b={}", "x".repeat(250), "x".repeat(250));
        assert!(read(&[&long]).is_some());
        let longer = format!("{long},c={}", "x".repeat(20));
        for bad in [
            "", "a", "a=", "=1", "A=1", "a=1=2", "a=\u{7}", "a=ü", &many, &longer,
        ] {
            assert_eq!(read(&[bad]), None, "{bad}");
        }
    }

    #[test]
    fn a_tracing_header_of_x_ray_is_read_exactly() {
        let root = format!("Root=1-{}-{}", &TRACE[..8], &TRACE[8..]);
        for (text, sampled) in [
            (format!("{root};Parent={SPAN};Sampled=1"), Some(true)),
            (
                format!("Self=1-2-3; {root};Sampled=0;Parent={SPAN}"),
                Some(false),
            ),
            (format!("{root};Parent={SPAN};Sampled=?;Lineage=a:1"), None),
            (format!("{root};Parent={SPAN}"), None),
        ] {
            assert_eq!(read_xray(text.as_bytes()), Some(place(sampled)), "{text}");
        }
        let alone = read_xray(root.as_bytes()).expect("a place");
        assert_eq!((alone.span, alone.sampled), (None, None));
        for text in [
            "".to_owned(),
            "Sampled=1".to_owned(),
            format!("{root};{root}"),
            format!("{root};Parent=1"),
            format!("{root};Parent={}", "0".repeat(16)),
            format!("{root};Sampled=2"),
            format!("{root};Sampled"),
            format!("{root}0"),
            format!("Root=2-{}-{}", &TRACE[..8], &TRACE[8..]),
            format!("Root=1-{TRACE}"),
            format!("Root=1-{}-{}", "0".repeat(8), "0".repeat(24)),
            format!("{root};x={}", "x".repeat(MAX_XRAY)),
        ] {
            assert_eq!(read_xray(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for sampled in [true, false] {
            let wanted = place(Some(sampled));
            let span = wanted.span.expect("a span");
            let text = traceparent(wanted.trace, span, sampled);
            assert_eq!(read_traceparent(text.as_bytes()), Some(wanted));
            let text = xray(wanted.trace, span, sampled);
            assert_eq!(read_xray(text.as_bytes()), Some(wanted));
        }
    }

    proptest! {
        #[test]
        fn nothing_that_a_stranger_sends_is_a_panic(text in any::<Vec<u8>>(), like in "[-0-9a-f=;:RootPaentSmpld ,]{0,90}") {
            for text in [&text[..], like.as_bytes()] {
                read_traceparent(text);
                read_tracestate(std::iter::once(text));
                read_xray(text);
            }
        }
    }
}
