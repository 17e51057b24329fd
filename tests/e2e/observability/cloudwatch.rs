//! What ships for CloudWatch: its agent asks a gateway for metrics that the gateway has, with the labels
//! that become dimensions. That alarms and dashboard ask for what the agent ships, and the rest of the
//! stacks, is `deploy/infra/production/check`.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::harness::{run, text, wait_for};

use super::load::Stage;
use super::prometheus::program;
use super::{list, shipped};

/// The names that the agent asks for, each with the labels that it makes dimensions of.
fn asked_for() -> BTreeMap<String, Vec<String>> {
    let config = fs::read_to_string(shipped("cloudwatch-agent.json")).unwrap();
    let config: Value = serde_json::from_str(&config).expect("JSON");
    let emf = "/logs/metrics_collected/prometheus/emf_processor/metric_declaration";
    let mut asked = BTreeMap::new();
    for declared in list(&config, emf) {
        let labels = list(declared, "/dimensions").iter().flat_map(|one| {
            let labels = one.as_array().expect("labels").iter();
            labels.map(|label| label.as_str().expect("a word").to_owned())
        });
        // Which is the stack's name, and added by the agent.
        let labels: Vec<String> = labels.filter(|label| label != "group").collect();
        for selector in list(declared, "/metric_selectors") {
            let name = selector.as_str().expect("a word");
            let name = name.trim_matches(['^', '$']).to_owned();
            asked.insert(name, labels.clone());
        }
    }
    asked
}

/// The lines of a metric that have all of these labels.
fn told(metrics: &str, name: &str, labels: &[String]) -> bool {
    metrics.lines().any(|line| {
        let rest = line.strip_prefix(name).unwrap_or_default();
        let has = |label: &String| rest.contains(&format!("{label}=\""));
        (rest.starts_with('{') || rest.starts_with(' ')) && labels.iter().all(has)
    })
}

#[test]
fn the_agent_asks_for_metrics_that_a_gateway_under_load_has() {
    let asked = asked_for();
    assert!(asked.len() > 15, "{asked:?}");
    let stage = Stage::new();
    let load = stage.load();
    for (name, labels) in &asked {
        wait_for(name, || {
            told(&stage.gateway.metrics(), name, labels).then_some(())
        });
    }
    load.end();
    for line in stage.gateway.metrics().lines() {
        // The agent takes no histograms, and says so in its own log only.
        let Some(kind) = line.strip_prefix("# TYPE ") else {
            continue;
        };
        let (name, kind) = kind.split_once(' ').expect("a name and a kind");
        assert!(!asked.contains_key(name) || kind != "histogram", "{name}");
    }
}

#[test]
fn the_agent_can_read_what_it_is_told_to_scrape() {
    let file = shipped("cloudwatch-scrape.yml");
    let said = run(
        program("promtool"),
        &["check", "config", &file.display().to_string()],
    );
    assert!(said.status.success(), "{}", text(&said.stderr));
    let scraped = fs::read_to_string(file).unwrap();
    let agent = fs::read_to_string(shipped("cloudwatch-agent.json")).unwrap();
    // `publish` puts the stack's name there.
    assert!(scraped.contains("labels: {group: GROUP}"));
    assert!(agent.contains(r#""/countersign/GROUP/metrics""#));
}
