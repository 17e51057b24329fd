//! `[stage]`: what functions are told of the deployment that they are called in.

use crate::document::{Placed, Table};

/// The stage: its name and variables, and what stands for API Gateway's own names in events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its name; `$default` stands for none.
    pub name: String,
    /// Its variables, by name.
    pub variables: Vec<(String, String)>,
    /// `requestContext.accountId`, and the account of a `methodArn`: 12 digits.
    pub account_id: String,
    /// `requestContext.apiId`.
    pub api_id: String,
}

/// The name of a stage that is not named in paths.
pub const DEFAULT_STAGE: &str = "$default";

impl Default for Stage {
    fn default() -> Self {
        Self {
            name: DEFAULT_STAGE.to_owned(),
            variables: Vec::new(),
            account_id: "000000000000".to_owned(),
            api_id: "countersign".to_owned(),
        }
    }
}

impl Stage {
    /// Whether it has a name of its own.
    pub fn is_named(&self) -> bool {
        self.name != DEFAULT_STAGE
    }

    /// The value of a variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let mut variables = self.variables.iter();
        let (_, value) = variables.find(|(known, _)| known == name)?;
        Some(value)
    }
}

// API Gateway's own bounds ("Quotas for configuring and running a REST API").
const MAX_VARIABLES: usize = 100;
const MAX_NAME: usize = 64;
const MAX_VALUE: usize = 512;
const MAX_STAGE: usize = 128;

/// Reads `[stage]`.
pub(super) fn read(root: &mut Table<'_>) -> Stage {
    let mut stage = Stage::default();
    let Some(mut table) = root.table("stage") else {
        return stage;
    };
    let is_word = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        text.bytes().all(plain)
    };
    if let Some(name) = table.text("name") {
        if name.value != DEFAULT_STAGE && !is_word(&name.value) || name.value.len() > MAX_STAGE {
            let text = format!(
                "stage \"{}\" must be made of letters, digits, \"-\" and \"_\", at most {MAX_STAGE}",
                name.value
            );
            table.document().note(name.line, text);
        }
        stage.name = name.value;
    }
    if let Some(account) = table.text("account_id") {
        let digits = account.value.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || account.value.len() != 12 {
            let text = format!("account_id \"{}\" must be 12 digits", account.value);
            table.document().note(account.line, text);
        }
        stage.account_id = account.value;
    }
    if let Some(api) = table.text("api_id") {
        if !is_word(&api.value) {
            let text = format!(
                "api_id \"{}\" must be made of letters, digits, \"-\" and \"_\"",
                api.value
            );
            table.document().note(api.line, text);
        }
        stage.api_id = api.value;
    }
    stage.variables = read_variables(&mut table);
    table.finish();
    stage
}

fn read_variables(table: &mut Table<'_>) -> Vec<(String, String)> {
    let line = table.line_of("variables");
    let Some(mut table) = table.table("variables") else {
        return Vec::new();
    };
    let document = table.document();
    let mut variables = Vec::new();
    for Placed { value, line } in table.texts_by_key() {
        let (name, text) = &value;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(plain) {
            let problem = format!(
                "stage variable \"{name}\" must be named with letters, digits and \"_\", at most {MAX_NAME}"
            );
            document.note(line, problem);
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#&=,".contains(&byte);
        if text.len() > MAX_VALUE || !text.bytes().all(plain) {
            let problem = format!(
                "stage variable \"{name}\" must hold at most {MAX_VALUE} letters, digits and -._~:/?#&=,"
            );
            document.note(line, problem);
        }
        variables.push(value);
    }
    if variables.len() > MAX_VARIABLES {
        document.note(
            line,
            format!("there are more than {MAX_VARIABLES} stage variables"),
        );
    }
    variables
}
