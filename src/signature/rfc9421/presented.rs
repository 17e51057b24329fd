//! What a call presents as its signature. In: the fields Signature-Input and Signature (RFC
//! 9421 §4.1, §4.2). Out: a `Presented`: the one signature of them that is meant, parsed and
//! verified by nobody yet.
//! A signature is found by its tag and its key, never by its label, which is not signed.

use std::fmt;

use http::{HeaderMap, HeaderName};
use sfv::visitor::InnerListVisitor;
use sfv::visitor::{DictionaryVisitor, EntryVisitor, Ignored, ItemVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, KeyRef};

use crate::call::Call;
use crate::refusal::Refusal;

use super::member::Member;
use super::structured::{Stop, parser};
use crate::config::Rfc9421Demand;

pub(super) const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("signature");

/// Other parties may sign a request too, but not many.
const MAX_SIGNATURES: usize = 4;
const MAX_FIELD_BYTES: usize = 8 * 1024;
/// Longer ids are refused before they are looked up or logged.
const MAX_KEYID_BYTES: usize = 128;

/// A signature as presented.
#[derive(Clone)]
pub struct Presented<'a> {
    pub(super) member: Member<'a>,
    pub(super) signature: Vec<u8>,
    /// Whether it was one of several, of which the keys that are known chose it.
    pub(super) chosen: bool,
    /// Whether another one could be meant as well.
    pub(super) ambiguous: bool,
}

impl Presented<'_> {
    /// The id of the credential, `keyid`, as presented.
    pub fn credential_id(&self) -> &str {
        self.member.keyid.as_deref().unwrap_or_default()
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presented({:?})", self.credential_id())
    }
}

/// Finds the signature that `call` presents for `demand`; `None` when there is none of RFC
/// 9421's kind. Among several it is the one with the tag that is demanded; of these, the one
/// whose `keyid` is `known`.
///
/// # Errors
/// `SignatureMalformed` for fields that cannot be read, do not belong together, or hold no
/// signature with the tag. What is wrong with a signature that is not meant is no error.
pub fn present<'a>(
    call: &Call<'a>,
    demand: &Rfc9421Demand,
    known: impl Fn(&str) -> bool,
) -> Result<Option<Presented<'a>>, Refusal> {
    let headers = call.headers();
    match (
        headers.contains_key(SIGNATURE_INPUT),
        headers.contains_key(SIGNATURE),
    ) {
        (false, false) => return Ok(None),
        (true, true) => {}
        (true, false) => return Err(MALFORMED("Signature-Input without Signature")),
        // As the drafts before RFC 9421 had it ("draft-cavage"): another protocol.
        (false, true) => return Err(MALFORMED("Signature without Signature-Input")),
    }
    let read = read(headers).and_then(|(members, signatures)| choose(members, signatures, demand));
    let mut candidates = read.map_err(MALFORMED)?;
    // One refusal for a key that is unknown and for two that are known: which keys exist is
    // not told to strangers, so that several known ones are a matter for `verify`.
    let chosen = candidates.len() > 1;
    if chosen {
        let is_known =
            |(member, _): &(Member<'a>, Vec<u8>)| member.keyid.as_deref().is_some_and(&known);
        let known = candidates.iter().filter(|one| is_known(one)).count();
        if known > 0 {
            candidates.retain(is_known);
        }
    }
    let ambiguous = candidates.len() > 1;
    let first = candidates.into_iter().next();
    let (member, signature) =
        first.ok_or(MALFORMED("no signature has the tag that is demanded"))?;
    let checked = check_keyid(&member).map_err(MALFORMED);
    checked.map_err(|refusal| in_a_word(refusal, chosen))?;
    Ok(Some(Presented {
        member,
        signature,
        chosen,
        ambiguous,
    }))
}

/// One word for whatever is wrong with a signature that known keys chose among several: another
/// one would tell which of them was looked at, and so which keys exist.
pub(super) fn in_a_word(refusal: Refusal, chosen: bool) -> Refusal {
    match refusal {
        refusal if !chosen => refusal,
        Refusal::SignatureMalformed(why) => Refusal::SignatureMismatch(why),
        Refusal::SignatureExpired => Refusal::SignatureMismatch("it has expired"),
        Refusal::SignatureNotYetValid => Refusal::SignatureMismatch("it is not yet valid"),
        Refusal::PayloadModeRefused => Refusal::SignatureMismatch("it does not cover the body"),
        refusal => refusal,
    }
}

const MALFORMED: fn(&'static str) -> Refusal = Refusal::SignatureMalformed;

fn check_keyid(member: &Member<'_>) -> Result<(), &'static str> {
    let keyid = member.keyid.as_deref().ok_or("keyid is missing")?;
    let graphic = keyid.bytes().all(|byte| byte.is_ascii_graphic());
    match keyid.is_empty() || keyid.len() > MAX_KEYID_BYTES || !graphic {
        true => Err("keyid is no valid id"),
        false => Ok(()),
    }
}

type Pair<'a> = (Member<'a>, Vec<u8>);

/// Pairs every member with its signature, and keeps those that the demand could mean.
fn choose<'a>(
    members: Vec<Member<'a>>,
    mut signatures: Vec<(&'a str, Vec<u8>)>,
    demand: &Rfc9421Demand,
) -> Result<Vec<Pair<'a>>, &'static str> {
    const UNPAIRED: &str = "Signature-Input and Signature have different labels";
    if members.len() != signatures.len() {
        return Err(UNPAIRED);
    }
    let mut pairs = Vec::with_capacity(members.len());
    for member in members {
        let at = signatures
            .iter()
            .position(|(label, _)| *label == member.label);
        let (_, signature) = signatures.swap_remove(at.ok_or(UNPAIRED)?);
        pairs.push((member, signature));
    }
    if let Some(tag) = demand.tag.as_deref() {
        pairs.retain(|(member, _)| member.tag.as_deref() == Some(tag));
    }
    Ok(pairs)
}

type Signatures<'a> = Vec<(&'a str, Vec<u8>)>;

/// Reads both fields, all lines of each.
fn read(headers: &HeaderMap) -> Result<(Vec<Member<'_>>, Signatures<'_>), &'static str> {
    let lines = |name| headers.get_all(name).iter();
    let both = lines(SIGNATURE_INPUT).chain(lines(SIGNATURE));
    if both.map(http::HeaderValue::len).sum::<usize>() > MAX_FIELD_BYTES {
        return Err("Signature-Input and Signature are longer than 8 KiB");
    }
    let mut members = Inputs::default();
    for line in lines(SIGNATURE_INPUT) {
        let text = line.to_str().map_err(|_| "Signature-Input is not text")?;
        let parsed = parser(text).parse_dictionary_with_visitor(&mut members);
        parsed.map_err(|_| members.why())?;
    }
    let mut signatures = Values::default();
    for line in lines(SIGNATURE) {
        let text = line.to_str().map_err(|_| "Signature is not text")?;
        let parsed = parser(text).parse_dictionary_with_visitor(&mut signatures);
        parsed.map_err(|_| signatures.why.unwrap_or("Signature is no byte sequence"))?;
    }
    Ok((members.members, signatures.values))
}

const LABEL_TWICE: &str = "a signature's label is there twice";
const TOO_MANY: &str = "more than 4 signatures";

/// The members of Signature-Input. The last of a label would win by RFC 8941, and hide the
/// others from whoever reads the first.
#[derive(Default)]
struct Inputs<'a> {
    members: Vec<Member<'a>>,
    why: Option<&'static str>,
}

impl Inputs<'_> {
    fn why(&self) -> &'static str {
        let fault = || self.members.last().and_then(|member| member.fault);
        let why = self.why.or_else(fault);
        why.unwrap_or("Signature-Input is no dictionary of lists of components")
    }
}

impl<'a> DictionaryVisitor<'a> for Inputs<'a> {
    type Error = Stop;

    fn entry(&mut self, key: &'a KeyRef) -> Result<impl EntryVisitor<'a>, Stop> {
        let label = key.as_str();
        let twice = self.members.iter().any(|member| member.label == label);
        admit(&mut self.why, twice, self.members.len())?;
        self.members.push(Member {
            label,
            ..Member::default()
        });
        self.members.last_mut().ok_or(Stop(TOO_MANY))
    }
}

fn admit(why: &mut Option<&'static str>, twice: bool, count: usize) -> Result<(), Stop> {
    *why = match (twice, count) {
        (true, _) => Some(LABEL_TWICE),
        (false, MAX_SIGNATURES) => Some(TOO_MANY),
        (false, _) => None,
    };
    why.map_or(Ok(()), |why| Err(Stop(why)))
}

/// The members of Signature.
#[derive(Default)]
struct Values<'a> {
    values: Signatures<'a>,
    why: Option<&'static str>,
}

impl<'a> DictionaryVisitor<'a> for Values<'a> {
    type Error = Stop;

    fn entry(&mut self, key: &'a KeyRef) -> Result<impl EntryVisitor<'a>, Stop> {
        let label = key.as_str();
        let twice = self.values.iter().any(|(other, _)| *other == label);
        admit(&mut self.why, twice, self.values.len())?;
        Ok(OneValue {
            label,
            values: &mut self.values,
        })
    }
}

struct OneValue<'v, 'a> {
    label: &'a str,
    values: &'v mut Signatures<'a>,
}

impl<'a> ItemVisitor<'a> for OneValue<'_, 'a> {
    type Error = Stop;

    fn bare_item(self, item: BareItemFromInput<'a>) -> Result<impl ParameterVisitor<'a>, Stop> {
        let BareItemFromInput::ByteSequence(bytes) = item else {
            return Err(Stop("a signature is no byte sequence"));
        };
        self.values.push((self.label, bytes));
        Ok(NoParameters)
    }
}

impl<'a> EntryVisitor<'a> for OneValue<'_, 'a> {
    fn inner_list(self) -> Result<impl InnerListVisitor<'a>, Stop> {
        Err::<Ignored, _>(Stop("a signature is a list"))
    }
}

/// A signature takes no parameters: they would not be signed.
struct NoParameters;

impl<'a> ParameterVisitor<'a> for NoParameters {
    type Error = Stop;

    fn parameter(&mut self, _: &'a KeyRef, _: BareItemFromInput<'a>) -> Result<(), Stop> {
        Err(Stop("a signature has parameters"))
    }
}
