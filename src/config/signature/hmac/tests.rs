use super::*;

fn template(text: &str) -> SignedTemplate {
    SignedTemplate::parse(text).unwrap()
}

#[test]
fn a_template_reads_as_it_is_shown() {
    for text in [
        "{body}",
        "v0:{timestamp}:{body}",
        "{method}\n{path}?{query}\n{host}\n{header:x-id}\n{body}",
        "{{{target}}\n{body}",
    ] {
        assert_eq!(template(text).to_string(), text);
    }
    assert_eq!(
        template("{{a}{body}").parts(),
        [SignedPart::Literal("{a}".to_owned()), SignedPart::Body]
    );
}

#[test]
fn a_text_that_can_be_taken_apart_in_two_ways_is_found() {
    use TimestampUnit::{Iso, Seconds};
    for (text, unit) in [
        ("{path}{body}", Seconds),
        ("{method}{path}{body}", Seconds),
        ("{timestamp}{method}{target}{body}", Seconds),
        ("{path}{query}", Seconds),
        ("{query}/{path}", Seconds),
        ("{path}.{body}", Seconds),
        ("{header:x-id}{body}", Seconds),
        ("{body}.{header:x-id}", Seconds),
        ("{timestamp}.{body}", Iso),
        ("{timestamp}{body}", Iso),
        ("{host}:{body}", Seconds),
        ("{host}{timestamp}\n{body}", Seconds),
    ] {
        let template = template(text);
        assert!(template.ambiguity(unit).is_some(), "{text}");
    }
    for (text, unit) in [
        ("{body}", Seconds),
        ("{timestamp}{body}", Seconds),
        ("{timestamp}.{body}", Seconds),
        ("v0:{timestamp}:{body}", Seconds),
        ("{body}.{timestamp}", Seconds),
        ("{timestamp}{method}{target}\n{body}", Seconds),
        ("{method}{host}{path}?{query}\n{body}", Seconds),
        ("{timestamp}|{body}", Iso),
        ("{header:x-id}.{timestamp}.{body}", Seconds),
        ("{header:x-id}\n{header:x-other}\n{body}", Seconds),
        ("{timestamp}:{body}:{method}", Seconds),
        ("{method}{body}{method}", Seconds),
        ("{host}/{body}", Seconds),
        ("{query}?{path}", Seconds),
    ] {
        assert_eq!(template(text).ambiguity(unit), None, "{text}");
    }
}

#[test]
fn the_presets_are_what_their_senders_document() {
    for (preset, header, signed) in [
        (HmacPreset::GitHub, "X-Hub-Signature-256", "{body}"),
        (HmacPreset::Shopify, "X-Shopify-Hmac-SHA256", "{body}"),
        (
            HmacPreset::Slack,
            "X-Slack-Signature",
            "v0:{timestamp}:{body}",
        ),
        (HmacPreset::Stripe, "Stripe-Signature", "{timestamp}.{body}"),
    ] {
        let demand = preset.demand(Vec::new());
        assert!(demand.header.as_str().eq_ignore_ascii_case(header));
        assert_eq!(demand.signed, template(signed));
        assert_eq!(demand.signed.ambiguity(TimestampUnit::Seconds), None);
        let stamped = signed.contains("{timestamp}");
        assert_eq!(demand.timestamp.is_some(), stamped, "{header}");
    }
}
