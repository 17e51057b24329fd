//! The key `endpoint`: where a service of AWS answers, when that is not its usual place: a VPC
//! endpoint, or an emulator on this machine.

use std::net::IpAddr;

use http::Uri;

use crate::document::Table;

/// `https://…`, or `http://…` on this machine, without a path.
pub(super) fn read(table: &mut Table<'_>) -> Option<String> {
    let text = table.text("endpoint")?;
    if is_safe(&text.value) {
        return Some(text.value.trim_end_matches('/').to_owned());
    }
    let problem = format!(
        "\"endpoint\" in {} is \"{}\", but must be https://host, or http:// and an address of this machine",
        table.label(),
        text.value
    );
    table.document().note(text.line, problem);
    None
}

fn is_safe(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    let plain = matches!(uri.path(), "" | "/") && uri.query().is_none() && !text.contains('@');
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let here = address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()) || host == "localhost";
    plain
        && !host.is_empty()
        && match uri.scheme_str() {
            Some("https") => true,
            Some("http") => here,
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::is_safe;

    #[test]
    fn secrets_travel_in_the_clear_on_this_machine_only() {
        for good in [
            "https://vpce-1.secretsmanager.us-west-2.vpce.amazonaws.com",
            "https://host:8443/",
            "http://127.0.0.1:5000",
            "http://[::1]:5000",
            "http://localhost",
        ] {
            assert!(is_safe(good), "{good}");
        }
        for bad in [
            "",
            "host",
            "http://10.0.0.1:5000",
            "http://localhost.example",
            "https://user@host",
            "https://host/path",
            "https://host?query",
            "ftp://host",
        ] {
            assert!(!is_safe(bad), "{bad}");
        }
    }
}
