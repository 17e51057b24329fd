//! Whether a signature covers enough (RFC 9421 §3.2.1, §7.2.1). In: the covered components,
//! the demand, and whether there is content. Out: nothing, or a `Refusal`. What is not covered
//! can be changed by anyone on the way.

use crate::config::Rfc9421Demand;
use crate::refusal::Refusal;

use super::component::Component;
use super::demand::{AS_A_WHOLE, CONTENT_DIGEST, IN_PARTS, METHOD, identifier};
use super::member::Member;

/// Refuses a signature that leaves out the method, the target, the content that is there, or
/// what the policy names.
pub(super) fn check(
    member: &Member<'_>,
    demand: &Rfc9421Demand,
    has_content: bool,
) -> Result<(), Refusal> {
    let covers = |name: &str| member.components.iter().any(|one| one.is_plain(name));
    let malformed = |why| Err(Refusal::SignatureMalformed(why));
    if !covers(METHOD) {
        return malformed("@method is not covered");
    }
    if !covers(AS_A_WHOLE) && !IN_PARTS.into_iter().all(covers) {
        return malformed(
            "neither @target-uri nor all of @authority, @path and @query are covered",
        );
    }
    if has_content && !covers(CONTENT_DIGEST) {
        return Err(Refusal::PayloadModeRefused);
    }
    let mut demanded = demand.components.iter();
    match demanded.all(|one| covers_identifier(member, one)) {
        true => Ok(()),
        false => malformed("a component that the policy demands is not covered"),
    }
}

/// Whether the content's digest is covered, and with it owed.
pub(super) fn owes_digest(member: &Member<'_>) -> bool {
    let mut components = member.components.iter();
    components.any(|one: &Component<'_>| one.is_plain(CONTENT_DIGEST))
}

fn covers_identifier(member: &Member<'_>, demanded: &str) -> bool {
    if !demanded.contains(';') {
        return member.components.iter().any(|one| one.is_plain(demanded));
    }
    let wanted = identifier(demanded);
    let text = |one: &Component<'_>| &member.text[one.identifier.clone()];
    wanted.is_some_and(|wanted| member.components.iter().any(|one| text(one) == wanted))
}
