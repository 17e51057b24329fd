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

/// A value that is a text or a table.
pub enum TextOrTable<'d> {
    /// A text that is not empty.
    Text(Placed<String>),
    /// A table.
    Table(Table<'d>),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What is said of `text` when `read` reads it.
    fn said(text: &str, read: impl FnOnce(&mut Table<'_>)) -> String {
        let document = Document::new(Path::new("f.toml"), text);
        let mut root = document.root().unwrap();
        read(&mut root);
        root.finish();
        match document.or_ok(()) {
            Ok(()) => String::new(),
            Err(problems) => problems.to_string(),
        }
    }

    #[test]
    fn every_value_comes_with_its_line() {
        let text =
            "a = \"x\"\n\nb = [\n  \"y\",\n  \"z\",\n]\n[t]\nn = 0x10\n[[l]]\n[[l]]\nk = true\n";
        let document = Document::new(Path::new("f.toml"), text);
        let mut root = document.root().unwrap();
        let a = root.text("a").unwrap();
        assert_eq!((a.value.as_str(), a.line), ("x", 1));
        let lines: Vec<_> = root.texts("b").unwrap().iter().map(|t| t.line).collect();
        assert_eq!(lines, [4, 5]);
        let mut table = root.table("t").unwrap();
        assert_eq!((table.line(), table.line_of("n")), (7, 8));
        assert_eq!(table.integer("n", 0..=16u8), Some(16));
        let lines: Vec<_> = root.tables("l").iter().map(Table::line).collect();
        assert_eq!(lines, [9, 10]);
    }

    #[test]
    fn all_mistakes_are_told_in_the_order_of_the_lines() {
        let text = "b = 1\na = 300\nwrod = \"x\"\nlist = [\"\", 5]\n";
        let said = said(text, |root| {
            root.integer("a", 0..=200u8);
            root.boolean("b");
            root.text("word");
            root.texts("list");
            root.need("gone", "write it");
        });
        assert_eq!(
            said,
            "\
f.toml: the file has no \"gone\"; write it
f.toml:1: \"b\" in the file must be true or false (found a whole number)
f.toml:2: \"a\" in the file must be from 0 to 200, not 300
f.toml:3: unknown key \"wrod\" in the file; did you mean \"word\"?
f.toml:4: \"list\" in the file holds an empty text
f.toml:4: \"list\" in the file must be a list of texts (found a whole number)"
        );
    }

    #[test]
    fn a_number_that_no_integer_holds_is_out_of_range() {
        let said = said("n = 99999999999999999999\n", |root| {
            root.integer("n", 1..=u64::MAX);
        });
        assert!(said.starts_with("f.toml:1: "), "{said}");
    }

    #[test]
    fn a_time_needs_its_offset() {
        for (text, good) in [
            ("2026-01-31T12:00:00Z", true),
            ("2026-01-31T12:00:00+01:00", true),
            ("2026-01-31T12:00:00", false),
            ("2026-01-31", false),
            ("\"2026-01-31T12:00:00Z\"", false),
        ] {
            let said = said(&format!("t = {text}\n"), |root| {
                root.time("t");
            });
            assert_eq!(said.is_empty(), good, "{text}: {said}");
        }
    }

    #[test]
    fn every_line_that_is_no_toml_is_told() {
        let document = Document::new(Path::new("f.toml"), "a = \nb = 1\nb = 2\n");
        let problems = document.root().err().unwrap();
        let lines: Vec<_> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 3]);
    }

    #[test]
    fn words_are_offered_as_alternatives() {
        assert_eq!(alternatives([]), "");
        assert_eq!(alternatives(["a"]), "\"a\"");
        assert_eq!(alternatives(["a", "b", "c"]), "\"a\", \"b\" or \"c\"");
    }
}
