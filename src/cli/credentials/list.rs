//! `credentials list`: what stands in the store, whose it is, and, from the running gateway's
//! own metrics, when each credential was last used.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::clock::UtcTime;
use crate::config::Config;
use crate::credential::{self, Credential, CredentialStore};

use super::Answer;

const HEAD: [&str; 8] = [
    "ID",
    "CONSUMER",
    "SCHEME",
    "STATE",
    "NOT BEFORE",
    "NOT AFTER",
    "USES",
    "LAST USED",
];

/// The list; wrong when the gateway would refuse such a store.
pub(super) fn list(
    config: &Config,
    store: &CredentialStore,
    admin: Option<SocketAddr>,
    now: UtcTime,
) -> Answer {
    let used = admin.and_then(Used::ask);
    let mut rows = vec![HEAD.map(str::to_owned)];
    let mut credentials: Vec<&Credential> = store.iter().collect();
    credentials.sort_by_key(|credential| &credential.id);
    for credential in credentials {
        let owner = config
            .consumers
            .iter()
            .find(|consumer| consumer.credentials.contains(&credential.id));
        let time = |time: Option<UtcTime>| time.map_or_else(|| "-".to_owned(), |t| t.to_string());
        let id = credential.id.as_str();
        let (uses, last) = used.as_ref().map_or((None, None), |used| used.of(id));
        rows.push([
            id.to_owned(),
            owner
                .map_or("-", |consumer| consumer.name.as_str())
                .to_owned(),
            credential.key.scheme().to_owned(),
            state(credential, now).to_owned(),
            time(credential.not_before),
            time(credential.not_after),
            uses.map_or_else(|| "-".to_owned(), |uses| uses.to_string()),
            time(last),
        ]);
    }
    let wrong: Vec<String> = config
        .consumers
        .iter()
        .filter_map(|c| credential::check_consumer(&c.name, &c.credentials, store, now).err())
        .flatten()
        .collect();
    let text = aligned(&rows);
    match wrong.is_empty() {
        true => Ok(text),
        false => Err(format!("{text}\n\n{}", wrong.join("\n"))),
    }
}

fn aligned(rows: &[[String; 8]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let lines = rows.iter().map(|row| {
        let cells = row.iter().enumerate();
        let padded: Vec<String> = cells
            .map(|(column, cell)| format!("{cell:<0$}", width(column)))
            .collect();
        padded.join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn state(credential: &Credential, now: UtcTime) -> &'static str {
    match credential.not_before {
        _ if credential.is_live(now) => "live",
        Some(start) if now < start => "waiting",
        _ => "over",
    }
}

/// What a running gateway says of its credentials, by their ids.
struct Used {
    uses: HashMap<String, f64>,
    last: HashMap<String, f64>,
}

impl Used {
    /// Asks the admin listener; `None` when no gateway answers there.
    fn ask(admin: SocketAddr) -> Option<Self> {
        const PATIENCE: Duration = Duration::from_secs(2);
        const MAX_BYTES: u64 = 64 * 1024 * 1024;
        let mut stream = TcpStream::connect_timeout(&admin, PATIENCE).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let request = "GET /metrics HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).ok()?;
        let mut lines = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            lines.by_ref().take(MAX_BYTES).read_line(&mut line).ok()?;
            match line.trim_end().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().ok()?;
                }
                None if line.trim_end().is_empty() => break,
                _ => {}
            }
        }
        let mut text = String::new();
        let length = MAX_BYTES.min(length);
        lines.take(length).read_to_string(&mut text).ok()?;
        Some(Self::read(&text))
    }

    fn read(text: &str) -> Self {
        let by_id = |metric: &str| {
            let lines = text.lines().filter_map(|line| {
                let labels = line.strip_prefix(metric)?.strip_prefix('{')?;
                let id = labels.split_once("credential=\"")?.1.split('"').next()?;
                Some((id.to_owned(), line.rsplit(' ').next()?.parse().ok()?))
            });
            lines.collect()
        };
        Self {
            uses: by_id("countersign_credential_uses_total"),
            last: by_id("countersign_credential_last_used_timestamp_seconds"),
        }
    }

    fn of(&self, id: &str) -> (Option<u64>, Option<UtcTime>) {
        let uses = self.uses.get(id).map(|uses| *uses as u64);
        let last = self
            .last
            .get(id)
            .map(|last| UtcTime::from_unix(*last as i64));
        (uses, last)
    }
}

#[cfg(test)]
mod tests {
    use super::Used;

    #[test]
    fn metrics_are_read_by_credential() {
        let used = Used::read(
            "# HELP x\ncountersign_credential_uses_total{consumer=\"a\",credential=\"CSA\"} 7\n\
             countersign_credential_last_used_timestamp_seconds{consumer=\"a\",credential=\"CSA\"} 1795635600\n",
        );
        let (uses, last) = used.of("CSA");
        assert_eq!(
            (uses, last.map(|at| at.unix())),
            (Some(7), Some(1_795_635_600))
        );
        assert_eq!(used.of("CSB"), (None, None));
    }
}
