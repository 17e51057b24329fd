//! RFC 9421 in a `signature` table: what a message signature must cover, and how old it may be.

use crate::document::Table;

/// What an RFC 9421 signature must have beyond being right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rfc9421Demand {
    /// Components that must be covered beyond the minimum, as identifiers without quotes round
    /// the name: `content-type`, `@target-uri`, `@query-param;name="id"`.
    pub components: Vec<String>,
    /// The tag that the signature must have; also selects it among several.
    pub tag: Option<String>,
    /// Whether a nonce must be there.
    pub nonce_required: bool,
    /// How old, in seconds, `created` may be.
    pub max_age_secs: u32,
    /// How far in the future, in seconds, `created` may be: clocks differ.
    pub max_skew_secs: u32,
    /// The line of the configuration where it stands.
    pub line: usize,
}

impl Default for Rfc9421Demand {
    fn default() -> Self {
        Self {
            components: Vec::new(),
            tag: None,
            nonce_required: false,
            max_age_secs: 300,
            max_skew_secs: 60,
            line: 0,
        }
    }
}

/// Reads the table `rfc9421`, which may be left out. Two requests of one second sign alike
/// without a nonce, so one is required where `refuse_replays` is set.
pub(super) fn read(table: &mut Table<'_>, refuse_replays: bool) -> Rfc9421Demand {
    let usual = Rfc9421Demand {
        nonce_required: refuse_replays,
        line: table.line(),
        ..Rfc9421Demand::default()
    };
    let Some(mut table) = table.table("rfc9421") else {
        return usual;
    };
    let components = table.texts("components").unwrap_or_default();
    let demand = Rfc9421Demand {
        components: components.into_iter().map(|text| text.value).collect(),
        tag: table.text("tag").map(|text| text.value),
        nonce_required: table.boolean("nonce_required").unwrap_or(refuse_replays),
        max_age_secs: table
            .integer("max_age_secs", 1..=3600)
            .unwrap_or(usual.max_age_secs),
        max_skew_secs: table
            .integer("max_skew_secs", 0..=900)
            .unwrap_or(usual.max_skew_secs),
        line: table.line(),
    };
    table.finish();
    demand
}
