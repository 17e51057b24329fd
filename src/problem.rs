//! What is wrong with a file that an operator wrote: where, what, and the cure.
//! Readers collect every problem before they give up, so that one run shows them all.

use std::fmt;
use std::path::{Path, PathBuf};

/// One mistake: `gateway.toml:41: route "orders" names policy "bulkk", …`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file as the operator named it.
    pub file: PathBuf,
    /// The line, counted from 1; 0 when the whole file is meant.
    pub line: usize,
    /// The mistake and its cure, one line, no full stop needed.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file.display(), self.text),
            line => write!(f, "{}:{line}: {}", self.file.display(), self.text),
        }
    }
}

/// Every mistake found, in the order of the lines; never empty when it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// One problem with `file` as a whole.
    pub fn with_file(file: &Path, text: impl Into<String>) -> Self {
        let mut problems = Self::default();
        problems.add(file, 0, text);
        problems
    }

    /// Notes a problem at `line` of `file` (0 for the file as a whole).
    pub fn add(&mut self, file: &Path, line: usize, text: impl Into<String>) {
        self.0.push(Problem {
            file: file.to_owned(),
            line,
            text: text.into(),
        });
    }

    /// Takes over what another reader found.
    pub fn extend(&mut self, other: Problems) {
        self.0.extend(other.0);
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `value` when nothing is wrong, otherwise every problem by file and line.
    pub fn or_ok<T>(mut self, value: T) -> Result<T, Problems> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort();
        self.0.dedup();
        Err(self)
    }

    /// The problems one by one.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// `; did you mean "bulk"?` when one of `known` is close to `word`, otherwise nothing.
pub fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= 1 + word.len() / 4)
        .map(|(_, candidate)| format!("; did you mean \"{candidate}\"?"))
        .unwrap_or_default()
}
