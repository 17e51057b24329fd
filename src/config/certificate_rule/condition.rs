//! The conditions of one table of a rule. In: the table. Out: conditions that are well-formed,
//! always in the same order; what is wrong is noted and left out.

use std::time::Duration;

use crate::config::hash::read_hash;
use crate::document::{Placed, Table};
use crate::spiffe;

use super::{CertificateCondition as Condition, SpiffePath};

/// Every key of a condition, as problems list them.
pub(super) const KEYS: [&str; 20] = [
    "trust_store",
    "subject",
    "issuer",
    "serial",
    "san_uri",
    "san_dns",
    "san_dns_suffix",
    "san_email",
    "san_email_domain",
    "san_ip",
    "spiffe_trust_domain",
    "spiffe_path",
    "fingerprint",
    "public_key",
    "min_rsa_bits",
    "min_ec_bits",
    "extended_key_usage",
    "policies",
    "max_age_secs",
    "max_lifetime_secs",
];
/// A hundred years.
const MOST_SECS: u64 = 3_155_760_000;
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

/// Reads the conditions of `table`; those that are wrong have been noted.
pub(super) fn read(table: &mut Table<'_>) -> Vec<Condition> {
    check_companions(table);
    let mut found = Vec::new();
    let mut add = |condition: Option<Condition>| found.extend(condition);
    add(text(table, "trust_store").map(Condition::TrustStore));
    add(read_name(table, "subject").map(Condition::Subject));
    add(read_name(table, "issuer").map(Condition::Issuer));
    add(read_serial(table).map(Condition::Serial));
    add(text(table, "san_uri").map(Condition::SanUri));
    add(text(table, "san_dns").map(|name| Condition::SanDns(name.to_ascii_lowercase())));
    add(read_suffix(table).map(Condition::SanDnsSuffix));
    add(text(table, "san_email").map(Condition::SanEmail));
    add(read_email_domain(table).map(Condition::SanEmailDomain));
    add(read_ip(table));
    add(read_trust_domain(table).map(Condition::SpiffeTrustDomain));
    add(read_spiffe_path(table).map(Condition::SpiffePath));
    add(read_hash(table, "fingerprint").map(Condition::Fingerprint));
    add(read_hash(table, "public_key").map(Condition::PublicKey));
    let bits = table.integer("min_rsa_bits", 1024..=16384);
    add(bits.map(Condition::MinRsaBits));
    let bits = table.integer("min_ec_bits", 224..=521);
    add(bits.map(Condition::MinEcBits));
    let named = [("client_auth", CLIENT_AUTH)];
    add(read_oids(table, "extended_key_usage", &named).map(Condition::ExtendedKeyUsage));
    add(read_oids(table, "policies", &[]).map(Condition::Policies));
    add(read_secs(table, "max_age_secs").map(Condition::MaxAge));
    add(read_secs(table, "max_lifetime_secs").map(Condition::MaxLifetime));
    found
}

/// A serial number is the issuer's, and a path its trust domain's: alone they say nothing.
fn check_companions(table: &Table<'_>) {
    for (key, needed, why) in [
        (
            "serial",
            "issuer",
            "two issuers may give the same serial number",
        ),
        (
            "spiffe_path",
            "spiffe_trust_domain",
            "another trust domain may have the same path",
        ),
    ] {
        if table.has(key) && !table.has(needed) {
            let text = format!(
                "{} has \"{key}\" without \"{needed}\", but {why}; add \"{needed}\"",
                table.label()
            );
            table.document().note(table.line_of(key), text);
        }
    }
}

fn text(table: &mut Table<'_>, key: &'static str) -> Option<String> {
    table.text(key).map(|text| text.value)
}

/// A text that `check` turns into what it stands for; otherwise a problem that ends with `cure`.
fn parsed<T>(
    table: &mut Table<'_>,
    key: &'static str,
    cure: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let Placed { value, line } = table.text(key)?;
    let found = parse(&value);
    if found.is_none() {
        let text = format!("\"{key}\" in {} {cure}", table.label());
        table.document().note(line, text);
    }
    found
}

fn read_name(table: &mut Table<'_>, key: &'static str) -> Option<String> {
    const CURE: &str = "must be a name as RFC 4514 writes it, such as \"CN=billing,O=Example\"; openssl x509 -nameopt RFC2253 prints it";
    parsed(table, key, CURE, |text| {
        let (kind, _) = text.split_once('=')?;
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        (!kind.is_empty() && kind.bytes().all(fits)).then(|| text.to_owned())
    })
}

fn read_serial(table: &mut Table<'_>) -> Option<String> {
    const CURE: &str =
        "must be a serial number: up to 40 hexadecimal digits, colons between them if you like";
    parsed(table, "serial", CURE, |text| {
        let digits: String = text.chars().filter(|c| *c != ':').collect();
        let digits = digits.to_ascii_lowercase();
        let known = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let short = digits.trim_start_matches('0');
        (known && short.len() <= 40).then(|| short.to_owned())
    })
}

fn read_suffix(table: &mut Table<'_>) -> Option<String> {
    const CURE: &str =
        "must be whole labels behind a dot, such as \".partner.example\": every name below it fits";
    parsed(table, "san_dns_suffix", CURE, |text| {
        let labels = text.strip_prefix('.')?;
        is_domain(labels).then(|| text.to_ascii_lowercase())
    })
}

fn read_email_domain(table: &mut Table<'_>) -> Option<String> {
    const CURE: &str = "must be what stands behind the \"@\", such as \"partner.example\"";
    parsed(table, "san_email_domain", CURE, |text| {
        is_domain(text).then(|| text.to_ascii_lowercase())
    })
}

fn is_domain(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let mut labels = text.split('.');
    labels.all(|label| !label.is_empty() && label.bytes().all(fits))
}

fn read_ip(table: &mut Table<'_>) -> Option<Condition> {
    let text = table.text("san_ip")?;
    let address = text.value.parse().ok();
    if address.is_none() {
        let problem = format!("san_ip \"{}\" is no IP address", text.value);
        table.document().note(text.line, problem);
    }
    address.map(Condition::SanIp)
}

fn read_trust_domain(table: &mut Table<'_>) -> Option<String> {
    const CURE: &str =
        "must be a trust domain, such as \"example.org\": no scheme, no path, lower case";
    parsed(table, "spiffe_trust_domain", CURE, |text| {
        let checked = spiffe::check_trust_domain(text);
        checked.is_ok().then(|| text.to_owned())
    })
}

fn read_spiffe_path(table: &mut Table<'_>) -> Option<SpiffePath> {
    const CURE: &str = "must be the path of a SPIFFE ID, such as \"/billing\", or every path below one, such as \"/ns/prod/*\"";
    parsed(table, "spiffe_path", CURE, |text| {
        if text == "/*" {
            return Some(SpiffePath::Below("/".to_owned()));
        }
        let above = text.strip_suffix("/*");
        spiffe::check_path(above.unwrap_or(text)).ok()?;
        Some(match above {
            Some(above) => SpiffePath::Below(format!("{above}/")),
            None => SpiffePath::Exact(text.to_owned()),
        })
    })
}

/// A list of OIDs, some of which have a name; sorted, none twice.
fn read_oids(
    table: &mut Table<'_>,
    key: &'static str,
    named: &[(&str, &str)],
) -> Option<Vec<String>> {
    let line = table.line_of(key);
    let texts = table.texts(key)?;
    let document = table.document();
    if texts.is_empty() {
        let text = format!("\"{key}\" in {} must not be empty", table.label());
        document.note(line, text);
        return None;
    }
    let mut oids = Vec::new();
    for Placed { value, line } in &texts {
        let known = named.iter().find(|(name, _)| name == value);
        match known.map(|(_, oid)| *oid) {
            Some(oid) => oids.push(oid.to_owned()),
            None if is_oid(value) => oids.push(value.clone()),
            None => {
                let names = named.iter().map(|(name, _)| format!("\"{name}\" or "));
                let text = format!(
                    "\"{key}\" in {} holds \"{value}\", but must hold {}OIDs such as \"1.3.6.1.4.1.99999.1\"",
                    table.label(),
                    names.collect::<String>()
                );
                document.note(*line, text);
            }
        }
    }
    oids.sort();
    oids.dedup();
    (!oids.is_empty()).then_some(oids)
}

/// Numbers without zeros in front, as certificates' OIDs are written here.
fn is_oid(text: &str) -> bool {
    let arc = |arc: &str| arc.parse::<u128>().is_ok_and(|n| n.to_string() == arc);
    text.contains('.') && text.split('.').all(arc)
}

fn read_secs(table: &mut Table<'_>, key: &'static str) -> Option<Duration> {
    table.integer(key, 1..=MOST_SECS).map(Duration::from_secs)
}
