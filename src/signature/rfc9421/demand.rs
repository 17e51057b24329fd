//! What a policy demands of an RFC 9421 signature, and how a caller is told (§5).
//! In: plain data from the configuration. Out: components, the value of `Accept-Signature`.
//! Knows nothing of requests: whether one meets the demand is judged in `coverage`.

use crate::config::Rfc9421Demand;

use super::member::parse_member;
use super::structured::write_string;

/// What says where a request goes, once with its target in parts and once as a whole.
pub(super) const IN_PARTS: [&str; 3] = ["@authority", "@path", "@query"];
pub(super) const AS_A_WHOLE: &str = "@target-uri";
pub(super) const METHOD: &str = "@method";
pub(super) const CONTENT_DIGEST: &str = "content-digest";

/// Refuses components that no request could cover, so that a configuration that would
/// refuse everything is told from one that is strict.
///
/// # Errors
/// Says what is wrong with the first bad component, or with the tag.
pub fn check(demand: &Rfc9421Demand) -> Result<(), &'static str> {
    for component in &demand.components {
        let identifier = identifier(component).ok_or("a component has no name")?;
        let list = format!("({identifier})");
        let member = parse_member(&list)?;
        match member.fault {
            Some(fault) => return Err(fault),
            None if member.components.len() != 1 => return Err("not one component"),
            None => {}
        }
    }
    match &demand.tag {
        Some(tag) if !is_printable(tag) => Err("the tag is not made of ASCII"),
        _ => Ok(()),
    }
}

/// Whether the signature must cover `@target-uri`, which then stands in for its parts.
fn wants_target_uri(demand: &Rfc9421Demand) -> bool {
    demand.components.iter().any(|one| one == AS_A_WHOLE)
}

/// What a signature for this demand covers at least: the minimum, and what the policy names.
pub fn components(demand: &Rfc9421Demand, has_content: bool) -> impl Iterator<Item = &str> {
    let target: &[&str] = match wants_target_uri(demand) {
        true => &[],
        false => &IN_PARTS,
    };
    let digest = has_content.then_some(CONTENT_DIGEST);
    let minimum = [METHOD].into_iter().chain(target.iter().copied());
    let mut names: Vec<&str> = minimum.chain(digest).collect();
    for component in &demand.components {
        if !names.contains(&component.as_str()) {
            names.push(component);
        }
    }
    names.into_iter()
}

/// The value of `Accept-Signature` for a 401 (§5.1): what a signature for this demand covers.
/// A nonce is the caller's to choose, and is not named: the field could only prescribe one.
pub fn accept_signature(demand: &Rfc9421Demand, has_content: bool) -> String {
    let identifiers: Vec<String> = components(demand, has_content)
        .filter_map(identifier)
        .collect();
    let mut value = format!("sig1=({});created", identifiers.join(" "));
    if let Some(tag) = demand.tag.as_deref().filter(|tag| is_printable(tag)) {
        value.push_str(";tag=");
        write_string(&mut value, tag);
    }
    value
}

/// The component as it stands in a list: the name in quotes, its parameters behind.
pub(super) fn identifier(component: &str) -> Option<String> {
    let (name, parameters) = match component.find(';') {
        Some(at) => component.split_at(at),
        None => (component, ""),
    };
    let plain = !name.is_empty() && is_printable(name) && !name.contains(['"', '\\', ' ']);
    plain.then(|| format!("\"{name}\"{parameters}"))
}

/// Whether a structured field's String can hold it (RFC 8941 §3.3.3).
pub(super) fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
