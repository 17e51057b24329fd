//! The outputs of the stack, as `aws cloudformation describe-stacks` tells them. In: JSON. Out:
//! where each path is. Everything that is wrong with them is told at once.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::paths::{ALL, Remote};

/// Of the stack itself.
pub const STACK: &str = "Stack";
pub const REGION: &str = "Region";
/// The type of EC2 of the boxes.
pub const MACHINE: &str = "Machine";
/// The instance to which one logs in.
pub const LOAD_BOX: &str = "LoadBox";

/// The command that makes the file.
const COMMAND: &str =
    "aws cloudformation describe-stacks --stack-name … --query 'Stacks[0].Outputs' --output json";

/// What the stack says of itself.
#[derive(Debug)]
pub struct Outputs {
    values: BTreeMap<String, String>,
    /// As it was read.
    pub text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    output_key: String,
    output_value: String,
}

impl Outputs {
    /// Those in a file.
    ///
    /// # Errors
    /// It cannot be read, or is not what the template's outputs are.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file);
        let text = text.with_context(|| file.display().to_string())?;
        Self::parse(text).with_context(|| file.display().to_string())
    }

    fn parse(text: String) -> anyhow::Result<Self> {
        let list: Vec<Output> = serde_json::from_str(&text)
            .with_context(|| format!("it is not what `{COMMAND}` prints"))?;
        let (mut values, mut wrong) = (BTreeMap::new(), Vec::new());
        for one in list {
            let key = one.output_key;
            if !names().any(|known| known == key) {
                wrong.push(format!("{key} is unknown"));
            }
            if values.insert(key.clone(), one.output_value).is_some() {
                wrong.push(format!("{key} is there twice"));
            }
        }
        let missing = names().filter(|name| !values.contains_key(*name));
        wrong.extend(missing.map(|name| format!("{name} is missing")));
        wrong.extend(ALL.iter().filter_map(|path| wrong_with(path, &values)));
        match wrong.is_empty() {
            true => Ok(Self { values, text }),
            false => bail!("{}", wrong.join("; ")),
        }
    }

    /// What one of them says.
    pub fn get(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// How the stack is torn down.
    pub fn tear_down(&self) -> String {
        let (stack, region) = (self.get(STACK), self.get(REGION));
        format!(
            "aws cloudformation delete-stack --region {region} --stack-name {stack} && \
             aws cloudformation wait stack-delete-complete --region {region} --stack-name {stack}"
        )
    }
}

/// All that there must be.
pub fn names() -> impl Iterator<Item = &'static str> {
    let own = [STACK, REGION, MACHINE, LOAD_BOX].into_iter();
    own.chain(ALL.iter().map(|path| path.output))
}

/// What the gateway has a certificate for is asked by TLS, and nothing else of ours is.
fn wrong_with(path: &Remote, values: &BTreeMap<String, String>) -> Option<String> {
    let url = values.get(path.output)?;
    let begins = match (path.api, path.checks.tls) {
        (Some(_), _) => return None,
        (None, true) => "https://",
        (None, false) => "http://",
    };
    let is_good = url.starts_with(begins);
    (!is_good).then(|| format!("{} does not begin with {begins}", path.output))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Outputs as they should be, with other URLs where they are given.
    pub fn json(urls: &BTreeMap<&str, String>) -> String {
        let value = |name: &str| match name {
            STACK => "countersign-bench".to_owned(),
            REGION => "us-east-1".to_owned(),
            MACHINE => "c7i.large".to_owned(),
            _ => {
                let path = ALL.iter().find(|path| path.output == name);
                let tls = path.is_some_and(|path| path.checks.tls);
                format!("{}://127.0.0.1", if tls { "https" } else { "http" })
            }
        };
        let all = names().map(|name| {
            let value = urls.get(name).cloned().unwrap_or_else(|| value(name));
            serde_json::json!({"OutputKey": name, "OutputValue": value})
        });
        serde_json::Value::Array(all.collect()).to_string()
    }

    #[test]
    fn what_the_stack_says_is_read() {
        let outputs = Outputs::parse(json(&BTreeMap::new())).expect("outputs");
        assert_eq!(outputs.get("Direct"), "http://127.0.0.1");
        assert!(
            outputs
                .tear_down()
                .contains("--region us-east-1 --stack-name countersign-bench")
        );
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let text = json(&BTreeMap::from([(
            "GatewayTls",
            "http://127.0.0.1".to_owned(),
        )]));
        let text = text
            .replace("\"Direct\"", "\"Dirct\"")
            .replace("\"LoadBox\"", "\"Region\"");
        let error = Outputs::parse(text).expect_err("it is wrong").to_string();
        for part in [
            "Dirct is unknown",
            "Region is there twice",
            "Direct is missing",
            "LoadBox is missing",
            "GatewayTls does not begin with https://",
        ] {
            assert!(error.contains(part), "{error}");
        }
        let error = Outputs::parse("{}".to_owned())
            .expect_err("no list")
            .to_string();
        assert!(error.contains("describe-stacks"), "{error}");
    }

    #[test]
    fn the_template_has_the_outputs_that_are_read_and_no_others() {
        let (_, outputs) = super::super::TEMPLATE
            .split_once("\nOutputs:\n")
            .expect("outputs");
        let keys = outputs
            .lines()
            .filter_map(|line| line.trim().split_once(':'));
        let keys: Vec<&str> = keys.map(|(key, _)| key).collect();
        let mut wanted: Vec<&str> = names().collect();
        let mut there = keys.clone();
        wanted.sort_unstable();
        there.sort_unstable();
        assert_eq!(there, wanted);
        for (path, port) in ALL.iter().filter_map(|path| Some((path, path.port?))) {
            let line = outputs
                .lines()
                .find(|line| line.trim().starts_with(&format!("{}:", path.output)));
            let scheme = if path.checks.tls { "https" } else { "http" };
            let url = format!("'{scheme}://${{Ip}}:{port}'");
            assert!(
                line.is_some_and(|line| line.contains(&url)),
                "{line:?} {url}"
            );
        }
    }
}
