//! A service's no. In: an answer that is not good. Out: its code and words, cut to what a log may
//! hold.

use std::fmt;

use reqwest::Response;

use super::http;

/// What a service says when it says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    status: u16,
    /// Such as `ParameterNotFound`; empty when it says none.
    code: String,
    said: String,
}

const MAX_ANSWER: usize = 64 * 1024;
const MAX_WORDS: usize = 300;

impl Refused {
    pub(super) async fn read(answer: Response) -> Self {
        let status = answer.status().as_u16();
        let body = http::body(answer, MAX_ANSWER).await;
        let body = body.ok().flatten().unwrap_or_default();
        Self::parse(status, &String::from_utf8_lossy(&body))
    }

    /// In the JSON of Systems Manager and Secrets Manager or the XML of S3 and Auto Scaling.
    fn parse(status: u16, body: &str) -> Self {
        let json: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let of = |names: [&str; 2], tag: &str| {
            let mut named = names.iter().filter_map(|name| json.get(name)?.as_str());
            let found = named.next().or_else(|| between(body, tag));
            cut(found.unwrap_or_default())
        };
        let code = of(["__type", "code"], "Code");
        Self {
            status,
            // Before `#` stands whose word it is.
            code: code.rsplit('#').next().unwrap_or_default().to_owned(),
            said: of(["message", "Message"], "Message"),
        }
    }

    /// Whether the same question may be answered in a moment.
    pub(super) fn is_passing(&self) -> bool {
        const PASSING: [&str; 4] = ["Throttl", "TooManyRequests", "SlowDown", "RequestLimit"];
        let says = PASSING.iter().any(|word| self.code.starts_with(word));
        self.status >= 500 || self.status == 429 || says
    }
}

fn between<'t>(text: &'t str, tag: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    rest.split_once(&format!("</{tag}>"))
        .map(|(inner, _)| inner)
}

fn cut(text: &str) -> String {
    let shown = text.chars().filter(|c| matches!(c, ' '..='~'));
    shown.take(MAX_WORDS).collect()
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer is {}", self.status)?;
        for part in [&self.code, &self.said] {
            if !part.is_empty() {
                write!(f, ": {part}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Refused;

    #[test]
    fn a_no_is_understood_in_json_and_in_xml_and_shown_in_one_line() {
        let told = |body: &str| Refused::parse(400, body).to_string();
        assert_eq!(
            told(r#"{"__type":"com.amazon#ParameterNotFound","message":"It\nis not"}"#),
            "the answer is 400: ParameterNotFound: Itis not"
        );
        assert_eq!(
            told("<Error><Code>NoSuchKey</Code><Message>No.</Message></Error>"),
            "the answer is 400: NoSuchKey: No."
        );
        assert_eq!(told("<html>"), "the answer is 400");
        let long = format!("<Code>{}</Code>", "x".repeat(5_000));
        assert!(told(&long).len() < 400);
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        let passes = |status, code: &str| {
            Refused::parse(status, &format!("<Code>{code}</Code>")).is_passing()
        };
        assert!(passes(400, "ThrottlingException") && passes(503, "SlowDown") && passes(500, ""));
        assert!(!passes(403, "AccessDenied") && !passes(404, "NoSuchKey"));
    }
}
