//! RFC 9421 §2's examples of component values, and the shapes around them.

use super::*;

/// The line of `component` in the base of a request for `target` with these fields.
fn line(target: &str, fields: &[(&str, &str)], component: &str) -> Result<String, Refusal> {
    let mut request = Request::unsigned();
    request.target = target.to_owned();
    for (name, value) in fields {
        request.append(name, value);
    }
    let input = format!("({component});created={NOW};keyid=\"{KEYID}\"");
    request.set("signature-input", &format!("sig1={input}"));
    let base = request.base()?;
    let last = format!("\n\"@signature-params\": {input}");
    Ok(base.strip_suffix(&last).expect("the last line").to_owned())
}

const EXAMPLE: &[(&str, &str)] = &[
    ("x-ows-header", "  Leading and trailing whitespace.\t "),
    ("cache-control", "max-age=60"),
    ("cache-control", "    must-revalidate"),
    ("example-dict", "  a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
    ("priority", "u=1,    i"),
    ("x-empty-header", ""),
    ("example-header", "value, with, lots"),
    ("example-header", "of, commas"),
    ("client-cert", ":YQ==:;   a"),
    ("sec-ch-ua", "\"A\";v=\"1\",\"B\";v=2.50"),
    ("cookie", "a=1"),
    ("cookie", "b=2"),
];

#[test]
fn fields_have_the_values_of_section_2_1() {
    for (component, want) in [
        ("\"x-ows-header\"", "Leading and trailing whitespace."),
        ("\"cache-control\"", "max-age=60, must-revalidate"),
        (
            "\"example-dict\"",
            "a=1,    b=2;x=1;y=2,   c=(a   b   c), d",
        ),
        ("\"x-empty-header\"", ""),
        ("\"example-dict\";key=\"a\"", "1"),
        ("\"example-dict\";key=\"d\"", "?1"),
        ("\"example-dict\";key=\"b\"", "2;x=1;y=2"),
        ("\"example-dict\";key=\"c\"", "(a b c)"),
        ("\"example-dict\";sf;key=\"c\"", "(a b c)"),
        ("\"example-header\"", "value, with, lots, of, commas"),
        (
            "\"example-header\";bs",
            ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:",
        ),
        ("\"x-empty-header\";bs", "::"),
        ("\"priority\"", "u=1,    i"),
        ("\"priority\";sf", "u=1, i"),
        ("\"priority\";key=\"i\"", "?1"),
        ("\"client-cert\";sf", ":YQ==:;a"),
        ("\"sec-ch-ua\";sf", "\"A\";v=\"1\", \"B\";v=2.5"),
        ("\"cookie\"", "a=1; b=2"),
    ] {
        let line = line("/", EXAMPLE, component).unwrap();
        assert_eq!(line, format!("{component}: {want}"));
    }
}

#[test]
fn one_line_with_commas_is_not_two_lines_when_wrapped() {
    let one = [("example-header", "value, with, lots, of, commas")];
    assert_eq!(
        line("/", &one, "\"example-header\";bs").unwrap(),
        "\"example-header\";bs: :dmFsdWUsIHdpdGgsIGxvdHMsIG9mLCBjb21tYXM=:"
    );
}

#[test]
fn derived_components_have_the_values_of_section_2_2() {
    const PARAMETERS: &str = "/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something";
    for (target, component, want) in [
        ("/path?param=value", "\"@method\"", "GET"),
        ("/path?param=value", "\"@authority\"", "gateway.example"),
        ("/path?param=value", "\"@scheme\"", "https"),
        (
            "/path?param=value",
            "\"@target-uri\"",
            "https://gateway.example/path?param=value",
        ),
        (
            "/path?param=value",
            "\"@request-target\"",
            "/path?param=value",
        ),
        ("/path?param=value", "\"@path\"", "/path"),
        ("/a%2Fb/%7e/?x", "\"@path\"", "/a%2Fb/%7e/"),
        (
            "/path?param=value&foo=bar&baz=bat%2Dman",
            "\"@query\"",
            "?param=value&foo=bar&baz=bat%2Dman",
        ),
        ("/path?queryString", "\"@query\"", "?queryString"),
        ("/path", "\"@query\"", "?"),
        ("/path?", "\"@query\"", "?"),
        ("/path?", "\"@target-uri\"", "https://gateway.example/path?"),
        ("/path?a?b", "\"@query\"", "?a?b"),
        (
            "/path?param=value&foo=bar&baz=batman&qux=",
            "\"@query-param\";name=\"baz\"",
            "batman",
        ),
        (
            "/path?param=value&foo=bar&baz=batman&qux=",
            "\"@query-param\";name=\"qux\"",
            "",
        ),
        ("/path?&&qux", "\"@query-param\";name=\"qux\"", ""),
        (
            PARAMETERS,
            "\"@query-param\";name=\"var\"",
            "this%20is%20a%20big%0Amultiline%20value",
        ),
        (
            PARAMETERS,
            "\"@query-param\";name=\"bar\"",
            "with%20plus%20whitespace",
        ),
        (
            PARAMETERS,
            "\"@query-param\";name=\"fa%C3%A7ade%22%3A%20\"",
            "something",
        ),
        (
            "/?a=~!*'()-._b=c",
            "\"@query-param\";name=\"a\"",
            "%7E%21*%27%28%29-._b%3Dc",
        ),
        ("/?a=%2b%e9%88", "\"@query-param\";name=\"a\"", "malformed"),
    ] {
        match line(target, &[], component) {
            Ok(line) => assert_eq!(line, format!("{component}: {want}")),
            Err(refusal) => {
                assert_eq!(want, "malformed", "{component}");
                assert_eq!(refusal.detail(), "a query parameter is not UTF-8");
            }
        }
    }
}

#[test]
fn an_authority_is_normalised_for_its_scheme() {
    for (secure, authority, want) in [
        (true, "Gateway.EXAMPLE", "gateway.example"),
        (true, "gateway.example:443", "gateway.example"),
        (true, "gateway.example:80", "gateway.example:80"),
        (false, "gateway.example:80", "gateway.example"),
        (false, "gateway.example:443", "gateway.example:443"),
        (true, "gateway.example:8443", "gateway.example:8443"),
        (true, "[2001:DB8::1]:443", "[2001:db8::1]"),
        (true, "gateway.example.", "gateway.example."),
    ] {
        let mut request = Request::unsigned();
        request.authority = authority.to_owned();
        request.secure = secure;
        let input = format!("(\"@authority\" \"@scheme\");created={NOW};keyid=\"k\"");
        request.set("signature-input", &format!("sig1={input}"));
        let base = request.base().unwrap();
        let scheme = if secure { "https" } else { "http" };
        let start = format!("\"@authority\": {want}\n\"@scheme\": {scheme}\n");
        assert!(base.starts_with(&start), "{authority}: {base}");
    }
}

#[test]
fn the_parameters_are_serialised_again_in_their_own_order() {
    let mut request = Request::unsigned();
    let input = "(  \"@method\"   \"@query-param\";  name=\"a\" );  keyid=\"k\";x=?1;y=?0;z=1.50;created=0007;t=*tok;tag=\"q\\\"\\\\\"";
    request.set("signature-input", &format!("  sig1={input}  "));
    request.target = "/?a=1".to_owned();
    assert_eq!(
        request.base().unwrap(),
        "\"@method\": GET\n\"@query-param\";name=\"a\": 1\n\"@signature-params\": (\"@method\" \"@query-param\";name=\"a\");keyid=\"k\";x;y=?0;z=1.5;created=7;t=*tok;tag=\"q\\\"\\\\\""
    );
}

#[test]
fn what_has_no_value_has_no_line() {
    for (target, fields, component, why) in [
        ("/", &[][..], "\"x-absent\"", "a covered field is absent"),
        ("/", &[], "\"a b\"", "a covered field is absent"),
        (
            "/",
            &[("x-a", "b")],
            "\"x-a\";sf",
            "`sf` is for fields whose type is known",
        ),
        (
            "/",
            &[("priority", "u=1,")],
            "\"priority\";sf",
            "a field with `sf` is not of its type, or repeats a name",
        ),
        (
            "/",
            &[("priority", "u=1, u=5")],
            "\"priority\";sf",
            "a field with `sf` is not of its type, or repeats a name",
        ),
        (
            "/",
            &[("priority", "u=1"), ("priority", "u=5")],
            "\"priority\";key=\"u\"",
            "a field with `key` is no dictionary, or repeats a name",
        ),
        (
            "/",
            &[("priority", "u=1;a;a")],
            "\"priority\";key=\"u\"",
            "a field with `key` is no dictionary, or repeats a name",
        ),
        (
            "/",
            &[("priority", "")],
            "\"priority\";sf",
            "a field with `sf` is empty",
        ),
        (
            "/",
            &[("priority", "u=1")],
            "\"priority\";key=\"i\"",
            "a dictionary has no member `key`",
        ),
        (
            "/",
            &[("client-cert", ":YQ==:")],
            "\"client-cert\";key=\"i\"",
            "`key` is for dictionaries",
        ),
        (
            "/",
            &[("date", "Tue"), ("date", "Wed")],
            "\"date\"",
            "a field that is no list was sent twice and is not covered with `bs`",
        ),
        (
            "/?a=1&%61=2",
            &[],
            "\"@query-param\";name=\"a\"",
            "a covered query parameter was sent twice",
        ),
        (
            "/?a=1",
            &[],
            "\"@query-param\";name=\"b\"",
            "a covered query parameter is absent",
        ),
        (
            "/?a%20b=1",
            &[],
            "\"@query-param\";name=\"a+b\"",
            "a covered query parameter is absent",
        ),
        (
            "/?a=%zz",
            &[],
            "\"@query-param\";name=\"a\"",
            "the query has a bad escape",
        ),
        (
            "/?a=1&b=%",
            &[],
            "\"@query-param\";name=\"b\"",
            "the query has a bad escape",
        ),
        ("/", &[], "\"@status\"", "@status is for responses"),
        (
            "/",
            &[],
            "\"@signature-params\"",
            "@signature-params cannot cover itself",
        ),
        (
            "/",
            &[],
            "\"@query-params\"",
            "a derived component is unknown",
        ),
        (
            "/",
            &[],
            "\"@request-response\"",
            "a derived component is unknown",
        ),
        (
            "/",
            &[],
            "\"@Method\"",
            "a component's name is not in lower case",
        ),
        (
            "/",
            &[],
            "\"X-A\"",
            "a component's name is not in lower case",
        ),
        ("/", &[], "\"\"", "a component has no name"),
        ("/", &[], "\"@query-param\"", "@query-param has no name"),
        ("/", &[], "\"@method\";req", "`req` is for responses"),
        ("/", &[], "\"date\";req", "`req` is for responses"),
        (
            "/",
            &[],
            "\"date\";tr",
            "trailers are not covered by a signature that is checked before them",
        ),
        (
            "/",
            &[],
            "\"date\";x",
            "a component has an unknown parameter",
        ),
        (
            "/",
            &[],
            "\"date\";bs;sf",
            "`bs` does not go with `sf` or `key`",
        ),
        (
            "/",
            &[],
            "\"date\";bs;key=\"a\"",
            "`bs` does not go with `sf` or `key`",
        ),
        (
            "/",
            &[],
            "\"@path\";sf",
            "a parameter does not apply to its component",
        ),
        (
            "/",
            &[],
            "\"@path\";bs",
            "a parameter does not apply to its component",
        ),
        (
            "/",
            &[],
            "\"@path\";name=\"a\"",
            "a parameter does not apply to its component",
        ),
        (
            "/",
            &[],
            "\"date\";name=\"a\"",
            "a parameter does not apply to its component",
        ),
        (
            "/?a=1",
            &[],
            "\"@query-param\";name=\"a\";key=\"a\"",
            "a parameter does not apply to its component",
        ),
        ("/", &[], "\"date\";sf=?0", "a component's flag has a value"),
        ("/", &[], "\"date\";bs=1", "a component's flag has a value"),
        (
            "/",
            &[],
            "\"date\";bs;bs",
            "a component has a parameter twice",
        ),
        ("/", &[], "\"date\";key=a", "a parameter is not a String"),
        (
            "/?a=1&b=1",
            &[],
            "\"@query-param\";name=\"a\";name=\"b\"",
            "a parameter is there twice",
        ),
        (
            "/",
            &[],
            "\"@path\" \"@path\"",
            "a component is there twice",
        ),
        (
            "/",
            &[("priority", "u=1")],
            "\"priority\";sf;key=\"u\" \"priority\";key=\"u\";sf",
            "a component is there twice",
        ),
        ("/", &[], "date", "a covered component is no String"),
        ("/", &[], "1", "a covered component is no String"),
    ] {
        let refused = line(target, fields, component).expect_err(component);
        assert_eq!(refused, Refusal::SignatureMalformed(why), "{component}");
    }
}

#[test]
fn bytes_beyond_ascii_are_covered_only_when_wrapped() {
    let mut request = Request::unsigned();
    let value = HeaderValue::from_bytes(b"caf\xc3\xa9").unwrap();
    request.headers.insert("x-name", value);
    let plain = format!("(\"x-name\");created={NOW};keyid=\"k\"");
    request.set("signature-input", &format!("sig1={plain}"));
    let why = "a covered field is not made of ASCII and is not covered with `bs`";
    assert_eq!(request.base(), Err(Refusal::SignatureMalformed(why)));
    let wrapped = format!("(\"x-name\";bs);created={NOW};keyid=\"k\"");
    request.set("signature-input", &format!("sig1={wrapped}"));
    let base = request.base().unwrap();
    assert!(base.starts_with("\"x-name\";bs: :Y2Fmw6k=:\n"), "{base}");
}
