//! Names and values that may repeat, as objects of JSON tell them, in which no name may.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Names and values, by name; those of one name in the order in which they came.
pub(super) struct Pairs<'a>(Vec<Pair<'a>>);

impl<'a> Pairs<'a> {
    // Sorted, and not sought one by one: a query may hold thousands of parameters.
    pub(super) fn new(mut pairs: Vec<Pair<'a>>) -> Self {
        pairs.sort_by(|one, other| one.0.cmp(&other.0));
        Self(pairs)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last value of each name.
    pub(super) fn last(&self) -> Last<'_> {
        Last(&self.0)
    }

    /// All values of each name.
    pub(super) fn all(&self) -> All<'_> {
        All(&self.0)
    }

    /// All values of each name, with commas between them.
    pub(super) fn joined(&self) -> Joined<'_> {
        Joined(&self.0)
    }
}

fn by_name<'p, 'a>(pairs: &'p [Pair<'a>]) -> impl Iterator<Item = (&'p str, &'p [Pair<'a>])> {
    let groups = pairs.chunk_by(|one, next| one.0 == next.0);
    groups.filter_map(|group| Some((&*group.first()?.0, group)))
}

#[derive(Clone, Copy)]
pub(super) struct Last<'p>(&'p [Pair<'p>]);

impl Serialize for Last<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let last = |(name, group)| (name, <[Pair<'_>]>::last(group).map(|pair| &pair.1));
        serializer.collect_map(by_name(self.0).map(last))
    }
}

#[derive(Clone, Copy)]
pub(super) struct All<'p>(&'p [Pair<'p>]);

impl Serialize for All<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(by_name(self.0).map(|(name, group)| (name, Values(group))))
    }
}

struct Values<'p>(&'p [Pair<'p>]);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|pair| &pair.1))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Joined<'p>(&'p [Pair<'p>]);

impl Serialize for Joined<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(by_name(self.0).map(|(name, group)| (name, joined(group))))
    }
}

fn joined<'p>(group: &'p [Pair<'_>]) -> Cow<'p, str> {
    match group {
        [(_, only)] => Cow::Borrowed(only),
        several => {
            let values: Vec<&str> = several.iter().map(|pair| &*pair.1).collect();
            Cow::Owned(values.join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_name_keep_their_order() {
        let pair = |name: &'static str, value: &'static str| (name.into(), value.into());
        let some = [
            pair("b", "2"),
            pair("a", "z"),
            pair("b", "1"),
            pair("a", ""),
        ];
        let pairs = Pairs::new(some.to_vec());
        let told = [
            serde_json::to_string(&pairs.last()).expect("JSON"),
            serde_json::to_string(&pairs.all()).expect("JSON"),
            serde_json::to_string(&pairs.joined()).expect("JSON"),
        ];
        let want = [
            r#"{"a":"","b":"1"}"#,
            r#"{"a":["z",""],"b":["2","1"]}"#,
            r#"{"a":"z,","b":"2,1"}"#,
        ];
        assert_eq!(told, want);
        assert!(!pairs.is_empty() && Pairs::new(Vec::new()).is_empty());
    }
}
