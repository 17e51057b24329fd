//! One table of a document and its typed getters. In: keys. Out: values with their lines, or `None` and a problem noted.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::document::{Document, Placed, TextOrTable, alternatives};
use crate::problem::suggestion;

/// One table. A getter takes its key out and notes what is wrong with it; an absent key is
/// `None`, and so is a wrong one. What nobody asked for is an unknown key: see `finish`.
pub struct Table<'d> {
    document: &'d Document<'d>,
    label: String,
    line: usize,
    /// Where it stands in the text.
    span: Range<usize>,
    entries: DeTable<'d>,
    asked: Vec<&'static str>,
}

impl<'d> Table<'d> {
    pub(super) fn new(
        document: &'d Document<'d>,
        label: String,
        line: usize,
        tree: Spanned<DeTable<'d>>,
    ) -> Self {
        Self {
            document,
            label,
            line,
            span: tree.span(),
            entries: tree.into_inner(),
            asked: Vec::new(),
        }
    }

    /// Names the table in the problems to come: `route "orders"` says more than `[[route]]`.
    pub fn call(&mut self, label: String) {
        self.label = label;
    }

    /// What the table is called in problems.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The document that it is a part of.
    pub fn document(&self) -> &'d Document<'d> {
        self.document
    }

    /// The line where it starts; 0 for the file as a whole.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The bytes of the text where it stands: an inline table, or the header of another.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Whether `key` is there and has not been taken out yet.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The line of `key`, or of the table when there is no such key.
    pub fn line_of(&self, key: &str) -> usize {
        self.entries
            .get_key_value(key)
            .map_or(self.line, |(key, _)| self.document.line(key.span().start))
    }

    /// The bytes of the text where the value of `key` stands.
    pub fn span_of(&self, key: &str) -> Option<Range<usize>> {
        self.entries.get(key).map(Spanned::span)
    }

    /// Notes that `key` is missing, unless it is there; `cure` follows a semicolon.
    pub fn need(&mut self, key: &'static str, cure: &str) -> &mut Self {
        if !self.has(key) {
            self.asked.push(key);
            let text = format!("{} has no \"{key}\"; {cure}", self.label);
            self.document.note(self.line, text);
        }
        self
    }

    /// Takes `key` out unread, and notes nothing about it; whether it was there.
    pub fn leave_out(&mut self, key: &'static str) -> bool {
        self.take_spanned(key).is_some()
    }

    /// A text that is not empty.
    pub fn text(&mut self, key: &'static str) -> Option<Placed<String>> {
        let text = self.any_text(key)?;
        if text.value.is_empty() {
            let problem = format!("\"{key}\" in {} must not be empty", self.label);
            self.document.note(text.line, problem);
            return None;
        }
        Some(text)
    }

    /// A text, perhaps an empty one.
    pub fn any_text(&mut self, key: &'static str) -> Option<Placed<String>> {
        self.take(key, "a text", as_text)
    }

    /// One of `words`, by what it stands for.
    pub fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.any_text(key)?;
        let found = words.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let known = words.iter().map(|(word, _)| *word);
            let problem = format!(
                "\"{key}\" in {} is \"{}\", but must be {}{}",
                self.label,
                text.value,
                alternatives(known.clone()),
                suggestion(&text.value, known)
            );
            self.document.note(text.line, problem);
        }
        found.map(|(_, meaning)| *meaning)
    }

    /// A list of at least one word, each once, as what they stand for; an unknown one is noted
    /// and left out.
    pub fn words<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<Vec<T>> {
        let line = self.line_of(key);
        let texts = self.texts(key)?;
        if texts.is_empty() {
            let known = words.iter().map(|(word, _)| *word);
            let problem = format!(
                "\"{key}\" in {} holds nothing; it must hold {}",
                self.label,
                alternatives(known)
            );
            self.document.note(line, problem);
            return None;
        }
        let mut meant = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            let known = words.iter().map(|(word, _)| *word);
            if texts[..at].iter().any(|other| other.value == text.value) {
                let problem = format!("\"{key}\" in {} holds \"{}\" twice", self.label, text.value);
                self.document.note(text.line, problem);
                continue;
            }
            match words.iter().find(|(word, _)| *word == text.value) {
                Some((_, meaning)) => meant.push(*meaning),
                None => {
                    let problem = format!(
                        "\"{key}\" in {} holds \"{}\", but must hold {}{}",
                        self.label,
                        text.value,
                        alternatives(known.clone()),
                        suggestion(&text.value, known)
                    );
                    self.document.note(text.line, problem);
                }
            }
        }
        Some(meant)
    }

    /// A whole number within `range`.
    pub fn integer<T>(&mut self, key: &'static str, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        let number = self.take(key, "a whole number", |value| match value {
            DeValue::Integer(n) => Ok(i64::from_str_radix(n.as_str(), n.radix()).ok()),
            other => Err(other),
        })?;
        let fitting = number.value.and_then(|n| T::try_from(n).ok());
        let within = fitting.filter(|n| range.contains(n));
        if within.is_none() {
            let found = number.value.map(|n| format!(", not {n}"));
            let problem = format!(
                "\"{key}\" in {} must be from {} to {}{}",
                self.label,
                range.start(),
                range.end(),
                found.unwrap_or_default()
            );
            self.document.note(number.line, problem);
        }
        within
    }

    /// A whole number, whose bounds the caller checks.
    pub fn any_integer(&mut self, key: &'static str) -> Option<i64> {
        self.integer(key, i64::MIN..=i64::MAX)
    }

    /// A number within `range`, with a fraction or without.
    pub fn number(&mut self, key: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        let number = self.take(key, "a number", |value| match value {
            DeValue::Integer(n) if n.radix() == 10 => Ok(n.as_str().parse::<f64>().ok()),
            DeValue::Float(n) => Ok(n.as_str().parse::<f64>().ok()),
            other => Err(other),
        })?;
        let within = number.value.filter(|n| range.contains(n));
        if within.is_none() {
            let found = number.value.map(|n| format!(", not {n}"));
            let problem = format!(
                "\"{key}\" in {} must be from {} to {}{}",
                self.label,
                range.start(),
                range.end(),
                found.unwrap_or_default()
            );
            self.document.note(number.line, problem);
        }
        within
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let found = self.take(key, "true or false", |value| match value {
            DeValue::Boolean(b) => Ok(b),
            other => Err(other),
        });
        found.map(|b| b.value)
    }

    /// A date with its time and offset, as RFC 3339 writes it.
    pub fn time(&mut self, key: &'static str) -> Option<Placed<String>> {
        const EXPECTED: &str =
            "a date and time with its offset, such as 2026-01-31T12:00:00Z without quotes";
        self.take(key, EXPECTED, |value| match value {
            DeValue::Datetime(t) if t.date.is_some() && t.time.is_some() && t.offset.is_some() => {
                Ok(t.to_string())
            }
            other => Err(other),
        })
    }

    /// A list of texts, none of them empty.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<Placed<String>>> {
        const EXPECTED: &str = "a list of texts";
        let items = self.take(key, EXPECTED, as_array)?.value;
        let mut texts = Vec::new();
        for item in items {
            let line = self.document.line(item.span().start);
            match as_text(item.into_inner()) {
                Ok(value) if !value.is_empty() => texts.push(Placed { value, line }),
                Ok(_) => {
                    let problem = format!("\"{key}\" in {} holds an empty text", self.label);
                    self.document.note(line, problem);
                }
                Err(other) => self.note_type(key, EXPECTED, &other, line),
            }
        }
        Some(texts)
    }

    /// A text, or a list of texts.
    pub fn text_or_texts(&mut self, key: &'static str) -> Option<Vec<Placed<String>>> {
        match self.entries.get(key).map(Spanned::get_ref) {
            Some(DeValue::String(_)) => self.text(key).map(|text| vec![text]),
            _ => self.texts(key),
        }
    }

    /// A table below this one.
    pub fn table(&mut self, key: &'static str) -> Option<Table<'d>> {
        let label = self.label_of(key, false);
        let expected = format!("a table; write {}", self.example_of(key, false));
        let (line, span, value) = self.take_spanned(key)?;
        match value {
            DeValue::Table(entries) => Some(self.below(label, line, span, entries)),
            other => {
                self.note_type(key, &expected, &other, line);
                None
            }
        }
    }

    /// The tables of an array that is not empty; none when the key is absent.
    pub fn tables(&mut self, key: &'static str) -> Vec<Table<'d>> {
        let label = self.label_of(key, true);
        let expected = format!("a list of tables; write {}", self.example_of(key, true));
        let Some((line, _, value)) = self.take_spanned(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value else {
            self.note_type(key, &expected, &value, line);
            return Vec::new();
        };
        if items.is_empty() {
            let example = self.example_of(key, true);
            let problem = format!("{label} is empty; write {example} or leave the key out");
            self.document.note(line, problem);
        }
        let mut tables = Vec::new();
        for item in items {
            let (line, span) = (self.document.line(item.span().start), item.span());
            match item.into_inner() {
                DeValue::Table(entries) => {
                    tables.push(self.below(label.clone(), line, span, entries));
                }
                other => self.note_type(key, &expected, &other, line),
            }
        }
        tables
    }

    /// A table, or the tables of an array.
    pub fn table_or_tables(&mut self, key: &'static str) -> Vec<Table<'d>> {
        match self.entries.get(key).map(Spanned::get_ref) {
            Some(DeValue::Table(_)) => self.table(key).into_iter().collect(),
            _ => self.tables(key),
        }
    }

    /// A text or a table: a name, or what it would stand for.
    pub fn text_or_table(&mut self, key: &'static str) -> Option<TextOrTable<'d>> {
        match self.entries.get(key).map(Spanned::get_ref) {
            Some(DeValue::Table(_)) => self.table(key).map(TextOrTable::Table),
            Some(DeValue::String(_)) => self.text(key).map(TextOrTable::Text),
            _ => {
                let found = self.take(key, "a text or a table", Err::<TextOrTable<'d>, _>);
                found.map(|found| found.value)
            }
        }
    }

    /// A list of texts and tables that is not empty; none when the key is absent.
    pub fn texts_or_tables(&mut self, key: &'static str) -> Vec<TextOrTable<'d>> {
        let label = self.label_of(key, false);
        const EXPECTED: &str = "a list of texts and tables";
        let Some(items) = self.take(key, EXPECTED, as_array) else {
            return Vec::new();
        };
        if items.value.is_empty() {
            let example = self.example_of(key, true);
            let problem = format!("{label} is empty; write {example} or leave the key out");
            self.document.note(items.line, problem);
        }
        let mut found = Vec::new();
        for item in items.value {
            let (line, span) = (self.document.line(item.span().start), item.span());
            match item.into_inner() {
                DeValue::Table(entries) => {
                    let table = self.below(label.clone(), line, span, entries);
                    found.push(TextOrTable::Table(table));
                }
                DeValue::String(text) if !text.is_empty() => {
                    let value = text.into_owned();
                    found.push(TextOrTable::Text(Placed { value, line }));
                }
                DeValue::String(_) => {
                    self.document
                        .note(line, format!("{label} holds an empty text"));
                }
                other => self.note_type(key, EXPECTED, &other, line),
            }
        }
        found
    }

    /// A text, a table, or a list of both.
    pub fn one_or_more(&mut self, key: &'static str) -> Vec<TextOrTable<'d>> {
        match self.entries.get(key).map(Spanned::get_ref) {
            Some(DeValue::Array(_)) => self.texts_or_tables(key),
            Some(_) => self.text_or_table(key).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// Every key that is left, in the order of the file, with its text.
    pub fn texts_by_key(&mut self) -> Vec<Placed<(String, String)>> {
        let mut entries: Vec<_> = std::mem::take(&mut self.entries).into_iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut texts = Vec::new();
        for (key, value) in entries {
            let line = self.document.line(key.span().start);
            let key = key.into_inner().into_owned();
            match as_text(value.into_inner()) {
                Ok(text) => texts.push(Placed {
                    value: (key, text),
                    line,
                }),
                Err(other) => self.note_type(&key, "a text", &other, line),
            }
        }
        texts
    }

    /// Notes every key that nobody asked for, with the nearest one that was asked for.
    pub fn finish(self) {
        for key in self.entries.keys() {
            let problem = format!(
                "unknown key \"{}\" in {}{}",
                key.get_ref(),
                self.label,
                suggestion(key.get_ref(), self.asked.iter().copied())
            );
            self.document
                .note(self.document.line(key.span().start), problem);
        }
    }

    fn take<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        convert: impl FnOnce(DeValue<'d>) -> Result<T, DeValue<'d>>,
    ) -> Option<Placed<T>> {
        let (line, _, value) = self.take_spanned(key)?;
        match convert(value) {
            Ok(value) => Some(Placed { value, line }),
            Err(other) => {
                self.note_type(key, expected, &other, line);
                None
            }
        }
    }

    fn take_spanned(&mut self, key: &'static str) -> Option<(usize, Range<usize>, DeValue<'d>)> {
        self.asked.push(key);
        let line = self.line_of(key);
        let value = self.entries.remove(key)?;
        Some((line, value.span(), value.into_inner()))
    }

    fn below(
        &self,
        label: String,
        line: usize,
        span: Range<usize>,
        entries: DeTable<'d>,
    ) -> Table<'d> {
        Table::new(self.document, label, line, Spanned::new(span, entries))
    }

    fn note_type(&self, key: &str, expected: &str, found: &DeValue<'_>, line: usize) {
        let found = match found {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let problem = format!(
            "\"{key}\" in {} must be {expected} (found {found})",
            self.label
        );
        self.document.note(line, problem);
    }

    fn is_root(&self) -> bool {
        self.line == 0
    }

    fn label_of(&self, key: &str, many: bool) -> String {
        match (self.is_root(), many) {
            (true, true) => format!("[[{key}]]"),
            (true, false) => format!("[{key}]"),
            (false, _) => format!("\"{key}\" of {}", self.label),
        }
    }

    fn example_of(&self, key: &str, many: bool) -> String {
        match (self.is_root(), many) {
            (true, _) => self.label_of(key, many),
            (false, true) => format!("{key} = [{{ … }}]"),
            (false, false) => format!("{key} = {{ … }}"),
        }
    }
}

fn as_text(value: DeValue<'_>) -> Result<String, DeValue<'_>> {
    match value {
        DeValue::String(text) => Ok(Cow::into_owned(text)),
        other => Err(other),
    }
}

fn as_array<'i>(value: DeValue<'i>) -> Result<DeArray<'i>, DeValue<'i>> {
    match value {
        DeValue::Array(items) => Ok(items),
        other => Err(other),
    }
}
