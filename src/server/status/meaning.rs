//! What the codes of refusals mean, in words for the operator: what has happened, and where to
//! look.

/// What `code` means.
pub(super) fn of(code: &str) -> &'static str {
    let found = MEANINGS.iter().find(|(one, _)| *one == code);
    found.map_or("", |(_, meaning)| meaning)
}

const MEANINGS: &[(&str, &str)] = &[
    (
        "malformed_request",
        "Not well-formed HTTP, or readable in two ways. A broken client, or an attempt at smuggling.",
    ),
    (
        "path_refused",
        "The path has a shape, such as // or an encoded slash, that the route does not name in allow_path.",
    ),
    (
        "headers_too_large",
        "The head is larger than the listener's max_header_bytes.",
    ),
    (
        "header_timeout",
        "The head did not arrive within header_timeout_ms: a slow line, or a flood of idle connections.",
    ),
    (
        "route_not_found",
        "No route has this path. Scanners do this; a caller who does has the wrong URL.",
    ),
    (
        "method_not_allowed",
        "The route is there, but not for this method.",
    ),
    (
        "certificate_required",
        "The policy wants a client certificate and none was shown.",
    ),
    (
        "certificate_untrusted",
        "The certificate is not, or no longer, trusted: the access log's detail says why.",
    ),
    (
        "certificate_unknown",
        "The certificate is trusted but belongs to no [[consumer]].",
    ),
    (
        "certificate_not_allowed",
        "The consumer's certificate does not meet the policy's certificate rule; the detail names the condition.",
    ),
    (
        "misdirected_request",
        "The host is not the one for which the TLS connection was made.",
    ),
    (
        "signature_required",
        "The policy wants a signature and the request has none.",
    ),
    (
        "signature_malformed",
        "The signature cannot be read, or covers less than the policy wants.",
    ),
    (
        "signature_scope",
        "The signature is for another region or service than the policy's.",
    ),
    (
        "signature_expired",
        "The signature is too old. If it rises for all callers, look at the gateway's clock.",
    ),
    (
        "signature_not_yet_valid",
        "The signature is from the future. If it rises for all callers, look at the gateway's clock.",
    ),
    (
        "signature_mismatch",
        "An unknown or ended credential, or a wrong signature: the detail says which. See countersign verify.",
    ),
    (
        "clock_unsynchronized",
        "The kernel does not call its clock synchronised: see require_synchronized_clock, and the machine's NTP.",
    ),
    (
        "signature_replayed",
        "The signature was used before: a retry that was not signed anew, or an attack.",
    ),
    (
        "replay_memory_unavailable",
        "The store of used signatures does not answer, or the memory is full. See [replay_memory].",
    ),
    (
        "principal_unavailable",
        "STS cannot be asked whose a token is.",
    ),
    (
        "payload_mode_refused",
        "The signature leaves the body uncovered in a way that the policy does not allow.",
    ),
    (
        "body_hash_mismatch",
        "The body is not the one that was signed: changed on the way, or signed wrongly.",
    ),
    (
        "consumer_mismatch",
        "Certificate and signature are of different consumers.",
    ),
    (
        "consumer_not_allowed",
        "The consumer is known, but the policy does not name it.",
    ),
    (
        "body_too_large",
        "The body is larger than max_body_bytes of the route or the listener.",
    ),
    (
        "buffers_full",
        "max_held_bytes are held already: raise it, or lower what routes may send.",
    ),
    (
        "body_timeout",
        "The body stopped arriving for body_timeout_ms.",
    ),
    (
        "certificate_headers_too_large",
        "What the upstream is to be told of the certificate does not fit into its fields.",
    ),
    (
        "upstream_not_signed",
        "The gateway cannot sign the request for the upstream: see sign of the integration.",
    ),
    (
        "upstream_unreachable",
        "No target took the connection: is the upstream up, its address and TLS right?",
    ),
    (
        "upstream_failed",
        "The target broke off, or answered what is not HTTP.",
    ),
    (
        "upstream_timeout",
        "The target was silent for read_timeout_ms.",
    ),
    (
        "function_error",
        "The function threw, ended, or ran out of its own time.",
    ),
    (
        "function_answer_malformed",
        "The function's answer is none of its payload_format.",
    ),
    (
        "function_answer_too_large",
        "The function's answer is larger than max_payload_bytes.",
    ),
    (
        "function_busy",
        "max_concurrency invocations are under way in this gateway.",
    ),
    (
        "function_throttled",
        "Lambda runs as many of the function as it may.",
    ),
    (
        "function_denied",
        "Lambda does not let the gateway invoke it: look at the gateway's role.",
    ),
    (
        "function_missing",
        "Lambda does not know the function, or it cannot be run.",
    ),
    ("function_service_failed", "Lambda itself failed."),
    ("function_unreachable", "Lambda could not be reached."),
    ("function_broken_off", "The connection to Lambda broke."),
    (
        "function_timeout",
        "The function did not answer within timeout_ms.",
    ),
    (
        "function_not_signed",
        "The invocation cannot be signed: the gateway has no AWS credentials.",
    ),
    (
        "event_too_large",
        "The request makes a larger event than the function takes.",
    ),
    (
        "authorizer_denied",
        "An authorizer does not let the caller pass.",
    ),
    (
        "authorizer_unauthorized",
        "What an authorizer is asked about is missing, or it wants other proof.",
    ),
    (
        "authorizer_failed",
        "An authorizer fails, or answers what is no answer: the detail says why.",
    ),
    ("caller_left", "The caller left before it had an answer."),
    (
        "internal_error",
        "The gateway itself failed: this is a fault to report; the detail says where.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_a_refusal_has_a_meaning() {
        let sources = [
            include_str!("../../refusal.rs"),
            include_str!("../../refusal/function.rs"),
        ];
        let mut codes = 0;
        for source in sources {
            let body = source.split("&'static str {").nth(1).expect("fn code");
            let body = body.split("\n    }\n").next().expect("its end");
            for code in body.lines().filter_map(|line| line.split('"').nth(1)) {
                assert!(!of(code).is_empty(), "{code} has no meaning");
                codes += 1;
            }
        }
        assert!(codes >= MEANINGS.len(), "{codes} codes were seen");
        assert_eq!(of("what nobody refuses with"), "");
    }
}
