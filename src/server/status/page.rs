//! The status as one page of HTML: no scripts, nothing from elsewhere, light and dark. In: a
//! `Status`. Out: text in which every word is escaped, wherever it comes from.

use super::ends::End;
use super::{
    ClockStatus, Count, IntegrationStatus, ListenerStatus, RefusalStatus, RouteStatus, Status,
};

/// The page.
pub(super) fn of(status: &Status) -> String {
    let sections = [
        ends(&status.ends),
        listeners(&status.listeners),
        routes(&status.routes),
        integrations(&status.integrations),
        refusals(&status.refusals),
        counts("Failed handshakes", &status.handshake_failures),
        counts("Refused connections", &status.connections_refused),
    ];
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Countersign</title><style>{STYLE}</style></head>\
         <body>{}<main>{}</main>{}</body></html>\n",
        header(status),
        sections.concat(),
        footer(status),
    )
}

const STYLE: &str = include_str!("page.css");

fn header(status: &Status) -> String {
    let config = &status.configuration;
    let lacks_time = status.clock.required && !status.clock.synchronized;
    let (state, class) = match status.ready {
        true => ("ready", "good"),
        false if lacks_time => ("not ready: the clock", "bad"),
        false => ("draining", "bad"),
    };
    let outcome = |result: &str, time: &str| match result {
        "failed" => format!(
            "<b class=\"bad\">failed</b>, {}: the log says why; what served before serves on",
            moment(time)
        ),
        good => format!("{good}, {}", moment(time)),
    };
    let reload = config.last_reload.as_ref();
    let reload = reload.map(|last| outcome(last.result, &last.time));
    let upgrade = status.last_upgrade.as_ref();
    let upgrade = upgrade.map(|last| outcome(last.result, &last.time));
    let none = || "none since the start".to_owned();
    let facts = [
        ("Version", escaped(status.version)),
        (
            "Up",
            format!(
                "{}, since {}",
                span(status.uptime_secs),
                moment(&status.started)
            ),
        ),
        (
            "Configuration",
            format!(
                "version {}, since {}",
                config.version,
                moment(&config.loaded)
            ),
        ),
        ("Last reload", reload.unwrap_or_else(none)),
        ("Last upgrade", upgrade.unwrap_or_else(none)),
        ("Clock", clock(&status.clock)),
    ];
    let facts = facts.map(|(name, value)| format!("<div><dt>{name}</dt><dd>{value}</dd></div>"));
    format!(
        "<header><h1>Countersign <span class=\"{class}\">{state}</span></h1><dl>{}</dl></header>",
        facts.concat()
    )
}

fn clock(clock: &ClockStatus) -> String {
    let error = clock.max_error_ms;
    let error = error.map_or_else(
        || "the kernel does not say how right it is".to_owned(),
        |error| format!("at most {error:.0} ms wrong"),
    );
    match (clock.synchronized, clock.required) {
        (true, _) => format!("synchronized, {error}"),
        (false, true) => "<b class=\"bad\">not synchronized</b>: signatures are refused".to_owned(),
        (false, false) => format!("<b class=\"soon\">not synchronized</b>, {error}"),
    }
}

fn footer(status: &Status) -> String {
    format!(
        "<footer>As of {}. Counts are since the start. The same as <a href=\"/status.json\">JSON</a>; \
         for a Prometheus: <a href=\"/metrics\">metrics</a>.</footer>",
        moment(&status.time)
    )
}

fn ends(all: &[End]) -> String {
    let row = |end: &End| {
        let days = end.days_left;
        let left = match (days < 0, end.is_urgent) {
            (true, true) => format!("<b class=\"bad\">{days} (ended)</b>"),
            (false, true) => format!("<b class=\"soon\">{days} (soon)</b>"),
            (true, false) => format!("{days} (ended)"),
            (false, false) => days.to_string(),
        };
        vec![
            Cell::Number(left),
            Cell::text(end.kind),
            Cell::text(&end.of),
            Cell::code(&end.name),
            Cell::Html(moment(&end.not_after)),
        ]
    };
    let head = ["Days left", "What", "Of", "Name", "Until"];
    section("Certificates and keys", &head, all.iter().map(row))
}

fn listeners(all: &[ListenerStatus]) -> String {
    let row = |one: &ListenerStatus| {
        let mode = one.client_certificate;
        vec![
            Cell::text(&one.name),
            Cell::code(&one.address),
            Cell::text(mode.unwrap_or("no TLS")),
            Cell::count(one.connections),
            Cell::count(one.handshakes_failed),
            Cell::count(one.connections_refused),
        ]
    };
    let head = [
        "Listener",
        "Address",
        "Client certificate",
        "Connections",
        "Failed handshakes",
        "Refused",
    ];
    section("Listeners", &head, all.iter().map(row))
}

fn routes(all: &[RouteStatus]) -> String {
    let row = |one: &RouteStatus| {
        vec![
            Cell::code(&one.path),
            Cell::text(&one.methods),
            Cell::text(&one.host),
            Cell::text(&one.policy),
            Cell::text(&one.integration),
            Cell::count(one.requests),
            Cell::count(one.refused),
            Cell::count(one.errors),
        ]
    };
    let head = [
        "Route",
        "Methods",
        "Host",
        "Policy",
        "Integration",
        "Requests",
        "Refused",
        "5xx",
    ];
    section("Routes", &head, all.iter().map(row))
}

fn integrations(all: &[IntegrationStatus]) -> String {
    let row = |one: &IntegrationStatus| {
        let latency = one.latency.as_ref();
        let told = |value: Option<String>| Cell::Number(value.unwrap_or_else(|| "–".to_owned()));
        vec![
            Cell::text(&one.name),
            Cell::text(one.kind),
            Cell::code(&one.targets.join(" ")),
            told(latency.map(|latency| grouped(latency.answers))),
            told(latency.map(|latency| format!("{} ms", latency.p50_ms))),
            told(latency.map(|latency| format!("{} ms", latency.p99_ms))),
        ]
    };
    let head = ["Integration", "Type", "Targets", "Answers", "p50", "p99"];
    section("Upstreams and functions", &head, all.iter().map(row))
}

fn refusals(all: &[RefusalStatus]) -> String {
    let row = |one: &RefusalStatus| {
        vec![
            Cell::count(one.count),
            Cell::code(&one.code),
            Cell::text(one.meaning),
        ]
    };
    section(
        "Refusals",
        &["Count", "Code", "Meaning"],
        all.iter().map(row),
    )
}

fn counts(title: &str, all: &[Count]) -> String {
    let row = |one: &Count| {
        vec![
            Cell::count(one.count),
            Cell::code(&one.reason),
            Cell::text(&one.listener),
        ]
    };
    section(title, &["Count", "Reason", "Listener"], all.iter().map(row))
}

/// What stands in a cell: HTML that is made here.
enum Cell {
    Html(String),
    Number(String),
}

impl Cell {
    fn text(text: &str) -> Self {
        Self::Html(escaped(text))
    }

    fn code(text: &str) -> Self {
        Self::Html(format!("<code>{}</code>", escaped(text)))
    }

    fn count(count: u64) -> Self {
        Self::Number(grouped(count))
    }
}

/// A table; where there is little room each row is a block, and its cells say what they are.
fn section(title: &str, head: &[&str], rows: impl Iterator<Item = Vec<Cell>>) -> String {
    let row = |cells: Vec<Cell>| {
        let cells = cells.iter().zip(head).map(|(cell, name)| match cell {
            Cell::Html(html) => format!("<td data-name=\"{name}\">{html}</td>"),
            Cell::Number(html) => format!("<td class=\"number\" data-name=\"{name}\">{html}</td>"),
        });
        format!("<tr>{}</tr>", cells.collect::<String>())
    };
    let rows: String = rows.map(row).collect();
    if rows.is_empty() {
        return format!("<section><h2>{title}</h2><p>None.</p></section>");
    }
    let head: String = head
        .iter()
        .map(|name| format!("<th scope=\"col\">{name}</th>"))
        .collect();
    format!(
        "<section><h2>{title}</h2><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></section>"
    )
}

fn moment(time: &str) -> String {
    let time = escaped(time);
    let shown = time.replace('T', " ").replace('Z', " UTC");
    format!("<time datetime=\"{time}\">{shown}</time>")
}

fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, ..) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// With a thin space between thousands.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_escaped() {
        let evil = "<script>'\"&";
        let tame = "&lt;script&gt;&#39;&quot;&amp;";
        assert_eq!(escaped(evil), tame);
        let end = End {
            kind: "credential",
            of: evil.to_owned(),
            name: evil.to_owned(),
            not_after: evil.to_owned(),
            days_left: 1,
            is_urgent: true,
        };
        let html = ends(&[end]);
        assert!(!html.contains("<script"), "{html}");
        assert_eq!(html.matches(tame).count(), 4);
    }

    #[test]
    fn counts_and_spans_are_easy_to_read() {
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!([grouped(0), grouped(999)], ["0", "999"]);
        for (seconds, text) in [
            (59, "59 s"),
            (60, "1 min"),
            (3_660, "1 h 1 min"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
