//! One member of Signature-Input: what a signature covers and says of itself (RFC 9421 §2.3,
//! §4.1). In: an inner list with parameters, as the parser of structured fields meets it. Out:
//! a `Member`, with its one canonical text. What is wrong with a member is noted, and matters
//! when that member is the one to be verified: someone else's signature is not our business.

use std::borrow::Cow;

use sfv::visitor::{
    EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ListVisitor, ParameterVisitor,
};
use sfv::{BareItemFromInput, KeyRef};

use super::component::{Component, string, text_of};
use super::structured::{Names, Stop, parser, write_bare, write_parameter};

/// More components are refused.
const MAX_COMPONENTS: usize = 32;

/// What a signature covers, and its parameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Member<'a> {
    /// Its label: unsigned, and nothing but what pairs it with its signature (§7.2.5).
    pub label: &'a str,
    /// The covered components, in order.
    pub components: Vec<Component<'a>>,
    pub created: Option<i64>,
    pub expires: Option<i64>,
    pub nonce: Option<Cow<'a, str>>,
    pub alg: Option<Cow<'a, str>>,
    pub keyid: Option<Cow<'a, str>>,
    pub tag: Option<Cow<'a, str>>,
    /// The list and its parameters, serialised: the value of `@signature-params` (§2.3).
    pub text: String,
    /// The first thing that is wrong with it.
    pub fault: Option<&'static str>,
}

/// Reads one inner list with its parameters.
pub(super) fn parse_member(text: &str) -> Result<Member<'_>, &'static str> {
    let mut members = OnlyMember(None);
    parser(text)
        .parse_list_with_visitor(&mut members)
        .map_err(|_| "not one inner list of components")?;
    members.0.ok_or("not one inner list of components")
}

struct OnlyMember<'a>(Option<Member<'a>>);

impl<'a> ListVisitor<'a> for OnlyMember<'a> {
    type Error = Stop;

    fn entry(&mut self) -> Result<impl EntryVisitor<'a>, Stop> {
        match self.0 {
            None => Ok(self.0.insert(Member::default())),
            Some(_) => Err(Stop("a second member")),
        }
    }
}

impl Member<'_> {
    fn note(&mut self, problem: Result<(), &'static str>) {
        if let Err(why) = problem {
            self.fault.get_or_insert(why);
        }
    }

    /// Ends the parsing.
    fn stop<T>(&mut self, why: &'static str) -> Result<T, Stop> {
        self.note(Err(why));
        Err(Stop(why))
    }

    fn open_component(&mut self) {
        self.text.push(match self.text.is_empty() {
            true => '(',
            false => ' ',
        });
    }

    /// Called when the last component is there with all its parameters.
    fn close_component(&mut self) {
        let end = self.text.len();
        let Some((last, others)) = self.components.split_last_mut() else {
            return;
        };
        last.identifier.end = end;
        let fault = match others.contains(last) {
            true => Some("a component is there twice"),
            false => last.fault(),
        };
        self.note(fault.map_or(Ok(()), Err));
    }
}

impl<'a> ItemVisitor<'a> for &mut Member<'a> {
    type Error = Stop;

    fn bare_item(self, _: BareItemFromInput<'a>) -> Result<impl ParameterVisitor<'a>, Stop> {
        self.stop::<Ignored>("Signature-Input has a member that is no list")
    }
}

impl<'a> EntryVisitor<'a> for &mut Member<'a> {
    fn inner_list(self) -> Result<impl InnerListVisitor<'a>, Stop> {
        Ok(Components(self))
    }
}

struct Components<'m, 'a>(&'m mut Member<'a>);

impl<'a> InnerListVisitor<'a> for Components<'_, 'a> {
    type Error = Stop;

    fn item(&mut self) -> Result<impl ItemVisitor<'a>, Stop> {
        match self.0.components.len() {
            MAX_COMPONENTS => self.0.stop("a signature covers more than 32 components"),
            _ => Ok(OneComponent(self.0)),
        }
    }

    fn finish(self) -> Result<impl ParameterVisitor<'a>, Stop> {
        if self.0.components.is_empty() {
            self.0.text.push('(');
        }
        self.0.text.push(')');
        Ok(SignatureParameters {
            member: self.0,
            names: Names::default(),
        })
    }
}

struct OneComponent<'m, 'a>(&'m mut Member<'a>);

impl<'a> ItemVisitor<'a> for OneComponent<'_, 'a> {
    type Error = Stop;

    fn bare_item(self, item: BareItemFromInput<'a>) -> Result<impl ParameterVisitor<'a>, Stop> {
        let member = self.0;
        member.open_component();
        let start = member.text.len();
        write_bare(&mut member.text, &item);
        let BareItemFromInput::String(name) = item else {
            return member.stop("a covered component is no String");
        };
        let mut component = Component::new(text_of(name));
        component.identifier = start..start;
        member.components.push(component);
        Ok(ComponentParameters(member))
    }
}

struct ComponentParameters<'m, 'a>(&'m mut Member<'a>);

impl<'a> ParameterVisitor<'a> for ComponentParameters<'_, 'a> {
    type Error = Stop;

    fn parameter(&mut self, key: &'a KeyRef, value: BareItemFromInput<'a>) -> Result<(), Stop> {
        write_parameter(&mut self.0.text, key, &value);
        let added = match self.0.components.last_mut() {
            Some(component) => component.add(key, &value),
            None => Ok(()),
        };
        self.0.note(added);
        Ok(())
    }

    fn finish(self) -> Result<(), Stop> {
        self.0.close_component();
        Ok(())
    }
}

struct SignatureParameters<'m, 'a> {
    member: &'m mut Member<'a>,
    names: Names<'a>,
}

impl<'a> ParameterVisitor<'a> for SignatureParameters<'_, 'a> {
    type Error = Stop;

    fn parameter(&mut self, key: &'a KeyRef, value: BareItemFromInput<'a>) -> Result<(), Stop> {
        let member = &mut *self.member;
        write_parameter(&mut member.text, key, &value);
        let known = match key.as_str() {
            "created" => integer(&mut member.created, &value),
            "expires" => integer(&mut member.expires, &value),
            "nonce" => string(&mut member.nonce, &value),
            "alg" => string(&mut member.alg, &value),
            "keyid" => string(&mut member.keyid, &value),
            "tag" => string(&mut member.tag, &value),
            // It is signed, and means nothing here (§2.3 leaves it to the application).
            _ => Ok(()),
        };
        let once = self.names.add(key).map_err(|stop| stop.0);
        member.note(known.and(once));
        Ok(())
    }
}

fn integer(slot: &mut Option<i64>, value: &BareItemFromInput<'_>) -> Result<(), &'static str> {
    let number = value.as_integer().ok_or("a time is not an Integer")?;
    match slot.replace(number.into()) {
        None => Ok(()),
        Some(_) => Err("a parameter is there twice"),
    }
}
