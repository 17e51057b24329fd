//! Which of several signatures is meant, what the policy adds, what is remembered, and what a
//! caller is told.

use super::*;

fn by(keyid: &str, label: &'static str, tag: Option<&str>) -> How {
    How {
        keyid: keyid.to_owned(),
        label,
        tag: tag.map(str::to_owned),
        ..How::default()
    }
}

fn keys(ids: &[&str]) -> Keys {
    let key = |id: &&str| ((*id).to_owned(), verifying_key(Algorithm::Ed25519));
    ids.iter().map(key).collect()
}

/// Beside one that is refused for its form, a signature with the id in question: the word of the
/// refusal would say which of the two was looked at.
#[test]
fn of_several_signatures_no_word_tells_which_key_is_known() {
    let old = Request::unsigned().signed(&How {
        created: NOW - 9_999,
        ..by("nobody", "sig1", None)
    });
    let narrow = Request::unsigned().signed(&How {
        components: names(&["@method"]),
        ..by("nobody", "sig1", None)
    });
    let mut nameless = Request::get();
    nameless.change("signature-input", "keyid=", "other=");
    for first in [old, narrow, nameless] {
        let mut request = first.signed(&by(KEYID, "sig2", None));
        request.target = "/orders/8".to_owned();
        let told = request.judge_with(&keys(&[KEYID])).expect_err("refused");
        let hidden = request.judge_with(&keys(&[])).expect_err("refused");
        assert_eq!(told.code(), "signature_mismatch", "{told:?}");
        assert_eq!(hidden.code(), told.code(), "{hidden:?}");
    }
}

#[test]
fn of_several_signatures_the_one_whose_key_is_known_is_meant() {
    for labels in [["a", "b"], ["b", "a"]] {
        let request = Request::unsigned()
            .signed(&by("stranger", labels[0], None))
            .signed(&by(KEYID, labels[1], None));
        assert_eq!(request.judge(), Ok(()));
    }
}

#[test]
fn a_wrong_signature_beside_the_right_one_does_no_harm() {
    let mut request = Request::get();
    request.append(
        "signature-input",
        "other=(\"@status\" \"@status\";x);created=1.5;keyid=\"x\"",
    );
    request.append("signature", "other=:YQ==:");
    assert_eq!(request.judge(), Ok(()));
}

#[test]
fn two_signatures_that_could_be_meant_are_refused_like_a_wrong_one() {
    let request = Request::unsigned()
        .signed(&by("one", "a", None))
        .signed(&by("two", "b", None));
    let why = "several signatures could be meant; demand a tag";
    let ambiguous = Refusal::SignatureMismatch(why);
    assert_eq!(
        request.judge_with(&keys(&["one", "two"])),
        Err(ambiguous.clone())
    );
    // The same answer to a stranger who knows no key.
    let unknown = request.judge_with(&keys(&["three"]));
    let unknown = unknown.expect_err("refused");
    assert_eq!(
        unknown,
        Refusal::SignatureMismatch("the credential is unknown")
    );
    assert_eq!(unknown.code(), ambiguous.code());
}

#[test]
fn a_tag_that_is_demanded_selects() {
    let mut request = Request::unsigned()
        .signed(&by("one", "a", Some("other")))
        .signed(&by("two", "b", Some("ours")));
    request.demand.tag = Some("ours".to_owned());
    assert_eq!(request.judge_with(&keys(&["one", "two"])), Ok(Some(None)));
    request.demand.tag = Some("theirs".to_owned());
    request.is_malformed("no signature has the tag that is demanded");
}

#[test]
fn an_untagged_signature_is_not_one_with_the_tag() {
    let mut request = Request::get();
    request.demand.tag = Some("ours".to_owned());
    request.is_malformed("no signature has the tag that is demanded");
    let mut request = Request::unsigned().signed(&by(KEYID, "a", Some("Ours")));
    request.demand.tag = Some("ours".to_owned());
    request.is_malformed("no signature has the tag that is demanded");
}

#[test]
fn a_signature_found_for_one_demand_is_not_taken_for_another() {
    let request = Request::get();
    let demand = Rfc9421Demand {
        tag: Some("ours".to_owned()),
        ..Rfc9421Demand::default()
    };
    let keys = keys(&[KEYID]);
    request.with_call(|call| {
        let presented = present(call, &request.demand, |_| true).unwrap().unwrap();
        let judged = verify(
            &presented,
            call,
            &demand,
            find(&keys),
            true,
            UtcTime::from_unix(NOW),
        );
        let why = "the tag is not the one that is demanded";
        assert_eq!(judged, Err(Refusal::SignatureMalformed(why)));
    });
}

#[test]
fn a_nonce_that_is_demanded_must_be_there() {
    let mut request = Request::get();
    request.demand.nonce_required = true;
    request.is_malformed("nonce is missing");
    let how = How {
        nonce: Some("n".to_owned()),
        ..How::default()
    };
    let mut request = Request::unsigned().signed(&how);
    request.demand.nonce_required = true;
    assert_eq!(request.judge(), Ok(()));
}

#[test]
fn what_the_policy_names_must_be_covered() {
    let why = "a component that the policy demands is not covered";
    let mut plain = Request::unsigned();
    plain.set("content-type", "text/plain");
    let mut plain = plain.signed(&How::default());
    for component in ["content-type", "@target-uri", "@query-param;name=\"a\""] {
        plain.demand.components = names(&[component]);
        plain.is_malformed(why);
        let mut how = How::default();
        how.components.push(component.to_owned());
        let mut covered = Request::unsigned();
        covered.set("content-type", "text/plain");
        let mut covered = covered.signed(&how);
        covered.demand.components = names(&[component]);
        assert_eq!(covered.judge(), Ok(()), "{component}");
    }
    let mut how = How::default();
    how.components.push("content-type;bs".to_owned());
    let mut other = Request::unsigned();
    other.set("content-type", "text/plain");
    let mut other = other.signed(&how);
    other.demand.components = names(&["content-type"]);
    other.is_malformed(why);
}

#[test]
fn a_demand_that_no_request_meets_is_told() {
    let check = |component: &str| {
        let demand = Rfc9421Demand {
            components: names(&[component]),
            ..Rfc9421Demand::default()
        };
        check_demand(&demand)
    };
    for good in [
        "content-type",
        "@target-uri",
        "@query-param;name=\"a\"",
        "x;key=\"a\"",
    ] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    for (bad, why) in [
        ("", "a component has no name"),
        ("a\"b", "a component has no name"),
        ("Content-Type", "a component's name is not in lower case"),
        ("@status", "@status is for responses"),
        ("@query-param", "@query-param has no name"),
        ("date;req", "`req` is for responses"),
        ("date;bs;sf", "`bs` does not go with `sf` or `key`"),
        ("date;", "not one inner list of components"),
        ("date; \"b\"", "not one inner list of components"),
        ("date;bs \"@path\"", "not one component"),
    ] {
        assert_eq!(check(bad), Err(why), "{bad}");
    }
    let demand = Rfc9421Demand {
        tag: Some("é".to_owned()),
        ..Rfc9421Demand::default()
    };
    assert_eq!(check_demand(&demand), Err("the tag is not made of ASCII"));
}

fn verified(how: &How, use_it: impl Fn(Verified<'_>)) {
    let request = Request::unsigned().signed(how);
    let keys = keys(&["one", "two", KEYID]);
    request.with_call(|call| {
        let presented = present(call, &request.demand, |_| true).unwrap().unwrap();
        let now = UtcTime::from_unix(NOW);
        let demand = &request.demand;
        use_it(verify(&presented, call, demand, find(&keys), true, now).unwrap());
    });
}

fn replay_key_of(how: &How) -> [u8; 32] {
    let key = std::cell::Cell::new([0; 32]);
    verified(how, |verified| key.set(*verified.replay_key()));
    key.get()
}

#[test]
fn the_same_nonce_of_one_key_has_one_replay_key() {
    let how = |keyid: &str, nonce: &str, created| How {
        keyid: keyid.to_owned(),
        nonce: Some(nonce.to_owned()),
        created,
        ..How::default()
    };
    let key = replay_key_of(&how("one", "n", NOW));
    assert_eq!(key, replay_key_of(&how("one", "n", NOW - 5)));
    assert_ne!(key, replay_key_of(&how("one", "m", NOW)));
    assert_ne!(key, replay_key_of(&how("two", "n", NOW)));
    assert_ne!(
        replay_key(&"k".repeat(2), Some("n"), ""),
        replay_key("k", Some("kn"), "")
    );
    assert_ne!(replay_key("k", Some("n"), ""), replay_key("k", None, "n"));
}

#[test]
fn without_a_nonce_the_replay_key_is_of_what_was_signed() {
    let at = |created| How {
        created,
        ..How::default()
    };
    assert_eq!(replay_key_of(&at(NOW)), replay_key_of(&at(NOW)));
    assert_ne!(replay_key_of(&at(NOW)), replay_key_of(&at(NOW - 1)));
    // Of an ECDSA signature there are many, of what was signed there is one.
    let request = |_| {
        let how = How {
            algorithm: Algorithm::EcdsaP256Sha256,
            ..How::default()
        };
        Request::unsigned().signed(&how)
    };
    let [one, other] = [0, 1].map(request);
    assert_ne!(one.field("signature"), other.field("signature"));
    assert_eq!(one.base(), other.base());
}

#[test]
fn a_signature_is_remembered_until_no_sibling_takes_it() {
    let plain = By(NOW - 10, None);
    for (By(created, expires), until) in [
        (plain, NOW + 290 + 60),
        (By(NOW - 10, Some(NOW + 5)), NOW + 5 + 60),
        (By(NOW - 10, Some(NOW + 5000)), NOW + 290 + 60),
    ] {
        let how = How {
            created,
            expires,
            ..How::default()
        };
        verified(&how, |verified| {
            assert_eq!(verified.good_until().unix(), until)
        });
    }
}

struct By(i64, Option<i64>);

#[test]
fn a_caller_is_told_what_to_sign() {
    let mut demand = Rfc9421Demand::default();
    assert_eq!(
        accept_signature(&demand, false),
        "sig1=(\"@method\" \"@authority\" \"@path\" \"@query\");created"
    );
    demand.components = names(&["content-type", "@query-param;name=\"id\"", "@path"]);
    demand.tag = Some("o\"urs".to_owned());
    assert_eq!(
        accept_signature(&demand, true),
        "sig1=(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\" \"content-type\" \"@query-param\";name=\"id\");created;tag=\"o\\\"urs\""
    );
    demand.components = names(&["@target-uri"]);
    demand.tag = None;
    assert_eq!(
        accept_signature(&demand, false),
        "sig1=(\"@method\" \"@target-uri\");created"
    );
}

#[test]
fn who_signs_what_is_told_is_let_in() {
    for (content, components) in [
        (true, &["x-a", "@target-uri"][..]),
        (false, &[]),
        (true, &[]),
    ] {
        let mut request = Request::unsigned();
        request.set("x-a", "b");
        request.method = "PUT";
        request.demand.components = names(components);
        request.demand.tag = Some("ours".to_owned());
        if content {
            request.body = b"abc".to_vec();
        }
        let told = accept_signature(&request.demand, content);
        let list = &told[6..told.find(')').unwrap()];
        let mut how = by(KEYID, "sig1", Some("ours"));
        how.components = list.split(' ').map(|name| name.replace('"', "")).collect();
        assert_eq!(request.signed(&how).judge(), Ok(()), "{told}");
    }
}

#[test]
fn a_request_that_cannot_be_signed_is_told() {
    let refused = |change: &dyn Fn(&mut How)| {
        let mut how = How::default();
        change(&mut how);
        let signed = Request::unsigned().try_signed(&how);
        signed.err().expect("refused").to_string()
    };
    for (said, why) in [
        (refused(&|how| how.label = "No"), "the label is not a key"),
        (
            refused(&|how| how.components = names(&["x"])),
            "a covered field is absent",
        ),
        (
            refused(&|how| how.components = names(&["\"x\""])),
            "a component has no name",
        ),
        (
            refused(&|how| how.nonce = Some("\n".to_owned())),
            "a parameter is not made of ASCII",
        ),
        (
            refused(&|how| how.keyid = "é".to_owned()),
            "a parameter is not made of ASCII",
        ),
    ] {
        assert_eq!(said, format!("the request cannot be signed: {why}"));
    }
}
