//! A TOML file, read with places: every value knows its line, every mistake is noted and the reading goes on.
//! In: a file's text. Out: a `Table` with typed getters, and every `Problem` at the end.
//! Knows TOML, not what the keys mean. What it notes never holds a value read by `text`: it may be a secret.

mod table;

use std::cell::RefCell;
use std::path::Path;

use toml::de::DeTable;

use crate::problem::Problems;

pub use table::Table;

/// A value and the line where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Its line, counted from 1.
    pub line: usize,
}

/// One file, and what has been found wrong with it so far.
pub struct Document<'t> {
    file: &'t Path,
    text: &'t str,
    line_starts: Vec<usize>,
    problems: RefCell<Problems>,
}

/// Reads the text of `file`.
///
/// # Errors
/// One problem that says why the file cannot be read.
pub fn read(file: &Path) -> Result<String, Problems> {
    std::fs::read_to_string(file)
        .map_err(|error| Problems::with_file(file, format!("cannot be read: {error}")))
}

impl<'t> Document<'t> {
    /// The document with `text`, which stands in `file`.
    pub fn new(file: &'t Path, text: &'t str) -> Self {
        let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file,
            text,
            line_starts: std::iter::once(0).chain(newlines).collect(),
            problems: RefCell::default(),
        }
    }

    /// The table of the whole file.
    ///
    /// # Errors
    /// A problem for each line that is not TOML.
    pub fn root(&self) -> Result<Table<'_>, Problems> {
        let (tree, errors) = DeTable::parse_recoverable(self.text);
        let mut problems = Problems::default();
        for error in errors {
            let line = error.span().map_or(0, |span| self.line(span.start));
            let message = error.message().replace('\n', " ");
            problems.add(self.file, line, format!("this is not TOML: {message}"));
        }
        problems
            .or_ok(tree)
            .map(|tree| Table::new(self, "the file".to_owned(), 0, tree))
    }

    /// The file.
    pub fn file(&self) -> &Path {
        self.file
    }

    /// Notes a problem at `line`; 0 means the file as a whole.
    pub fn note(&self, line: usize, text: impl Into<String>) {
        self.problems.borrow_mut().add(self.file, line, text);
    }

    /// `value` when nothing was noted.
    ///
    /// # Errors
    /// Everything that was noted, in the order of the lines.
    pub fn or_ok<T>(self, value: T) -> Result<T, Problems> {
        self.problems.into_inner().or_ok(value)
    }

    fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }
}

/// `"a"`, `"a" or "b"`, `"a", "b" or "c"`.
pub fn alternatives<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut quoted: Vec<String> = words.into_iter().map(|w| format!("\"{w}\"")).collect();
    let last = quoted.pop().unwrap_or_default();
    match quoted.is_empty() {
        true => last,
        false => format!("{} or {last}", quoted.join(", ")),
    }
}
