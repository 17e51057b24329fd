//! The names that a section declares and the ones that other sections use.
//! In: names with their lines. Out: problems with those that are bad, defined twice or not defined.
//! Knows nothing of what is named.

use std::collections::BTreeMap;

use crate::document::{Document, Placed, Table};
use crate::problem::suggestion;

const MAX_NAME_BYTES: usize = 128;

/// The names of one kind, each with the line where it was declared.
#[derive(Clone)]
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

    /// The key `name` of `table`, declared; the table is called by it from here on.
    pub(super) fn name_of(&mut self, table: &mut Table<'_>) -> Option<String> {
        table.need("name", &format!("give the {} a name", self.kind));
        self.optional_name_of(table)
    }

    /// The same for a table that can do without a name.
    pub(super) fn optional_name_of(&mut self, table: &mut Table<'_>) -> Option<String> {
        let kind = self.kind;
        let Placed { value, line } = table.text("name")?;
        if value.len() > MAX_NAME_BYTES || !value.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            let cure = format!("use at most {MAX_NAME_BYTES} printable ASCII characters");
            let text = format!("the name of this {kind} is unfit; {cure}");
            table.document().note(line, text);
            return None;
        }
        table.call(format!("{kind} \"{value}\""));
        self.declare(table.document(), &value, line);
        Some(value)
    }

    /// Declares `name`, or notes that it is there already.
    pub(super) fn declare(&mut self, document: &Document<'_>, name: &str, line: usize) {
        let kind = self.kind;
        let text = match self.lines.get(name) {
            None => {
                self.lines.insert(name.to_owned(), line);
                return;
            }
            Some(0) => format!("{kind} \"{name}\" is always there; choose another name"),
            Some(first) => format!("{kind} \"{name}\" is defined already, at line {first}"),
        };
        document.note(line, text);
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
