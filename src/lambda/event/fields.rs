//! The fields of a request that reach a function, and its cookies.

use std::borrow::Cow;

use crate::lambda::request::Request;

use super::pairs::Pairs;

/// How the names of fields are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// As the caller wrote them; those that differ in case only are two.
    AsSent,
    /// In lower case.
    LowerCase,
    /// In lower case, but for those that API Gateway writes itself.
    OfHttpApi,
}

/// The names that HTTP APIs write in their format 1.0, as recorded.
const WRITTEN: [&str; 7] = [
    "Content-Length",
    "Host",
    "User-Agent",
    "X-Amzn-Trace-Id",
    "X-Forwarded-For",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
];

/// Which fields stay behind, beside those of the connection.
pub(super) type Dropped = [&'static str];

/// No others.
pub(super) const NONE: &Dropped = &[];

/// Cookies, where they are told apart.
pub(super) const COOKIES: &Dropped = &["cookie"];

/// What a REST API keeps from functions ("Amazon API Gateway important notes", and as recorded).
/// `Content-Length` is among it: no recorded event of an integration has one, though those of
/// authorizers do.
pub(super) const OF_REST: &Dropped = &[
    "content-length",
    "content-md5",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "www-authenticate",
];

/// What is between the caller and the gateway: it ends here (RFC 9110 §7.6.1), or is answered
/// here (`Expect`).
const OF_CONNECTION: &Dropped = &[
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The fields that reach a function.
pub(super) fn of<'a>(request: &'a Request<'_>, names: Names, dropped: &Dropped) -> Pairs<'a> {
    let stays = |name: &str| is_one_of(OF_CONNECTION, name) || is_one_of(dropped, name);
    let told = request.fields.iter().filter(|(name, _)| !stays(name));
    let told = told.map(|(name, value)| (spelled(name, names), Cow::Borrowed(&**value)));
    Pairs::new(told.collect())
}

/// The cookies, one by one (RFC 6265 §4.2.1).
pub(super) fn cookies<'a>(request: &'a Request<'_>) -> Vec<&'a str> {
    let lines = values(request, "cookie").flat_map(|line| line.split(';'));
    let cookies = lines.map(|cookie| cookie.trim_matches([' ', '\t']));
    cookies.filter(|cookie| !cookie.is_empty()).collect()
}

/// The last value of a field, as those see it who are told one.
pub(super) fn last<'a>(request: &'a Request<'_>, name: &str) -> Option<&'a str> {
    values(request, name).last()
}

fn values<'a>(request: &'a Request<'_>, name: &str) -> impl Iterator<Item = &'a str> {
    let fields = request.fields.iter();
    let same = fields.filter(move |(known, _)| known.eq_ignore_ascii_case(name));
    same.map(|(_, value)| &**value)
}

fn is_one_of(names: &Dropped, name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn spelled(name: &str, names: Names) -> Cow<'_, str> {
    let mut written = WRITTEN.into_iter();
    let lower = || match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    };
    match names {
        Names::AsSent => Cow::Borrowed(name),
        Names::LowerCase => lower(),
        Names::OfHttpApi => match written.find(|known| known.eq_ignore_ascii_case(name)) {
            Some(known) => Cow::Borrowed(known),
            None => lower(),
        },
    }
}
