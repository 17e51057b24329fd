//! Heads of streamed answers, whole and cut.

use super::*;
use crate::lambda::answer::{Prelude, PreludeReader};

/// Reads a stream in these chunks: the head in one line with all of the body, or why not.
fn streamed<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<String, Malformed> {
    let mut reader = PreludeReader::default();
    let mut head: Option<Prelude> = None;
    let mut body = Vec::new();
    for chunk in chunks {
        match &head {
            Some(_) => body.extend_from_slice(chunk),
            None => head = reader.push(Bytes::copy_from_slice(chunk))?,
        }
    }
    let head = head.ok_or(PreludeReader::CUT_SHORT)?;
    let body = [&head.rest[..], &body].concat();
    Ok(format!(
        "{} {} {:?} {}",
        head.status.as_u16(),
        listed(&head.fields),
        head.content_length,
        String::from_utf8_lossy(&body)
    ))
}

const NULS: &str = "\0\0\0\0\0\0\0\0";

fn whole(json: &str, body: &str) -> Result<String, Malformed> {
    let stream = format!("{json}{NULS}{body}");
    streamed([stream.as_bytes()])
}

/// "Lambda proxy integration format for response streaming".
#[test]
fn a_head_is_json_with_four_keys_before_eight_nuls() {
    for (json, want) in [
        ("{}", Some("200 [] None body")),
        (r#"{"statusCode":201}"#, Some("201 [] None body")),
        (
            r#"{"statusCode":200,"headers":{"Content-Type":"text/html","x-a":"1"},"multiValueHeaders":{"X-A":["1","2"]},"cookies":["a=b","c=d"]}"#,
            Some(
                "200 [x-a: 1, x-a: 2, content-type: text/html, set-cookie: a=b, set-cookie: c=d] None body",
            ),
        ),
        (
            r#"{"headers":{"Content-Length":"4","Transfer-Encoding":"chunked"}}"#,
            Some("200 [] Some(4) body"),
        ),
        (
            r#"{"headers":{"Content-Length":4}}"#,
            Some("200 [] Some(4) body"),
        ),
        (
            r#"{"multiValueHeaders":{"Content-Length":["4","4"]}}"#,
            Some("200 [] Some(4) body"),
        ),
        (
            r#"{"multiValueHeaders":{"Content-Length":["4","5"]}}"#,
            None,
        ),
        (r#"{"headers":{"Content-Length":"-4"}}"#, None),
        (r#"{"headers":{"Content-Length":"+4"}}"#, None),
        (r#"{"headers":{"Content-Length":""}}"#, None),
        (
            r#"{"headers":{"Content-Length":"9999999999999999999"}}"#,
            None,
        ),
        (
            r#"{"statusCode":204,"headers":{"Content-Length":"4"}}"#,
            Some("204 [] None body"),
        ),
        (r#"{"statusCode":200,"body":"x"}"#, None),
        (r#"{"statusCode":200,"isBase64Encoded":true}"#, None),
        (r#"{"statusCode":101}"#, None),
        ("", None),
        ("null", None),
        ("<html>", None),
        (r#"{"headers":{"x-a":"a\r\nb"}}"#, None),
    ] {
        assert_eq!(whole(json, "body").ok().as_deref(), want, "{json}");
    }
}

#[test]
fn a_head_has_at_most_16_kib_before_its_delimiter() {
    let json = |bytes: usize| format!("{{{}}}", " ".repeat(bytes - 2));
    let most = json(16 * 1024);
    assert_eq!(whole(&most, "b").as_deref(), Ok("200 [] None b"));
    assert!(whole(&json(16 * 1024 + 1), "b").is_err());
    // Without a delimiter nothing is kept beyond it.
    let mut reader = PreludeReader::default();
    assert!(matches!(reader.push(most.clone().into()), Ok(None)));
    assert!(reader.push(Bytes::from_static(b" ")).is_err());
    let mut reader = PreludeReader::default();
    assert!(reader.push(vec![b' '; 1 << 20].into()).is_err());
}

#[test]
fn a_delimiter_is_eight_nuls_and_the_body_may_begin_with_more() {
    let seven = &NULS[..7];
    assert!(streamed([format!("{{}}{seven}x").as_bytes()]).is_err());
    assert_eq!(
        streamed([format!("{{}}{seven}").as_bytes()]),
        Err(PreludeReader::CUT_SHORT)
    );
    assert_eq!(whole("{}", "\0b").as_deref(), Ok("200 [] None \0b"));
    assert_eq!(whole("{}", "").as_deref(), Ok("200 [] None "));
    assert_eq!(streamed([]), Err(PreludeReader::CUT_SHORT));
}

proptest! {
    #[test]
    fn a_head_is_the_same_however_it_is_cut(
        json in prop_oneof![
            nearly(),
            Just("{}".to_owned()),
            Just(r#"{"statusCode":201,"headers":{"x-a":"1","Content-Length":3}}"#.to_owned()),
            (16_380_usize..16_390).prop_map(|n| format!("{{{}}}", " ".repeat(n - 2))),
        ],
        nuls in prop_oneof![Just(8_usize), 0..12_usize],
        body in "[a-z\0]{0,20}",
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        late in any::<bool>(),
    ) {
        let stream = format!("{json}{}{body}", "\0".repeat(nuls)).into_bytes();
        // Most of what can go wrong with a cut goes wrong near the delimiter.
        let start = if late { json.len().saturating_sub(3) } else { 0 };
        let mut at: Vec<usize> = cuts
            .drain(..)
            .map(|cut| start + cut.index(stream.len() - start + 1))
            .collect();
        at.extend([0, stream.len()]);
        at.sort_unstable();
        let chunks = at.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        prop_assert_eq!(streamed(chunks), streamed([&stream[..]]));
        let bytes = stream.chunks(1);
        prop_assert_eq!(streamed(bytes), streamed([&stream[..]]));
    }

    #[test]
    fn no_stream_makes_a_panic(chunks in prop::collection::vec(any::<Vec<u8>>(), 0..5)) {
        let _ = streamed(chunks.iter().map(Vec::as_slice));
    }
}
