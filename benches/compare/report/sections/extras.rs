//! What else was measured of the servers that end TLS: a table a figure, its paths beneath one
//! another.

use crate::report::document::{Block, Cell, Section, Table};
use crate::report::families;
use crate::report::text::number;
use crate::results::{Extra, Run};

pub fn section(run: &Run) -> Section {
    let mut section = Section::new("Handshakes, connections and more");
    let mut kinds: Vec<(&str, &str)> = Vec::new();
    for extra in &run.extras {
        if !kinds.contains(&(&extra.what, &extra.unit)) {
            kinds.push((&extra.what, &extra.unit));
        }
    }
    for (what, unit) in kinds {
        let rows = run
            .extras
            .iter()
            .filter(|extra| extra.what == what && extra.unit == unit);
        section.blocks.push(Block::Title(first_letter_large(what)));
        section.table(table(run, unit, rows));
    }
    section
}

fn table<'a>(run: &Run, unit: &str, extras: impl Iterator<Item = &'a Extra>) -> Table {
    let extras: Vec<&Extra> = extras.collect();
    let has_notes = extras.iter().any(|extra| !extra.note.is_empty());
    let unit = if unit.is_empty() { "Number" } else { unit };
    let head = if has_notes {
        &["Path", unit, "Note"][..]
    } else {
        &["Path", unit]
    };
    let mut table = Table::new(1, head);
    table.is_last_words = has_notes;
    for extra in extras {
        let label = families::path(run, &extra.path).map_or(extra.path.clone(), families::label);
        let mut cells: Vec<Cell> = vec![label.into(), number(extra.value).into()];
        if has_notes {
            cells.push(extra.note.as_str().into());
        }
        table.row(cells);
    }
    table
}

fn first_letter_large(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
