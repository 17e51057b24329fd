//! The names that a section declares and the ones that other sections use.
//! In: names with their lines. Out: problems with those that are bad, defined twice or not defined.
//! Knows nothing of what is named.

use std::collections::BTreeMap;

use crate::document::{Document, Placed, Table};
use crate::problem::suggestion;

const MAX_NAME_BYTES: usize = 128;

/// The names of one kind, each with the line where it was declared.
pub(super) struct Declared {
    kind: &'static str,
    lines: BTreeMap<String, usize>,
}

impl Declared {
    /// No names of `kind` yet.
    pub(super) fn new(kind: &'static str) -> Self {
        Self {
            kind,
            lines: BTreeMap::new(),
        }
    }

    /// The key `name` of `table`, declared.
    pub(super) fn name_of(&mut self, table: &mut Table<'_>) -> Option<String> {
        let name = table
            .need("name", &format!("give the {} a name", self.kind))
            .text("name")?;
        let name = self.declare(table.document(), &name)?;
        table.call(format!("{} \"{name}\"", self.kind));
        Some(name)
    }

    /// Declares `name`, unless it is bad or there already.
    pub(super) fn declare(
        &mut self,
        document: &Document<'_>,
        name: &Placed<String>,
    ) -> Option<String> {
        let kind = self.kind;
        let Placed { value, line } = name;
        if value.len() > MAX_NAME_BYTES || !value.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            let cure = format!("use at most {MAX_NAME_BYTES} printable ASCII characters");
            document.note(*line, format!("the name of this {kind} is unfit; {cure}"));
            return None;
        }
        if let Some(first) = self.lines.get(value) {
            let text = match first {
                0 => format!("{kind} \"{value}\" is always there; choose another name"),
                _ => format!("{kind} \"{value}\" is defined already, at line {first}"),
            };
            document.note(*line, text);
            return None;
        }
        self.lines.insert(value.clone(), *line);
        Some(value.clone())
    }

    /// Makes `name` known without a line of its own.
    pub(super) fn reserve(&mut self, name: &str) {
        self.lines.insert(name.to_owned(), 0);
    }

    /// Notes it when `used`, which `user` names, is not declared.
    pub(super) fn check(&self, document: &Document<'_>, user: &str, used: &Placed<String>) {
        if self.lines.contains_key(&used.value) {
            return;
        }
        let text = format!(
            "{user} names {} \"{}\", which is not defined{}",
            self.kind,
            used.value,
            suggestion(&used.value, self.lines.keys().map(String::as_str))
        );
        document.note(used.line, text);
    }
}
