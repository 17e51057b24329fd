//! The scope of a signature: day, region and service (AWS SigV4 "Elements of a request
//! signature").

/// What a signature is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope<'a> {
    pub(super) day: &'a str,
    /// `None` in SigV4a.
    pub(super) region: Option<&'a str>,
    pub(super) service: &'a str,
}

impl<'a> Scope<'a> {
    pub(super) fn parts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let rest = [self.service, "aws4_request"];
        [self.day].into_iter().chain(self.region).chain(rest)
    }

    /// `day/region/service/aws4_request`.
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        for (place, part) in self.parts().enumerate() {
            if place > 0 {
                out.push(b'/');
            }
            out.extend_from_slice(part.as_bytes());
        }
    }
}
