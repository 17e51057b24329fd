//! What a difference in a signature base means (RFC 9421 §2.5, and the mistakes that signers
//! make in it).

/// In a line `"component": value`.
pub(super) fn in_base(ours: &str, theirs: &str) -> (String, &'static str) {
    let (component, value) = ours.split_once(": ").unwrap_or((ours, ""));
    let (other_component, other) = theirs.split_once(": ").unwrap_or((theirs, ""));
    let part = format!("component {component}");
    if component != other_component {
        return (part, of_component(component, other_component));
    }
    (part, of_value(component, value, other))
}

fn of_component(ours: &str, theirs: &str) -> &'static str {
    match ours.eq_ignore_ascii_case(theirs) {
        true => "component names are in lower case",
        false => {
            "the signer's components are not those of Signature-Input, or in another order: the \
             base has one line for each, in the order in which they are listed there"
        }
    }
}

fn of_value(component: &str, ours: &str, theirs: &str) -> &'static str {
    let host = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    match component {
        "\"@signature-params\"" => {
            "the parameters must stand as they do in Signature-Input: the same, in the same order, \
             behind the same list"
        }
        "\"@authority\"" if host(ours).eq_ignore_ascii_case(&host(theirs)) => {
            "port or case in @authority: lower case, without the scheme's own port"
        }
        "\"@authority\"" | "\"@target-uri\"" => {
            "the request came under another host or to another target than was signed: look for a \
             proxy that rewrites it"
        }
        "\"@query\"" if ours.trim_start_matches('?') == theirs.trim_start_matches('?') => {
            "@query begins with its question mark, and is a question mark alone when there is none"
        }
        "\"@path\"" | "\"@query\"" if ours.eq_ignore_ascii_case(theirs) => {
            "path and query are signed as they are sent, percent-escapes and all"
        }
        "\"@method\"" if ours.eq_ignore_ascii_case(theirs) => "the method is signed in capitals",
        "\"content-digest\"" => {
            "the body, or the field Content-Digest, is not the one that was signed"
        }
        _ if plain(ours) == plain(theirs) => {
            "blanks: a field's value has none at its ends, and several lines are joined by a comma \
             and one blank"
        }
        _ => "this component was changed between the signer and the gateway",
    }
}

#[cfg(test)]
mod tests {
    use super::in_base;

    #[test]
    fn each_usual_mistake_in_a_base_is_called_by_its_name() {
        for (ours, theirs, part, cause) in [
            (
                "\"@method\": PUT",
                "\"@method\": put",
                "@method",
                "capitals",
            ),
            (
                "\"@authority\": a",
                "\"@authority\": a:443",
                "@authority",
                "port",
            ),
            (
                "\"@authority\": a",
                "\"@authority\": b",
                "@authority",
                "proxy",
            ),
            (
                "\"@query\": ?a=1",
                "\"@query\": a=1",
                "@query",
                "question mark",
            ),
            (
                "\"@path\": /%7E",
                "\"@path\": /%7e",
                "@path",
                "as they are sent",
            ),
            ("\"x-a\": 1, 2", "\"x-a\": 1,  2", "x-a", "blanks"),
            ("\"x-a\": 1", "\"x-a\": 2", "x-a", "changed"),
            ("\"x-a\": 1", "\"X-A\": 1", "x-a", "lower case"),
            ("\"x-a\": 1", "\"x-b\": 1", "x-a", "order"),
            (
                "\"content-digest\": sha-256=:a:",
                "\"content-digest\": sha-256=:b:",
                "content-digest",
                "body",
            ),
            (
                "\"@signature-params\": (\"x-a\");created=1",
                "\"@signature-params\": (\"x-a\");created=2",
                "@signature-params",
                "parameters",
            ),
        ] {
            let (found, why) = in_base(ours, theirs);
            assert_eq!(found, format!("component \"{part}\""));
            assert!(why.contains(cause), "{ours} {theirs}: {why}");
        }
    }
}
