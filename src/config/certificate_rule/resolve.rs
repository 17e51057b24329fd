//! Rules that hold rules, by name or written out. In: tables. Out: rules without names; a name
//! that is unknown, a rule that comes back to itself, one that is empty or too deep is noted.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::declared::Declared;
use crate::document::{Document, Placed, Table, TextOrTable};

use super::condition::{self, KEYS};
use super::{CertificateCondition, CertificateRule};

/// The most rules within rules.
const MAX_HEIGHT: usize = 8;
/// The most conditions of a rule, those of inner rules among them: a request is judged by all.
const MAX_SIZE: usize = 1000;

/// The named rules, for whoever names or holds one.
pub(in crate::config) struct CertificateRules {
    names: Declared,
    stores: Declared,
    drafts: HashMap<String, Draft>,
    /// `None` for a rule in which something is wrong, which has been noted.
    built: HashMap<String, Option<Arc<CertificateRule>>>,
}

/// A rule as it was written, names and all.
#[derive(Clone)]
struct Draft {
    label: String,
    line: usize,
    conditions: Vec<CertificateCondition>,
    inner: Vec<(Joint, Vec<Member>)>,
    /// Whether nothing in it was wrong.
    good: bool,
}

/// How the rules within a rule are joined.
#[derive(Clone, Copy)]
enum Joint {
    AllOf,
    AnyOf,
    Not,
}

#[derive(Clone)]
enum Member {
    Named(Placed<String>),
    Written(Draft),
}

impl CertificateRules {
    /// Reads every `[[certificate_rule]]`; `stores` are the trust stores that rules may name.
    pub(in crate::config) fn read(root: &mut Table<'_>, stores: Declared) -> Self {
        let document = root.document();
        let mut names = Declared::new("certificate rule");
        let mut drafts = HashMap::new();
        let mut order = Vec::new();
        for mut table in root.tables("certificate_rule") {
            let name = names.name_of(&mut table);
            let draft = Draft::read(table);
            if let Some(name) = name
                && !drafts.contains_key(&name)
            {
                order.push(name.clone());
                drafts.insert(name, draft);
            }
        }
        let mut rules = Self {
            names,
            stores,
            drafts,
            built: HashMap::new(),
        };
        for name in order {
            rules.named(document, &name, &mut Vec::new());
        }
        rules
    }

    /// The rule under `key` of `table`: a name, or a rule that is written out. `None` when there
    /// is none, or something in it is wrong and has been noted.
    pub(in crate::config) fn rule(
        &mut self,
        table: &mut Table<'_>,
        key: &'static str,
    ) -> Option<Arc<CertificateRule>> {
        let found = table.text_or_table(key)?;
        self.resolve(table, found).map(|(rule, _)| rule)
    }

    /// The rules under `key`, which holds one or a list of them, each with its line.
    pub(in crate::config) fn rules(
        &mut self,
        table: &mut Table<'_>,
        key: &'static str,
    ) -> Vec<(Arc<CertificateRule>, usize)> {
        let found = table.one_or_more(key).into_iter();
        found.filter_map(|one| self.resolve(table, one)).collect()
    }

    fn resolve(
        &mut self,
        user: &Table<'_>,
        found: TextOrTable<'_>,
    ) -> Option<(Arc<CertificateRule>, usize)> {
        let document = user.document();
        let member = Member::from(found);
        let line = match &member {
            Member::Named(name) => name.line,
            Member::Written(draft) => draft.line,
        };
        let rule = self.member(document, user.label(), &member, &mut Vec::new())?;
        Some((rule, line))
    }

    /// The rule that a member of `user` stands for; `path` holds the names on the way to it.
    fn member(
        &mut self,
        document: &Document<'_>,
        user: &str,
        member: &Member,
        path: &mut Vec<String>,
    ) -> Option<Arc<CertificateRule>> {
        let name = match member {
            Member::Written(draft) => return self.build(document, draft, path),
            Member::Named(name) => name,
        };
        if path.contains(&name.value) {
            let text = format!(
                "{user} names certificate rule \"{}\", of which it is a part; take that name out",
                name.value
            );
            document.note(name.line, text);
            return None;
        }
        self.names.check(document, user, name);
        self.named(document, &name.value, path)
    }

    fn named(
        &mut self,
        document: &Document<'_>,
        name: &str,
        path: &mut Vec<String>,
    ) -> Option<Arc<CertificateRule>> {
        if let Some(built) = self.built.get(name) {
            return built.clone();
        }
        let draft = self.drafts.get(name)?.clone();
        path.push(name.to_owned());
        let built = match path.len() > MAX_HEIGHT {
            true => too_deep(document, &draft),
            false => self.build(document, &draft, path),
        };
        path.pop();
        self.built.insert(name.to_owned(), built.clone());
        built
    }

    fn build(
        &mut self,
        document: &Document<'_>,
        draft: &Draft,
        path: &mut Vec<String>,
    ) -> Option<Arc<CertificateRule>> {
        let mut conditions = draft.conditions.clone();
        let mut good = draft.good;
        for condition in &conditions {
            if let CertificateCondition::TrustStore(name) = condition {
                let used = Placed {
                    value: name.clone(),
                    line: draft.line,
                };
                self.stores.check(document, &draft.label, &used);
            }
        }
        for (joint, members) in &draft.inner {
            let mut rules = Vec::new();
            for member in members {
                rules.extend(self.member(document, &draft.label, member, path));
            }
            good &= rules.len() == members.len();
            conditions.extend(match joint {
                Joint::AllOf => Some(CertificateCondition::AllOf(rules)),
                Joint::AnyOf => Some(CertificateCondition::AnyOf(rules)),
                Joint::Not => rules.pop().map(CertificateCondition::Not),
            });
        }
        if !good {
            return None;
        }
        let inner = conditions.iter().flat_map(CertificateCondition::inner);
        let height = 1 + inner.map(|rule| rule.height).max().unwrap_or(0);
        let rule = CertificateRule { conditions, height };
        if height > MAX_HEIGHT {
            return too_deep(document, draft);
        }
        if rule.size() > MAX_SIZE {
            let text = format!(
                "{} comes to more than {MAX_SIZE} conditions, with those of the rules that it holds; take some out",
                draft.label
            );
            document.note(draft.line, text);
            return None;
        }
        Some(Arc::new(rule))
    }
}

fn too_deep<T>(document: &Document<'_>, draft: &Draft) -> Option<T> {
    let text = format!(
        "{} is deeper than {MAX_HEIGHT} rules within rules; write some of them in one",
        draft.label
    );
    document.note(draft.line, text);
    None
}

impl Draft {
    fn read(mut table: Table<'_>) -> Self {
        const JOINTS: [&str; 3] = ["all_of", "any_of", "not"];
        let given = KEYS.iter().filter(|key| table.has(key)).count();
        let joints = JOINTS.iter().filter(|key| table.has(key)).count();
        let conditions = condition::read(&mut table);
        let mut inner = Vec::new();
        for (joint, key) in [(Joint::AllOf, "all_of"), (Joint::AnyOf, "any_of")] {
            let members: Vec<Member> = table
                .texts_or_tables(key)
                .into_iter()
                .map(Member::from)
                .collect();
            if !members.is_empty() {
                inner.push((joint, members));
            }
        }
        let not = table.text_or_table("not").map(Member::from);
        inner.extend(not.map(|member| (Joint::Not, vec![member])));
        if given + joints == 0 {
            let text = format!(
                "{} matches every certificate; give at least one of {}, {}",
                table.label(),
                KEYS.join(", "),
                JOINTS.join(", ")
            );
            table.document().note(table.line(), text);
        }
        let good = given + joints > 0 && given == conditions.len() && joints == inner.len();
        let draft = Self {
            label: table.label().to_owned(),
            line: table.line(),
            conditions,
            inner,
            good,
        };
        table.finish();
        draft
    }
}

impl From<TextOrTable<'_>> for Member {
    fn from(found: TextOrTable<'_>) -> Self {
        match found {
            TextOrTable::Text(name) => Self::Named(name),
            TextOrTable::Table(table) => Self::Written(Draft::read(table)),
        }
    }
}
