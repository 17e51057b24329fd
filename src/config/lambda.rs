//! `[[integration]]` of the type `lambda`: a function of AWS Lambda that answers.

use std::time::Duration;

use crate::config::Stage;
use crate::config::function::{self, Defaults, Function, LONGEST, MAX_EVENT, MAX_PAYLOAD, USUAL};
use crate::document::Table;

/// A function that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lambda {
    /// The function.
    pub function: Function,
    /// How it is invoked.
    pub invocation: Invocation,
    /// How it is told of a request, and how its answer is read.
    pub payload_format: PayloadFormat,
    /// The media types whose content travels in base64.
    pub binary_media_types: MediaTypes,
    /// With [`PayloadFormat::Alb`]: whether fields and queries travel as lists.
    pub multi_value_headers: bool,
    /// With [`PayloadFormat::Alb`]: `requestContext.elb.targetGroupArn`.
    pub target_group_arn: String,
    /// With [`Invocation::ResponseStream`]: the longest silence of the function.
    pub idle_timeout: Duration,
}

/// How a function is invoked (AWS Lambda API Reference, "Invoke" and "InvokeWithResponseStream").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Its answer is waited for, and is whole.
    RequestResponse,
    /// It is not waited for; the caller is told 202.
    Event,
    /// Its answer goes on as it comes.
    ResponseStream,
}

/// How a function is told of a request, and how its answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PayloadFormat {
    /// As by a REST API.
    Rest,
    /// As by an HTTP API, in its format 1.0.
    V1,
    /// As by an HTTP API, in its format 2.0.
    V2,
    /// As by an Application Load Balancer.
    Alb,
}

/// Media types: whole ones, `type/*`, or `*/*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaTypes(Vec<String>);

impl MediaTypes {
    /// These, in lower case.
    pub fn new(types: Vec<String>) -> Self {
        Self(types)
    }

    /// Whether one of them stands for the media type, whose parameters do not count. A range such
    /// as `*/*` is a media type like any other here, for which only `*/*` stands.
    pub fn contain(&self, media_type: &str) -> bool {
        let plain = media_type.split(';').next().unwrap_or_default().trim();
        self.0.iter().any(|known| {
            let within = |family: &str| {
                let start = plain.get(..family.len());
                start.is_some_and(|start| start.eq_ignore_ascii_case(family))
            };
            match known.strip_suffix('*') {
                Some("*/") => true,
                Some(family) => within(family) && plain.len() > family.len(),
                None => known.eq_ignore_ascii_case(plain),
            }
        })
    }
}

const FORMATS: [(&str, PayloadFormat); 4] = [
    ("rest", PayloadFormat::Rest),
    ("1.0", PayloadFormat::V1),
    ("2.0", PayloadFormat::V2),
    ("alb", PayloadFormat::Alb),
];
const INVOCATIONS: [(&str, Invocation); 3] = [
    ("request_response", Invocation::RequestResponse),
    ("event", Invocation::Event),
    ("response_stream", Invocation::ResponseStream),
];
const CURE: &str = "write payload_format = \"rest\" for a function of a REST API, \"2.0\" or \"1.0\" for one of an HTTP API, \"alb\" for one of a load balancer";

pub(super) fn read(table: &mut Table<'_>, stage: &Stage) -> Lambda {
    table.need("payload_format", CURE);
    let line = table.line_of("payload_format");
    let format = table.word("payload_format", &FORMATS);
    let invocation = table.word("invocation", &INVOCATIONS);
    let invocation = invocation.unwrap_or(Invocation::RequestResponse);
    if invocation == Invocation::ResponseStream && format == Some(PayloadFormat::Alb) {
        let text = format!(
            "{}: a load balancer streams no answers; choose another \"payload_format\" or \"invocation\"",
            table.label()
        );
        table.document().note(line, text);
    }
    let function = function::read(table, stage, &defaults(invocation));
    for (key, belongs, owner) in [
        (
            "binary_media_types",
            format == Some(PayloadFormat::Rest),
            "payload_format = \"rest\"",
        ),
        (
            "multi_value_headers",
            format == Some(PayloadFormat::Alb),
            "payload_format = \"alb\"",
        ),
        (
            "target_group_arn",
            format == Some(PayloadFormat::Alb),
            "payload_format = \"alb\"",
        ),
        (
            "idle_timeout_ms",
            invocation == Invocation::ResponseStream,
            "invocation = \"response_stream\"",
        ),
    ] {
        if table.has(key) && !belongs && format.is_some() {
            let text = format!(
                "\"{key}\" in {} means something only with {owner}; leave it out",
                table.label()
            );
            table.document().note(table.line_of(key), text);
        }
    }
    let group = table.text("target_group_arn");
    let idle = table.integer("idle_timeout_ms", 50..=LONGEST.as_millis() as u64);
    Lambda {
        function,
        invocation,
        payload_format: format.unwrap_or(PayloadFormat::V2),
        binary_media_types: read_media_types(table),
        multi_value_headers: table.boolean("multi_value_headers").unwrap_or(false),
        target_group_arn: group.map_or_else(|| NO_GROUP.to_owned(), |text| text.value),
        idle_timeout: Duration::from_millis(idle.unwrap_or(300_000)),
    }
}

/// What a function sees that looks for a load balancer's name.
const NO_GROUP: &str =
    "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/countersign/0000000000000000";

fn defaults(invocation: Invocation) -> Defaults {
    let (timeout, max_payload_bytes) = match invocation {
        Invocation::RequestResponse => (Some(USUAL), MAX_PAYLOAD),
        Invocation::Event => (Some(USUAL), MAX_EVENT),
        Invocation::ResponseStream => (None, MAX_PAYLOAD),
    };
    Defaults {
        timeout,
        longest: LONGEST,
        max_payload_bytes,
    }
}

fn read_media_types(table: &mut Table<'_>) -> MediaTypes {
    let document = table.document();
    let mut types = Vec::new();
    for text in table.texts("binary_media_types").unwrap_or_default() {
        let value = text.value.to_ascii_lowercase();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(plain);
        let good = match value.split_once('/') {
            Some(("*", "*")) => true,
            Some((family, "*")) => is_word(family),
            Some((family, rest)) => is_word(family) && is_word(rest),
            None => false,
        };
        match good {
            true => types.push(value),
            false => {
                let problem = format!(
                    "binary media type \"{}\" is none; write \"image/png\", \"image/*\" or \"*/*\"",
                    text.value
                );
                document.note(text.line, problem);
            }
        }
    }
    MediaTypes(types)
}

#[cfg(test)]
mod tests {
    use super::MediaTypes;

    #[test]
    fn a_media_type_is_found_with_its_parameters_and_by_its_family() {
        let types =
            |texts: &[&str]| MediaTypes::new(texts.iter().map(|t| (*t).to_owned()).collect());
        let some = types(&["image/*", "application/octet-stream"]);
        for inside in [
            "image/png",
            "IMAGE/PNG; q=1",
            "application/octet-stream",
            "image/*",
        ] {
            assert!(some.contain(inside), "{inside}");
        }
        for outside in ["", "image", "image/", "images/png", "text/plain", "*/*"] {
            assert!(!some.contain(outside), "{outside}");
        }
        assert!(types(&["*/*"]).contain("text/plain") && types(&["*/*"]).contain("*/*"));
        assert!(types(&["*/*"]).contain(""));
    }
}
