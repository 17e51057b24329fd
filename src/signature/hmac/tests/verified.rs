//! What must verify: the examples that senders publish, what openssl signs, and what we sign.

use super::*;

const SLACK_BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow\
    &channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner\
    &command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands\
    %2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
    &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

/// A request of a preset's sender with these fields, whose secret is `secret`.
fn sent(preset: HmacPreset, secret: &str, fields: &[(&str, &str)], body: &str) -> Request {
    let mut request = Request::new(preset.demand(Vec::new()), body);
    request.store = vec![credential(ID, secret)];
    for (name, value) in fields {
        request.set(name, value);
    }
    request
}

#[test]
fn the_examples_that_senders_publish_are_right() {
    let github = sent(
        HmacPreset::GitHub,
        "It's a Secret to Everybody",
        &[(
            "X-Hub-Signature-256",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        )],
        "Hello, World!",
    );
    let slack = sent(
        HmacPreset::Slack,
        "8f742231b10e8888abcd99yyyzzz85a5",
        &[
            ("X-Slack-Request-Timestamp", "1531420618"),
            (
                "X-Slack-Signature",
                "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
            ),
        ],
        SLACK_BODY,
    );
    for request in [github, slack] {
        let verified = request.verified();
        assert_eq!(request.signer(), ID);
        assert_eq!(verified.duty, BodyDuty::None);
    }
}

#[test]
fn what_openssl_signs_is_right() {
    // Stripe sends signatures of other schemes beside its own.
    let right = "93495454ac82e6b6faca46f54c21f6667a0b30000a5b8522e4b11508073a381d";
    let stripe = format!("t=1531420618,v1={right},v0=6ffbb59b2300aae63f272406069a9788598b792a");
    sent(
        HmacPreset::Stripe,
        "whsec_for_tests_only_and_long_enough",
        &[("Stripe-Signature", &stripe)],
        "{\"id\":\"evt_1\",\"object\":\"event\"}",
    )
    .verified();
    sent(
        HmacPreset::Shopify,
        "shpss_for_tests_only_and_long_enough",
        &[(
            "X-Shopify-Hmac-SHA256",
            "OZ3kdbUt6hiZBrRaPTGWFUlLal28klT4qyFHvSqauS4=",
        )],
        "{\"id\":820982911946154508}",
    )
    .verified();
}

#[test]
fn every_part_of_a_request_is_signed_as_it_was_sent() {
    let demand = HmacDemand {
        encoding: HmacEncoding::Base64Url,
        hash: HmacHash::Sha512,
        ..described(
            TimestampUnit::Milliseconds,
            "{timestamp}{method}{target}\n{body}",
        )
    };
    let mut request = Request::new(demand, "{\"x\":1}");
    request.target = "/orders?a=1".to_owned();
    request.set("x-time", "1531420618000");
    let right =
        "s6iyoc7VCAT3vYbYIiWwhlwMeyN6AkDIksERWmtKfYKy8isoQzb_fSvv9p3wN3FWCsG9frYrq41aivvocqCC9g";
    request.with("x-signature", right).verified();
    request
        .with("x-signature", &format!("{right}=="))
        .verified();

    let demand = HmacDemand {
        hash: HmacHash::Sha384,
        ..described(
            TimestampUnit::Iso,
            "{method}\n{path}\n{query}\n{host}\n{header:x-id}\n{timestamp}\n{body}",
        )
    };
    let mut request = Request::new(demand, "{}");
    request.method = "PUT";
    request.target = "/orders/7?a=1".to_owned();
    for (name, value) in [
        ("x-time", "2018-07-12T18:36:58Z"),
        ("x-id", "msg-1"),
        (
            "x-signature",
            "d713127e165758b4868d1faf454f39f7866324785d7d269ab9f5a3336749cc71afd0c277c0b89833c1aaa4c3b1200f43",
        ),
    ] {
        request.set(name, value);
    }
    request.verified();
}

#[test]
fn the_body_is_asked_for_when_it_is_signed_and_unread() {
    for preset in PRESETS {
        let mut request = Request::signed_as(preset);
        request.unread = true;
        assert_eq!(request.outcome(), Ok(Judged::NeedsBody), "{preset:?}");
    }
    let mut request = Request::new(
        described(TimestampUnit::Seconds, "{timestamp}{target}"),
        "x",
    );
    request.sign(ID, SECRET);
    request.unread = true;
    request.verified();
}

#[test]
fn an_empty_body_is_one() {
    let mut request = Request::new(HmacPreset::GitHub.demand(Vec::new()), "");
    request.sign(ID, SECRET);
    request.verified();
    request.body = b"x".to_vec();
    request.is_mismatch();
}

#[test]
fn an_old_secret_and_a_new_one_are_both_tried() {
    for preset in PRESETS {
        let mut request = Request::signed_as(preset);
        assert_eq!(request.signer(), ID);
        request.sign(OLD_ID, OLD_SECRET);
        assert_eq!(request.signer(), OLD_ID);
        let before = UtcTime::from_unix(NOW - 1);
        request.store[1].not_after = Some(before);
        request.is_mismatch();
        request.sign(ID, SECRET);
        request.verified();
    }
}

#[test]
fn any_of_several_signatures_may_be_the_right_one() {
    let request = Request::signed_as(HmacPreset::Stripe);
    let right = request.signature();
    let (time, right) = right.split_once(",v1=").unwrap();
    let wrong = "0".repeat(64);
    for value in [
        format!("{time},v1={wrong},v1={right}"),
        format!("{time},v1={right},v1={wrong}"),
        format!("v1={wrong}, v1={right}, {time}, v0=whatever"),
        format!("{time},v1={wrong},v1={wrong},v1={wrong},v1={right}"),
    ] {
        request.with_signature(&value).verified();
    }
    let value = format!("{time},v1={wrong},v1={wrong}");
    request.with_signature(&value).is_mismatch();
}

#[test]
fn a_credential_that_is_named_is_the_only_one_tried() {
    let demand = HmacDemand {
        key_id_header: Some(HeaderName::from_static("x-key-id")),
        ..HmacPreset::GitHub.demand(Vec::new())
    };
    let mut request = Request::new(demand, "x");
    request.sign(OLD_ID, OLD_SECRET);
    assert_eq!(request.field("x-key-id"), OLD_ID);
    assert_eq!(request.signer(), OLD_ID);
    request.with("x-key-id", ID).is_mismatch();
    request.with("x-key-id", "CSNOBODY").is_mismatch();
    // It is in the store, but not one of the policy's.
    request.store.push(credential("CSOTHER", OLD_SECRET));
    request.with("x-key-id", "CSOTHER").is_mismatch();
}

#[test]
fn the_replay_key_is_made_of_what_was_signed_and_by_whom() {
    let request = Request::signed_as(HmacPreset::Stripe);
    let key = |request: &Request| request.verified().replay_key.unwrap();
    let first = key(&request);
    let (time, signature) = {
        let whole = request.signature();
        let (time, signature) = whole.split_once(',').unwrap();
        (time.to_owned(), signature.to_owned())
    };
    // The same signature in another spelling of its field is the same use of it.
    let spelled = request.with_signature(&format!("{signature}, {time}"));
    assert_eq!(key(&spelled), first);
    let mut later = request.clone();
    later.now += 1;
    assert_eq!(key(&later), first);
    later.sign(ID, SECRET);
    assert_ne!(key(&later), first);
    let mut other = request.clone();
    other.sign(OLD_ID, OLD_SECRET);
    assert_ne!(key(&other), first);
    let mut body = request.clone();
    body.body.push(b' ');
    body.sign(ID, SECRET);
    assert_ne!(key(&body), first);
}

#[test]
fn a_signature_is_good_until_its_time_is_over_or_it_is_forgotten() {
    let mut request = Request::signed_as(HmacPreset::Slack);
    request.now = NOW + 100;
    assert_eq!(request.verified().good_until, UtcTime::from_unix(NOW + 300));
    let mut request = Request::signed_as(HmacPreset::GitHub);
    request.demand.replay_window_secs = 60;
    assert_eq!(request.verified().good_until, UtcTime::from_unix(NOW + 60));
}

#[test]
fn the_text_is_shown_as_it_was_signed() {
    let request = Request::signed_as(HmacPreset::Slack);
    assert_eq!(shown(&request), "v0:1531420618:{\"event\":\"x\"}");
    let mut request = Request::signed_as(HmacPreset::GitHub);
    request.body = [b"a\xff".to_vec(), vec![b'x'; 100_000]].concat();
    let text = shown(&request);
    assert_eq!(text.len(), 64 * 1024);
    assert!(text.starts_with("a\u{fffd}xxx"));
}

fn shown(request: &Request) -> String {
    let demand = SignatureDemand {
        hmac: Some(request.demand.clone()),
        ..SignatureDemand::default()
    };
    let call = Call::admit(&Parts {
        method: request.method,
        target: request.target.as_bytes(),
        authority: Some("gateway.example:8443"),
        headers: &request.headers,
        ended: false,
    })
    .unwrap();
    let keys = ring([]);
    let presented = signature::present(&call, &demand, &keys).unwrap().unwrap();
    let evidence = Evidence {
        call: &call,
        body: KnownBody::Whole(&request.body),
        secure: true,
        now: UtcTime::from_unix(NOW),
        timely: true,
    };
    let texts = signature::workings(&presented, &evidence, &demand).unwrap();
    texts[0].text.clone()
}
