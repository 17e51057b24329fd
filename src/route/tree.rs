//! Path patterns as a tree of segments, searched literal before `{param}` before `{proxy+}`.
//! In: a path as received. Out: what was put at the most specific pattern that matches.
//! Segments are compared percent-decoded: the server behind will decode them, and what is
//! guarded under one spelling must not be open under another.
//! A pattern for the call's host goes before the same pattern for any host; a trailing slash
//! of the path is ignored, as API Gateway's REST APIs do.

use std::collections::HashMap;

use crate::pattern::{PathPattern, Segment, decoded};

/// A tree whose leaves hold a `T` for each host.
#[derive(Debug)]
pub(super) struct Tree<T>(Node<T>);

#[derive(Debug)]
struct Node<T> {
    literals: HashMap<Vec<u8>, Node<T>>,
    parameter: Option<Box<Node<T>>>,
    here: Hosts<T>,
    greedy: Hosts<T>,
}

#[derive(Debug)]
struct Hosts<T> {
    named: HashMap<String, T>,
    any: Option<T>,
}

impl<T> Default for Hosts<T> {
    fn default() -> Self {
        Self {
            named: HashMap::new(),
            any: None,
        }
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self {
            literals: HashMap::new(),
            parameter: None,
            here: Hosts::default(),
            greedy: Hosts::default(),
        }
    }
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self(Node::default())
    }
}

impl<T: Default> Tree<T> {
    /// The place of a pattern and host, made when there is none.
    pub(super) fn entry(&mut self, pattern: &PathPattern, host: Option<&str>) -> &mut T {
        let mut node = &mut self.0;
        for segment in pattern.segments() {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::Parameter(_) => node.parameter.get_or_insert_default(),
                Segment::Greedy(_) => return node.greedy.entry(host),
            };
        }
        node.here.entry(host)
    }
}

impl<T> Tree<T> {
    /// What stands at the most specific pattern that takes `path` for `host`.
    pub(super) fn find(&self, path: &str, host: &str) -> Option<&T> {
        let rest = path.strip_prefix('/')?;
        let trimmed = rest.strip_suffix('/').unwrap_or(rest);
        match trimmed.is_empty() {
            true => self.0.here.find(host),
            false => self.0.find(trimmed, host),
        }
    }
}

impl<T> Node<T> {
    /// `rest` is never empty here, and what is behind it has no trailing slash. Every level
    /// tries at most two children, of which only a parameter is tried again elsewhere; the
    /// work is bounded by the patterns, not by the path.
    fn find(&self, rest: &str, host: &str) -> Option<&T> {
        let (segment, behind) = match rest.split_once('/') {
            Some((segment, behind)) => (segment, Some(behind)),
            None => (rest, None),
        };
        let literal = self.literals.get(&*decoded(segment));
        let parameter = self.parameter.as_deref().filter(|_| !segment.is_empty());
        literal
            .and_then(|node| node.behind(behind, host))
            .or_else(|| parameter.and_then(|node| node.behind(behind, host)))
            .or_else(|| self.greedy.find(host))
    }

    fn behind(&self, rest: Option<&str>, host: &str) -> Option<&T> {
        match rest {
            Some(rest) => self.find(rest, host),
            None => self.here.find(host),
        }
    }
}

impl<T> Hosts<T> {
    fn find(&self, host: &str) -> Option<&T> {
        if self.named.is_empty() {
            return self.any.as_ref();
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        let named = match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => self.named.get(&host.to_ascii_lowercase()),
            false => self.named.get(host),
        };
        named.or(self.any.as_ref())
    }
}

impl<T: Default> Hosts<T> {
    fn entry(&mut self, host: Option<&str>) -> &mut T {
        match host {
            Some(host) => self.named.entry(host.to_owned()).or_default(),
            None => self.any.get_or_insert_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree(patterns: &[(&str, Option<&str>)]) -> Tree<Option<usize>> {
        let mut tree = Tree::default();
        for (index, (pattern, host)) in patterns.iter().enumerate() {
            let pattern = PathPattern::parse(pattern).expect("a pattern");
            *tree.entry(&pattern, *host) = Some(index);
        }
        tree
    }

    #[test]
    fn the_most_specific_pattern_wins() {
        let tree = tree(&[
            ("/", None),
            ("/pets/dog/1", None),
            ("/pets/dog/{id}", None),
            ("/pets/{proxy+}", None),
            ("/{proxy+}", None),
            ("/{kind}/cat/2", None),
            ("/parent/{proxy+}", Some("a.example")),
        ]);
        let cases = [
            ("/", Some(0)),
            ("/pets/dog/1", Some(1)),
            ("/pets/dog/1/", Some(1)),
            ("/pets/dog/2", Some(2)),
            ("/pets/cat/1", Some(3)),
            ("/pets/cat/2", Some(3)),
            ("/birds/cat/2", Some(5)),
            ("/test/5", Some(4)),
            ("/pets", Some(4)),
            ("/pets/", Some(4)),
        ];
        for (path, want) in cases {
            let found = tree.find(path, "b.example").copied().flatten();
            assert_eq!(found, want, "{path}");
        }
        assert_eq!(tree.find("/parent/x", "a.example"), Some(&Some(6)));
        assert_eq!(tree.find("/parent/x", "A.Example."), Some(&Some(6)));
        assert_eq!(tree.find("/parent/x", "b.example"), Some(&Some(4)));
        assert_eq!(tree.find("/parent", "a.example"), Some(&Some(4)));
    }

    #[test]
    fn a_literal_is_found_under_every_spelling() {
        let tree = tree(&[("/admin/a%40b", None), ("/{proxy+}", None)]);
        for path in ["/admin/a@b", "/%61dmin/a%40b", "/%61%64%6D%69%6e/%61@%62/"] {
            assert_eq!(tree.find(path, "a"), Some(&Some(0)), "{path}");
        }
        // Decoded twice it would be, but nobody decodes twice.
        assert_eq!(tree.find("/%2561dmin/a@b", "a"), Some(&Some(1)));
    }

    #[test]
    fn a_greedy_pattern_needs_something_to_take() {
        let tree = tree(&[("/parent/{proxy+}", None)]);
        for path in ["/parent", "/parent/", "/", "", "parent/x"] {
            assert_eq!(tree.find(path, "a"), None, "{path}");
        }
    }

    proptest! {
        /// The tree against the obvious: compare every pattern with every path.
        #[test]
        fn the_tree_agrees_with_comparing_every_pattern(
            patterns in proptest::collection::btree_set("(/(a|b|\\{p\\})){1,3}(/\\{q\\+\\})?", 1..6),
            path in "(/(a|b|c)){1,5}/?",
        ) {
            let patterns: Vec<PathPattern> = patterns
                .iter()
                .filter_map(|text| PathPattern::parse(&text.replacen("{p}", "{p0}", 1)).ok())
                .collect();
            let mut tree = Tree::<Option<PathPattern>>::default();
            for pattern in &patterns {
                *tree.entry(pattern, None) = Some(pattern.clone());
            }
            let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
            let mut matching: Vec<Vec<u8>> = patterns.iter().filter_map(|p| rank(p, &segments)).collect();
            matching.sort();
            let found = tree.find(&path, "x").and_then(|p| rank(p.as_ref()?, &segments));
            prop_assert_eq!(found, matching.into_iter().next());
        }
    }

    /// `None` when the pattern does not match; otherwise smaller is more specific.
    fn rank(pattern: &PathPattern, path: &[&str]) -> Option<Vec<u8>> {
        let mut rank = Vec::new();
        let mut at = 0;
        for segment in pattern.segments() {
            match segment {
                Segment::Literal(text) => {
                    (path.get(at)?.as_bytes() == text).then_some(())?;
                    rank.push(0);
                }
                Segment::Parameter(_) => {
                    path.get(at)?;
                    rank.push(1);
                }
                Segment::Greedy(_) => {
                    path.get(at)?;
                    rank.push(2);
                    return Some(rank);
                }
            }
            at += 1;
        }
        (at == path.len()).then_some(rank)
    }
}
