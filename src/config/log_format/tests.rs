//! What is a format of the access log, and what is none.

use super::*;

#[test]
fn presets_and_templates_are_known() {
    assert_eq!(LogFormat::parse("json"), Ok(LogFormat::Json));
    for (text, escaping) in [
        ("clf", Escaping::Text),
        ("combined", Escaping::Text),
        ("$context.requestId,$context.status", Escaping::Text),
        ("costs $5: $context.requestId\n", Escaping::Text),
        (" {\"id\":\"$context.requestId\"}", Escaping::Json),
        ("<r id=\"$context.extendedRequestId\"/>", Escaping::Xml),
    ] {
        let Ok(LogFormat::Template(template)) = LogFormat::parse(text) else {
            panic!("{text}");
        };
        assert_eq!(template.escaping(), escaping, "{text}");
    }
}

#[test]
fn a_variable_in_json_is_bare_outside_of_texts() {
    let text = r#"{"a\"$context.requestId\\":$context.status,"b":["\\",$context.stage]}"#;
    let template = LogTemplate::parse(text).expect("a template");
    let bare = template.parts().iter().filter_map(|part| match part {
        LogPart::Variable { bare, .. } => Some(*bare),
        LogPart::Text(_) => None,
    });
    assert_eq!(bare.collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn a_name_ends_where_a_sentence_does() {
    let text = "$context.requestId. $context.authorizer.my-key-$context.status";
    let template = LogTemplate::parse(text).expect("a template");
    let expected = [
        LogVariable::RequestId,
        LogVariable::Authorizer("my-key".to_owned()),
        LogVariable::Status,
    ];
    let variables: Vec<_> = template.variables().cloned().collect();
    assert_eq!(variables, expected);
}

#[test]
fn what_would_break_a_line_is_no_template() {
    for (text, why) in [
        ("common", "must be \"json\""),
        ("combned", "did you mean \"combined\"?"),
        ("$context.status", "must hold $context.requestId"),
        ("$context.requestID", "did you mean \"requestId\"?"),
        (
            "$context.identity.sourceip",
            "did you mean \"identity.sourceIp\"?",
        ),
        ("$context.", "names no variable"),
        ("$remote_addr $context.requestId", "\"$remote_addr\""),
        ("${context.requestId}", "begin with $context."),
        ("$context.requestId\r", "one line"),
        ("$context.requestId\n\n", "one line"),
        ("{\"id\":\"$context.requestId\"", "begins as JSON"),
        ("{$context.requestId:1}", "begins as JSON"),
        (
            "{\"id\":$context.requestId$context.stage}",
            "begins as JSON",
        ),
        ("{\"id\":-$context.requestId}", "begins as JSON"),
        (r#"{"id":"\$context.requestId"}"#, "begins as JSON"),
        (r#"{"id":"\u00$context.requestId"}"#, "begins as JSON"),
        (r#"{"id":"\ud83d$context.requestId"}"#, "begins as JSON"),
    ] {
        let said = LogFormat::parse(text).expect_err(text);
        assert!(said.contains(why), "{text}: {said}");
    }
    let long = format!("$context.requestId{}", "x".repeat(MAX_BYTES));
    assert!(LogFormat::parse(&long).is_err());
}
