//! What a statement of a policy is about: actions or resources, those that it names or all but
//! those. In: its elements, then the spellings of a name. Out: whether the name is meant.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::lambda::answer::Malformed;
use crate::pattern;

use super::wildcard;

/// An element as it is written.
pub(super) struct Element {
    /// Whether it is `NotAction` or `NotResource`.
    all_but: bool,
    texts: Vec<String>,
}

/// An element as it is understood.
#[derive(Clone)]
pub(super) struct Matter {
    all_but: bool,
    denies: bool,
    patterns: Vec<Vec<u8>>,
}

const WRONG: Malformed = Malformed("a statement has no action or resource, or one that is none");

impl Element {
    /// Reads one of two keys: that for what is meant, or that for what is not.
    pub(super) fn read(
        statement: &Map<String, Value>,
        [only, all_but]: [&str; 2],
        is_good: fn(&str) -> bool,
    ) -> Result<Self, Malformed> {
        let (value, all_but) = match (statement.get(only), statement.get(all_but)) {
            (Some(value), None) => (value, false),
            (None, Some(value)) => (value, true),
            _ => return Err(WRONG),
        };
        let list = match value {
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        let good = |text: &Value| {
            let text = text.as_str().filter(|text| is_good(text));
            text.map(str::to_owned).ok_or(WRONG)
        };
        match list.is_empty() {
            true => Err(WRONG),
            false => Ok(Self {
                all_but,
                texts: list.iter().map(good).collect::<Result<_, _>>()?,
            }),
        }
    }

    /// The same in lower case.
    pub(super) fn lower_case(mut self) -> Self {
        self.texts
            .iter_mut()
            .for_each(|text| text.make_ascii_lowercase());
        self
    }

    /// Whether it holds policy variables (`${aws:username}`), which nobody here can fill in.
    pub(super) fn has_variables(&self) -> bool {
        self.texts.iter().any(|text| has_variable(text))
    }

    /// What it means to a statement that denies, or to one that allows and has no variables.
    pub(super) fn into_matter(self, denies: bool) -> Matter {
        let Self { all_but, texts } = self;
        let mut patterns = Vec::with_capacity(texts.len());
        for text in &texts {
            match (has_variable(text), all_but) {
                // It may stand for anything that is meant, and for nothing that is not.
                (true, false) => patterns.push(b"*".to_vec()),
                (true, true) => continue,
                (false, _) => patterns.push(text.clone().into_bytes()),
            }
            // What is denied by one spelling is denied by the other.
            let decoded = pattern::decoded(text);
            if denies != all_but && decoded != text.as_bytes() {
                patterns.push(decoded.into_owned());
            }
        }
        Matter {
            all_but,
            denies,
            patterns,
        }
    }
}

fn has_variable(text: &str) -> bool {
    text.contains("${")
}

impl Matter {
    /// Whether a name is meant that has these spellings, at least one. To a Deny it is when any
    /// of them is; to an Allow when the first one is, or when none of them is left out.
    pub(super) fn holds(&self, spellings: &[Cow<'_, [u8]>]) -> bool {
        let is_named = |spelling: &Cow<'_, [u8]>| {
            let mut patterns = self.patterns.iter();
            patterns.any(|pattern| wildcard::matches(pattern, spelling))
        };
        match (self.denies, self.all_but) {
            (true, false) => spellings.iter().any(is_named),
            (true, true) => !spellings.iter().all(is_named),
            (false, false) => spellings.first().is_some_and(is_named),
            (false, true) => !spellings.iter().any(is_named),
        }
    }
}
