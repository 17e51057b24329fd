//! Headers as the specification, HAProxy and AWS write them, and everything that is none.

use proptest::prelude::*;

use super::*;

fn head(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    header.extend([command, family]);
    header.extend((rest.len() as u16).to_be_bytes());
    header.extend(rest);
    header
}

const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 1, 0xC7, 0x38, 1, 0xBB];

/// A header of TCP over IPv4 with these TLVs.
fn with(tlvs: &[(u8, &[u8])]) -> Vec<u8> {
    let mut rest = V4.to_vec();
    for (kind, value) in tlvs {
        rest.push(*kind);
        rest.extend((value.len() as u16).to_be_bytes());
        rest.extend(*value);
    }
    head(0x21, 0x11, &rest)
}

fn checked(tlvs: &[(u8, &[u8])]) -> Vec<u8> {
    let mut header = with(&[tlvs, &[(3, &[0; 4][..])]].concat());
    let sum = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&header);
    let at = header.len() - 4;
    header[at..].copy_from_slice(&sum.to_be_bytes());
    header
}

fn source(text: &str) -> Result<Header, Malformed> {
    Ok(Header {
        source: Some(text.parse().expect("an address")),
        vpc_endpoint: None,
    })
}

#[test]
fn a_line_tells_the_client() {
    for (line, client) in [
        (
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
            "255.255.255.255:65535",
        ),
        ("PROXY TCP4 192.0.2.1 198.51.100.1 0 443\r\n", "192.0.2.1:0"),
        (
            "PROXY TCP6 2001:db8::1 ::1 51000 443\r\n",
            "[2001:db8::1]:51000",
        ),
        // One client is one address, however the proxy's socket writes it.
        (
            "PROXY TCP6 ::ffff:192.0.2.1 ::1 51000 443\r\n",
            "192.0.2.1:51000",
        ),
        (
            "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
        ),
    ] {
        assert_eq!(read_text(line.as_bytes()), source(client), "{line}");
    }
}

#[test]
fn a_line_that_is_not_spelt_as_the_specification_says_is_refused() {
    for line in [
        "",
        "\r\n",
        "PROXY\r\n",
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY UNKNOWN\r\n",
        "PROXY UNKNOWN 192.0.2.1 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n",
        "PROXY\tTCP4 192.0.2.1 198.51.100.1 1 2\r\n",
        "proxy TCP4 192.0.2.1 198.51.100.1 1 2\r\n",
        "PROXY tcp4 192.0.2.1 198.51.100.1 1 2\r\n",
        "PROXY TCP5 192.0.2.1 198.51.100.1 1 2\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP4 192.0.2.1 ::1 1 2\r\n",
        "PROXY TCP6 [::1] ::1 1 2\r\n",
        "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n",
        "PROXY TCP4 0x7f000001 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 65536 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 +1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 -1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 02\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 2",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\n\r\n",
        "PROXY TCP4 192.0.2.1\r 198.51.100.1 1 2\r\n",
        "PROXY TCP4 １92.0.2.1 198.51.100.1 1 2\r\n",
    ] {
        assert!(read_text(line.as_bytes()).is_err(), "{line:?}");
    }
    assert!(read_text(b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2\xff\r\n").is_err());
    let long = format!("PROXY TCP4 192.0.2.1 198.51.100.1 1 {}\r\n", "0".repeat(80));
    assert_eq!(
        read_text(long.as_bytes()),
        Err(Malformed("the line is too long"))
    );
}

#[test]
fn the_first_bytes_tell_the_version() {
    assert_eq!(version(b"PROXY TCP4 1"), Ok(Version::Text));
    assert_eq!(version(b"PROXY UNKNOW"), Ok(Version::Text));
    assert_eq!(version(SIGNATURE), Ok(Version::Binary));
    for other in [
        b"GET / HTTP/1",
        b"PROXYS TCP4 ",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\0",
        b"\r\n\r\n\0\r\nQUIT\r",
    ] {
        assert!(version(other).is_err(), "{other:?}");
    }
}

#[test]
fn a_binary_header_tells_the_client() {
    assert_eq!(read_binary(&with(&[])), source("192.0.2.1:51000"));
    let mut v6 = [0; 36];
    v6[..16].copy_from_slice(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    v6[33] = 80;
    assert_eq!(
        read_binary(&head(0x21, 0x21, &v6)),
        source("[2001:db8::1]:80")
    );
    v6[..16].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1]);
    assert_eq!(read_binary(&head(0x21, 0x21, &v6)), source("192.0.2.1:80"));
}

#[test]
fn a_proxy_that_speaks_for_itself_says_nothing_of_a_client() {
    for (family, rest) in [
        (0, &[][..]),
        (0, &[1, 2, 3]),
        (0x11, &V4),
        (0x31, &[0; 216]),
    ] {
        let header = read_binary(&head(0x20, family, rest));
        assert_eq!(header, Ok(Header::default()), "{family}");
    }
}

#[test]
fn what_is_no_connection_over_tcp_is_refused() {
    for family in 0..=255 {
        let rest = [0; 216];
        let read = read_binary(&head(0x21, family, &rest));
        // Zeros are TLVs of type 0 without a value.
        assert_eq!(read.is_ok(), matches!(family, 0x11 | 0x21), "{family:#x}");
    }
    for command in (0..=255).filter(|command| !matches!(command, 0x20 | 0x21)) {
        assert!(read_binary(&head(command, 0x11, &V4)).is_err(), "{command}");
    }
}

#[test]
fn a_header_that_is_cut_or_longer_than_it_says_is_refused() {
    let whole = with(&[(4, b"padding"), (1, b"h2")]);
    for length in 0..whole.len() {
        assert!(read_binary(&whole[..length]).is_err(), "{length}");
    }
    assert!(read_binary(&[&whole[..], b"x"].concat()).is_err());
    for (family, addresses) in [(0x11, 12), (0x21, 36)] {
        for length in 0..addresses {
            let short = head(0x21, family, &vec![0; length]);
            assert!(read_binary(&short).is_err(), "{length}");
        }
    }
}

#[test]
fn a_header_may_be_so_long_and_no_longer() {
    let padded = |length: usize| with(&[(4, &vec![0; length - V4.len() - 3])]);
    assert_eq!(read_binary(&padded(MAX_REST)), source("192.0.2.1:51000"));
    let long = padded(MAX_REST + 1);
    let (first, _) = long.split_first_chunk().expect("a head");
    assert_eq!(rest_of(first), Err(Malformed("the header is too long")));
    assert!(read_binary(&long).is_err());
}

#[test]
fn a_tlv_that_reaches_beyond_the_header_is_refused() {
    let good = with(&[(4, b"abc")]);
    assert!(read_binary(&good).is_ok());
    for tail in [&[4][..], &[4, 0], &[4, 0, 1], &[4, 0xff, 0xff, 0]] {
        let rest = [&V4[..], &[4, 0, 1, 7], tail].concat();
        let header = head(0x21, 0x11, &rest);
        assert!(read_binary(&header).is_err(), "{tail:?}");
    }
    assert!(read_binary(&with(&[(5, &[0; 128])])).is_ok());
    assert!(read_binary(&with(&[(5, &[0; 129])])).is_err());
}

#[test]
fn the_tlv_of_tls_holds_well_formed_tlvs() {
    let version = [
        1, 0, 0, 0, 0, 0x21, 0, 7, b'T', b'L', b'S', b'v', b'1', b'.', b'3',
    ];
    assert!(read_binary(&with(&[(0x20, &version)])).is_ok());
    for length in [0, 4, 6, 7, 8, 14] {
        let cut = with(&[(0x20, &version[..length])]);
        assert!(read_binary(&cut).is_err(), "{length}");
    }
}

#[test]
fn a_checksum_is_checked() {
    let good = checked(&[(1, b"h2"), (4, b"x")]);
    assert_eq!(read_binary(&good), source("192.0.2.1:51000"));
    // Of another type, it is no checksum.
    let kind = good.len() - 7;
    for at in (0..good.len()).filter(|at| *at != kind) {
        let mut changed = good.clone();
        changed[at] ^= 0x80;
        assert!(read_binary(&changed).is_err(), "byte {at}");
    }
    for wrong in [&[0; 3][..], &[0; 5], &[]] {
        assert!(read_binary(&with(&[(3, wrong)])).is_err());
    }
    let mut twice = checked(&[(3, &[0; 4])]);
    assert!(read_binary(&twice).is_err());
    twice.truncate(28);
    twice[15] = 12;
    assert!(read_binary(&twice).is_ok(), "without either it is good");
}

#[test]
fn the_vpc_endpoint_is_what_aws_writes() {
    let id = b"vpce-08d2bf15fac5001c9";
    let told = |id: &[u8]| [&[1], id].concat();
    let read = read_binary(&with(&[(0xEA, &told(id))])).expect("a header");
    assert_eq!(read.vpc_endpoint.as_deref(), Some("vpce-08d2bf15fac5001c9"));
    // Another of AWS's subtypes is nothing that is understood, and no mistake.
    let read = read_binary(&with(&[(0xEA, b"\x02other"), (0xEA, b"")]));
    assert_eq!(read, source("192.0.2.1:51000"));
    for wrong in [&b""[..], b"a b", b"a\n", b"\xc3\xa9", &[b'v'; 65]] {
        assert!(
            read_binary(&with(&[(0xEA, &told(wrong))])).is_err(),
            "{wrong:?}"
        );
    }
    assert!(read_binary(&with(&[(0xEA, &told(&[b'v'; 64]))])).is_ok());
    assert!(read_binary(&with(&[(0xEA, &told(id)), (0xEA, &told(id))])).is_err());
}

proptest! {
    #[test]
    fn no_bytes_do_any_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_text(&bytes);
        let _ = read_binary(&bytes);
        let _ = read_binary(&head(0x21, 0x11, &bytes));
        let _ = read_binary(&head(0x21, 0x11, &[&V4[..], &bytes].concat()));
    }

    #[test]
    fn what_a_line_says_is_what_was_written(ip in any::<[u8; 4]>(), port in any::<u16>()) {
        let client = SocketAddr::from((ip, port));
        let line = format!("PROXY TCP4 {} 198.51.100.1 {port} 443\r\n", client.ip());
        let read = read_text(line.as_bytes());
        prop_assert_eq!(read, source(&client.to_string()));
    }
}
