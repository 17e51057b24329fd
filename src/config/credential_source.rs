//! `[[credential_source]]`: credentials that are kept in AWS Secrets Manager and not in a file.

use std::time::Duration;

use crate::config::declared::Declared;
use crate::config::endpoint;
use crate::document::Table;

/// One secret of AWS Secrets Manager that holds a credential store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CredentialSource {
    /// Its name, in logs and metrics.
    pub name: String,
    /// The secret's name or ARN.
    pub secret: String,
    /// Its region; the environment's unless given.
    pub region: Option<String>,
    /// Where Secrets Manager answers; AWS's own place unless given.
    pub endpoint: Option<String>,
    /// How often it is fetched again.
    pub refresh: Duration,
    /// The longest wait for it.
    pub timeout: Duration,
    /// The line of the configuration where it starts.
    pub line: usize,
}

const MAX_SOURCES: usize = 16;

/// Reads every `[[credential_source]]`.
pub(super) fn read(root: &mut Table<'_>) -> Vec<CredentialSource> {
    let mut names = Declared::new("credential_source");
    let mut sources = Vec::new();
    for mut table in root.tables("credential_source") {
        let line = table.line();
        let name = names.name_of(&mut table).unwrap_or_default();
        let secret = table
            .need("secret", "write the name or the ARN of the secret")
            .text("secret");
        let source = CredentialSource {
            name,
            secret: secret.map(|text| text.value).unwrap_or_default(),
            region: table.text("region").map(|text| text.value),
            endpoint: endpoint::read(&mut table),
            refresh: Duration::from_secs(table.integer("refresh_secs", 10..=86_400).unwrap_or(300)),
            timeout: Duration::from_secs(table.integer("timeout_secs", 1..=60).unwrap_or(10)),
            line,
        };
        if sources.len() == MAX_SOURCES {
            let text = format!("there are more than {MAX_SOURCES} credential sources");
            table.document().note(line, text);
        }
        table.finish();
        sources.push(source);
    }
    sources
}
