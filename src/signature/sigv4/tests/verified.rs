//! AWS's own example, what botocore signs, and what any signer may send.

use proptest::prelude::*;

use super::*;

/// The worked example of the AWS IAM User Guide.
#[test]
fn the_example_of_aws_verifies() {
    let mut request = Request::get();
    request.target = "/?Action=ListUsers&Version=2010-05-08".to_owned();
    request.authority = "iam.amazonaws.com".to_owned();
    request.demand = demand(SignatureProfile::Aws, "iam");
    request.set(
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    );
    request.set(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, \
         Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    );
    request.is_verified();
}

type Text = &'static str;
type Botocore = (Text, Text, Text, (Text, Text), Text, Text, Text, Text);

/// Signed by botocore 1.44.5 (`SigV4Auth`, `S3SigV4Auth`) for https://gateway.example:8443 at
/// 2015-08-30T12:36:00Z: profile, method, target, further header, body, its hash as sent,
/// signed headers, signature.
#[rustfmt::skip]
const BOTOCORE: &[Botocore] = &[
    ("aws", "GET", "/", ("", ""), "", "", "host;x-amz-date",
     "c8d243e5443cde2e75444220e1663b82381ebdac568f0c9d398b5a88d7390642"),
    ("aws", "GET", "/a%20b/%C3%A9?q=a%20b&%C3%A9=1", ("", ""), "", "", "host;x-amz-date",
     "b3bfab759d243167077057c531cf54a05bacd8a6418256211fd179911709db7b"),
    ("aws", "GET", "/x?b=2&a=1&a=0&empty=&c", ("", ""), "", "", "host;x-amz-date",
     "14e5f0ed0ab9a1f84ed462f3d7a1a8541b9a18fca3c9fe3896313274e8f727d3"),
    ("aws", "GET", "/a/./b/../c//d/", ("", ""), "", "", "host;x-amz-date",
     "8a0d0a83cfb2f718027167df1c371aa205351a4d6cf81d79bcd7ee3c58597f16"),
    ("aws", "GET", "/example/..", ("", ""), "", "", "host;x-amz-date",
     "c8d243e5443cde2e75444220e1663b82381ebdac568f0c9d398b5a88d7390642"),
    ("aws", "GET", "/w", ("x-amz-meta-note", "  two   words  "), "", "", "host;x-amz-date;x-amz-meta-note",
     "fcdbddef1bb8e4087ad2ba6003094fbd48a8fa6002f0b306e8349d9487c1cf0f"),
    ("aws", "POST", "/p", ("content-type", "application/json"), "{\"a\": 1}", "", "content-type;host;x-amz-date",
     "ff53cde2c2546f9cac4d760a08c8d6cab0b2f43065d02773e486590329b10d93"),
    ("s3", "PUT", "/bucket/a%2Fb/c//d", ("", ""), "hello",
     "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", "host;x-amz-content-sha256;x-amz-date",
     "2e0bdb428192e18233386c0116a07ee9d256671d76e3c03433a5c36226880c7e"),
    ("s3", "GET", "/k%20e%C3%A9y?list-type=2&prefix=a%2F", ("", ""), "", EMPTY, "host;x-amz-content-sha256;x-amz-date",
     "ec2dee7266c03064a68c8925a0c7f74f2d834da66c8fce89f636ba1857be2ea3"),
    ("aws", "DELETE", "/~user/-._", ("x-amz-target", "T"), "", "", "host;x-amz-date;x-amz-target",
     "e9f85cc2110325e7403cbdde6cbab520b6e006ea06c6cb0019d8c5f70bb6b250"),
];

#[test]
fn what_botocore_signs_verifies() {
    for (profile, method, target, (name, value), body, hash, signed_headers, signature) in BOTOCORE
    {
        let mut request = Request::get();
        (request.method, request.target) = (method, (*target).to_owned());
        let service = match *profile {
            "s3" => "s3",
            _ => "execute-api",
        };
        let s3 = *profile == "s3";
        request.demand = demand(
            if s3 {
                SignatureProfile::S3
            } else {
                SignatureProfile::Aws
            },
            service,
        );
        if !name.is_empty() {
            request.set(name, value);
        }
        if !hash.is_empty() {
            request.set("x-amz-content-sha256", hash);
        }
        request.body = body.as_bytes().to_vec();
        request.known = (!body.is_empty()).then_some(KnownBody::Whole(body.as_bytes()));
        request.set(
            "authorization",
            &format!(
                "AWS4-HMAC-SHA256 Credential={ID}/20150830/us-east-1/{service}/aws4_request, \
                 SignedHeaders={signed_headers}, Signature={signature}"
            ),
        );
        assert_eq!(
            request.judge(),
            Ok(Some(Verdict::Verified(BodyDuty::None))),
            "{method} {target}"
        );
    }
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_a_changed_byte_does_not(
        path in "(/[a-zA-Z0-9._~-]{1,4}){1,3}",
        query in proptest::collection::vec(("[a-zA-Z0-9~_.-]{1,3}", "([a-z0-9]|%2F|%20|\\+){0,4}"), 0..4),
        value in "[!-~]{1,8}( {1,3}[!-~]{1,4})?",
        at in 0usize..64,
    ) {
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let target = match query.is_empty() {
            true => path,
            false => format!("{path}?{}", query.join("&")),
        };
        let request = Request::signed("GET", &target, &[("x-amz-meta-v", &value)], None);
        prop_assert_eq!(request.judge(), Ok(Some(Verdict::Verified(BodyDuty::None))));

        let mut other = request.clone();
        other.set("x-amz-meta-v", &format!("{value}!"));
        prop_assert!(other.judge().is_err());

        let mut other = request.clone();
        other.target = format!("{target}x");
        prop_assert!(other.judge().is_err());

        let mut other = request.clone();
        let authorization = other.authorization();
        let place = authorization.len() - 64 + at;
        let digit = if &authorization[place..=place] == "0" { "1" } else { "0" };
        other.set("authorization", &format!("{}{digit}{}", &authorization[..place], &authorization[place + 1..]));
        prop_assert!(other.judge().is_err());
    }
}
