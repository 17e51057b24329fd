//! The real Prometheus, which scrapes a gateway, and its promtool.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::harness::nginx::free_address;
use crate::harness::{run, text, wait_for};

/// Ended when dropped.
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Prometheus {
    /// One that scrapes `gateway` and judges by the rules in `rules`.
    pub fn start(directory: &Path, gateway: SocketAddr, rules: &Path) -> Self {
        let address = free_address();
        let home = directory.join("prometheus");
        std::fs::create_dir_all(&home).expect("a directory");
        let config = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s}}\n\
             rule_files: ['{}']\n\
             scrape_configs:\n  - job_name: countersign\n    static_configs: [{{targets: ['{gateway}']}}]\n",
            rules.display()
        );
        let file = home.join("prometheus.yml");
        std::fs::write(&file, config).expect("a file");
        let child = Command::new(program("prometheus"))
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", home.display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Prometheus starts; tests/prepare installs it");
        let ready = format!("http://{address}/-/ready");
        wait_for("Prometheus", || {
            let said = run("curl", &["-sf", &ready]);
            said.status.success().then_some(())
        });
        Self { child, address }
    }

    /// What a query finds at this moment.
    ///
    /// # Errors
    /// Prometheus's own words.
    pub fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let parameter = format!("query={query}");
        let found = self.ask("/api/v1/query", &["--data-urlencode", &parameter])?;
        Ok(found["result"].as_array().cloned().unwrap_or_default())
    }

    /// The values of a label over the series that a selector finds.
    pub fn label_values(&self, selector: &str, label: &str) -> Result<Vec<Value>, String> {
        let parameter = format!("match[]={selector}");
        let path = format!("/api/v1/label/{label}/values");
        let found = self.ask(&path, &["--data-urlencode", &parameter])?;
        Ok(found.as_array().cloned().unwrap_or_default())
    }

    /// Every rule, as it was judged last.
    pub fn rules(&self) -> Vec<Value> {
        let found = self.ask("/api/v1/rules", &[]).expect("rules");
        let groups = found["groups"].as_array().expect("groups").iter();
        groups
            .flat_map(|group| group["rules"].as_array().expect("rules").clone())
            .collect()
    }

    fn ask(&self, path: &str, parameters: &[&str]) -> Result<Value, String> {
        let url = format!("http://{}{path}", self.address);
        let arguments = [&["-sG", url.as_str()], parameters].concat();
        let said = text(&run("curl", &arguments).stdout);
        let answer: Value = serde_json::from_str(&said).map_err(|e| format!("{e}: {said}"))?;
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"].clone()),
            _ => Err(said),
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a program of the package is: the system's, or the one that tests/prepare has unpacked.
pub fn program(name: &str) -> PathBuf {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/prometheus/usr/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).chain([unpacked]);
    let found = places.find(|place| place.join(name).is_file());
    found
        .expect("run tests/prepare first, or make test")
        .join(name)
}
