//! What watches the gateway and ships with it: the alert rules by promtool, and every query of them
//! and of the dashboard by a real Prometheus that scrapes a gateway under load.

mod cloudwatch;
mod load;
mod log_format;
mod prometheus;
mod traces;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{run, text, wait_for};

use load::Stage;
use prometheus::{Prometheus, program};

/// Metrics of which a gateway under load has nothing to tell, and why.
const SILENT: [(&str, &str); 2] = [
    (
        "countersign_credential_source_",
        "needs AWS Secrets Manager; tests/e2e/stores.rs has one",
    ),
    (
        "changes(countersign_config_loaded_",
        "marks the moments of reloads only",
    ),
];

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy/observability")
        .join(name)
}

fn dashboard() -> (String, Value) {
    let text = fs::read_to_string(shipped("dashboard.json")).unwrap();
    let json = serde_json::from_str(&text).expect("the dashboard is JSON");
    (text, json)
}

fn list<'a>(json: &'a Value, pointer: &str) -> &'a Vec<Value> {
    let found = json.pointer(pointer).and_then(Value::as_array);
    found.unwrap_or_else(|| panic!("no list at {pointer}"))
}

fn word<'a>(json: &'a Value, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_default()
}

/// A query as Grafana would send it, of everything.
fn filled_in(query: &str) -> String {
    [
        ("$__rate_interval", "10s"),
        ("$__range", "1m"),
        ("$job", "countersign"),
        ("$instance", ".*"),
        ("$route", ".*"),
    ]
    .iter()
    .fold(query.to_owned(), |query, (name, value)| {
        query.replace(name, value)
    })
}

#[test]
fn every_alert_fires_and_does_not_in_a_test_of_promtool() {
    let promtool = program("promtool");
    for (what, file) in [("check", "alerts.yml"), ("test", "alerts_test.yml")] {
        let file = shipped(file).display().to_string();
        let said = run(&promtool, &[what, "rules", &file]);
        let words = text(&said.stdout) + &text(&said.stderr);
        assert!(said.status.success(), "{words}");
    }
    let rules = fs::read_to_string(shipped("alerts.yml")).unwrap();
    let tests = fs::read_to_string(shipped("alerts_test.yml")).unwrap();
    let names = rules.lines().filter_map(|line| line.split_once("alert: "));
    let mut seen = 0;
    for (_, name) in names {
        let quiet = format!("{{alertname: {name}, eval_time: ");
        assert!(tests.contains(&quiet), "{name} is never quiet");
        let loud = format!("alertname: {name}\n");
        let fired = tests.split_once(&loud).map_or("", |(_, rest)| rest);
        let fired = fired.split("  - name: ").next().unwrap_or_default();
        assert!(fired.contains("- exp_labels: "), "{name} never fires");
        seen += 1;
    }
    assert!(seen > 25, "{seen} alerts");
}

#[test]
fn the_dashboard_is_one_that_grafana_can_import() {
    let (text, json) = dashboard();
    let panels = list(&json, "/panels");
    let rows = panels.iter().filter(|panel| panel["type"] == "row");
    let rows: Vec<&str> = rows.map(|row| word(row, "title")).collect();
    let expected = [
        "Traffic",
        "Refusals",
        "Latency",
        "Connections and handshakes",
        "Certificates and keys",
        "Upstreams and functions",
        "Replay and buffers",
        "Process",
    ];
    assert_eq!(rows, expected);
    let ids: BTreeSet<u64> = panels.iter().filter_map(|one| one["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        let at = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(x < 24 && taken.insert((x, y)), "{}", panel["title"]);
            }
        }
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}");
            assert!(!list(panel, "/targets").is_empty());
        }
    }
    // An export that was not cleaned names the data source of whoever made it.
    assert!(!text.contains("__inputs"));
    let declared = list(&json, "/templating/list").iter();
    let declared: Vec<&str> = declared.map(|one| word(one, "name")).collect();
    assert_eq!(declared, ["datasource", "job", "instance", "route"]);
}

#[test]
fn every_query_finds_something_in_a_prometheus_that_scrapes_a_gateway_under_load() {
    let stage = Stage::new();
    let directory = tempfile::tempdir().unwrap();
    let gateway = stage.gateway.admin_address();
    let prometheus = Prometheus::start(directory.path(), gateway, &shipped("alerts.yml"));
    let load = stage.load();
    assert!(stage.gateway.reload(&stage.config));
    let (_, json) = dashboard();
    let mut asked = 0;
    for panel in list(&json, "/panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            finds_something(&prometheus, &filled_in(word(target, "expr")));
            asked += 1;
        }
    }
    assert!(asked > 50, "{asked} queries");
    for variable in &list(&json, "/templating/list")[1..] {
        finds_values(&prometheus, &filled_in(word(variable, "definition")));
    }
    for annotation in &list(&json, "/annotations/list")[1..] {
        let query = filled_in(word(annotation, "expr"));
        prometheus.query(&query).expect("no mistake");
    }
    alerts_are_judged(&prometheus);
    let sent = load.end();
    assert!(sent >= 200, "{sent} requests of each kind");
    for code in ["signature_replayed", "signature_mismatch"] {
        let refused = || stage.gateway.metric("countersign_refusals_total", code);
        // Counted when it has ended, which the caller may see first.
        wait_for(code, || (refused() >= sent as f64).then_some(()));
        assert_eq!(refused(), sent as f64, "{code}");
    }
    every_metric_is_watched(&stage.gateway.metrics());
}

/// A number that is one: a rate of nothing over nothing is not.
fn finds_something(prometheus: &Prometheus, query: &str) {
    let is_number = |series: &Value| {
        let value = series["value"][1].as_str().unwrap_or_default();
        value.parse::<f64>().is_ok_and(f64::is_finite)
    };
    let ask = || {
        prometheus
            .query(query)
            .unwrap_or_else(|e| panic!("{query}: {e}"))
    };
    if is_silent(query) {
        ask();
        return;
    }
    wait_for(query, || ask().iter().any(is_number).then_some(()));
}

fn is_silent(query: &str) -> bool {
    SILENT.iter().any(|(what, _)| query.contains(what))
}

/// `label_values(selector, label)`.
fn finds_values(prometheus: &Prometheus, query: &str) {
    let inner = query.strip_prefix("label_values(").expect("label values");
    let (selector, label) = inner
        .trim_end_matches(')')
        .rsplit_once(", ")
        .expect("two words");
    wait_for(query, || {
        let found = prometheus
            .label_values(selector, label)
            .expect("no mistake");
        (!found.is_empty()).then_some(())
    });
}

/// Without an error, and on metrics that are there.
fn alerts_are_judged(prometheus: &Prometheus) {
    let rules = wait_for("every rule", || {
        let rules = prometheus.rules();
        let judged = |rule: &Value| rule["health"] != "unknown";
        rules.iter().all(judged).then_some(rules)
    });
    assert!(rules.len() > 25);
    for rule in &rules {
        let (name, query) = (word(rule, "name"), word(rule, "query"));
        assert_eq!(rule["health"], "ok", "{name}: {}", rule["lastError"]);
        for metric in metrics_in(query) {
            finds_something(prometheus, &format!("count({metric})"));
        }
    }
    let firing = rules.iter().filter(|rule| rule["state"] == "firing");
    let firing: Vec<&str> = firing.map(|rule| word(rule, "name")).collect();
    for silent in [
        "CountersignDown",
        "CountersignAbsent",
        "CountersignClockWrong",
    ] {
        assert!(!firing.contains(&silent), "{silent} fires");
    }
}

/// The gateway's metrics that a query names.
fn metrics_in(query: &str) -> BTreeSet<&str> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.len() > "countersign_".len() && word.starts_with("countersign_"))
        .collect()
}

/// What the gateway tells and nobody looks at is told for nothing.
fn every_metric_is_watched(metrics: &str) {
    let (dashboard, _) = dashboard();
    let rules = fs::read_to_string(shipped("alerts.yml")).unwrap();
    let names = metrics.lines().filter_map(|line| {
        let words = line.strip_prefix("# TYPE ")?;
        words.split(' ').next()
    });
    let mut seen = 0;
    for name in names {
        let watched = dashboard.contains(name) || rules.contains(name);
        assert!(watched, "{name} is on no panel and in no rule");
        seen += 1;
    }
    assert!(seen > 30, "{seen} metrics");
}
