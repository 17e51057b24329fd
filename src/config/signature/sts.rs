//! STS in a `signature` table: callers that prove who they are in AWS IAM by a presigned
//! `GetCallerIdentity`, which the gateway has AWS verify.

use std::time::Duration;

use http::HeaderName;

use crate::config::endpoint;
use crate::document::Table;

/// How a delegated identity must be proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StsDemand {
    /// The header that the presigned request must sign, in lower case.
    pub header: String,
    /// Its value: what this gateway is called, so that no other can use what is meant for it.
    pub audience: String,
    /// What a token begins with.
    pub prefix: String,
    /// The regions whose STS may be asked; `aws-global` is `sts.amazonaws.com`.
    pub regions: Vec<String>,
    /// Seconds for which a presigned request is taken at most, whatever it says.
    pub max_age_secs: u32,
    /// Where STS answers in the place of the hosts of its regions.
    pub endpoint: Option<String>,
    /// The longest wait for STS.
    pub timeout: Duration,
}

/// STS itself takes a presigned request for 15 minutes, whatever it says.
const MAX_AGE_SECS: u32 = 900;
const GLOBAL: &str = "aws-global";

/// Reads the table `sts`.
pub(super) fn read(table: &mut Table<'_>) -> Option<StsDemand> {
    let cure =
        "write sts = { audience = \"what this gateway is called\", regions = [\"us-west-2\"] }";
    let mut table = table.need("sts", cure).table("sts")?;
    let audience = table
        .need("audience", "write what this gateway is called")
        .text("audience");
    let regions = table
        .need("regions", "name the regions whose STS callers sign for")
        .texts("regions");
    let demand = StsDemand {
        header: read_header(&mut table),
        audience: audience.map(|text| text.value).unwrap_or_default(),
        prefix: table
            .text("prefix")
            .map_or_else(|| "countersign-v1.".to_owned(), |text| text.value),
        regions: regions
            .into_iter()
            .flatten()
            .filter_map(|region| {
                let known = is_region(&region.value);
                if !known {
                    let text = format!("\"{}\" is no region, and not \"{GLOBAL}\"", region.value);
                    table.document().note(region.line, text);
                }
                known.then_some(region.value)
            })
            .collect(),
        max_age_secs: table
            .integer("max_age_secs", 1..=MAX_AGE_SECS)
            .unwrap_or(MAX_AGE_SECS),
        endpoint: endpoint::read(&mut table),
        timeout: Duration::from_millis(table.integer("timeout_ms", 100..=30_000).unwrap_or(3000)),
    };
    let is_fit = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_fit(&demand.audience) || !is_fit(&demand.prefix) {
        let text =
            "\"audience\" and \"prefix\" must be of printable ASCII characters without blanks";
        table.document().note(table.line(), text);
    }
    table.finish();
    Some(demand)
}

fn read_header(table: &mut Table<'_>) -> String {
    let Some(text) = table.text("header") else {
        return "x-countersign-audience".to_owned();
    };
    let name = HeaderName::from_bytes(text.value.as_bytes());
    match name {
        // What others sign for other ends would say nothing about this gateway.
        Ok(name) if name.as_str().starts_with("x-") && !name.as_str().starts_with("x-amz-") => {
            name.as_str().to_owned()
        }
        _ => {
            let problem = "\"header\" must be a header of your own that begins with \"x-\"";
            table.document().note(text.line, problem);
            String::new()
        }
    }
}

fn is_region(text: &str) -> bool {
    let parts = text.split('-').count();
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    text == GLOBAL || plain && (3..=5).contains(&parts) && !text.split('-').any(str::is_empty)
}
