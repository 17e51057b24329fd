//! serverless-offline, an emulator of API Gateway that others wrote for development: a REST API's
//! HTTP_PROXY to the private server, or a function that relays to it. Its speed is that of node,
//! and says nothing about AWS's.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::program::{Cores, Launch, Program, free_address};

use super::{Checks, Failure, Ground, Stand, find};

const NOTE: &str = "serverless-offline 13.9.0 is an emulator for development, without TLS and \
                    checks: what is drawn of it is not API Gateway.";
const RELAY: &str = include_str!("relay.js");
const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing is asked of anybody else: neither for news nor for credentials.
const QUIET: [(&str, &str); 5] = [
    ("SLS_TELEMETRY_DISABLED", "1"),
    ("SLS_TRACKING_DISABLED", "1"),
    ("SLS_NOTIFICATIONS_MODE", "off"),
    ("AWS_ACCESS_KEY_ID", "none"),
    ("AWS_SECRET_ACCESS_KEY", "none"),
];

const SERVICE: &str = "service: emulated
frameworkVersion: '3'
configValidationMode: off
provider: { name: aws, runtime: nodejs20.x, region: us-east-1 }
plugins: [serverless-offline]
custom:
  serverless-offline: { host: 127.0.0.1, noPrependStageInUrl: true, noTimeout: true, resourceRoutes: PROXIES }
";

/// Starts it with an HTTP_PROXY.
///
/// # Errors
/// It is missing or does not start.
pub fn start_http(ground: &Ground, _: Checks) -> Result<Stand, Failure> {
    let origin = ground.origin_address();
    let method = |name: &str, resource: &str, path: &str| {
        format!(
            "    {name}:
      Type: AWS::ApiGateway::Method
      Properties:
        HttpMethod: GET
        ResourceId: {{ {resource} }}
        RestApiId: {{ Ref: Api }}
        Integration: {{ Type: HTTP_PROXY, IntegrationHttpMethod: GET, Uri: 'http://{origin}/{path}' }}
"
        )
    };
    let resources = format!(
        "functions:
  # Without a function there is no server.
  unused: {{ handler: relay.handler, events: [{{ http: {{ method: get, path: /unused }} }}] }}
resources:
  Resources:
    Api: {{ Type: AWS::ApiGateway::RestApi, Properties: {{ Name: emulated }} }}
    Proxy:
      Type: AWS::ApiGateway::Resource
      Properties:
        ParentId: {{ 'Fn::GetAtt': [Api, RootResourceId] }}
        PathPart: '{{proxy+}}'
        RestApiId: {{ Ref: Api }}
{}{}",
        method("Root", "'Fn::GetAtt': [Api, RootResourceId]", ""),
        method("All", "Ref: Proxy", "{proxy}"),
    );
    let service = SERVICE.replace("PROXIES", "true");
    start(ground, "emulated-apigw-http", &(service + &resources))
}

/// Starts it with a function.
///
/// # Errors
/// It is missing or does not start.
pub fn start_lambda(ground: &Ground, _: Checks) -> Result<Stand, Failure> {
    let functions = format!(
        "functions:
  relay:
    handler: relay.handler
    environment: {{ BACKEND: 'http://{origin}' }}
    events:
      - http: {{ method: get, path: / }}
      - http: {{ method: get, path: '/{{proxy+}}' }}
",
        origin = ground.origin_address(),
    );
    let service = SERVICE.replace("PROXIES", "false");
    start(ground, "emulated-apigw-lambda", &(service + &functions))
}

fn start(ground: &Ground, name: &str, service: &str) -> Result<Stand, Failure> {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/serverless/node_modules");
    let serverless = modules.join("serverless/bin/serverless.js");
    let serverless = find("serverless-offline", &[serverless], "tests/prepare")?;
    let node = find("node", &[], "tests/prepare")?;
    let directory = ground.home().join(name);
    fs::create_dir_all(&directory)?;
    let service = ground.write(&format!("{name}.yml"), service)?;
    fs::copy(service, directory.join("serverless.yml"))?;
    fs::write(directory.join("relay.js"), RELAY)?;
    std::os::unix::fs::symlink(&modules, directory.join("node_modules"))?;
    let (address, inner) = (free_address()?, free_address()?);
    let words = [
        serverless.display().to_string(),
        "offline".to_owned(),
        "start".to_owned(),
        format!("--httpPort={}", address.port()),
        format!("--lambdaPort={}", inner.port()),
    ];
    let home = ("HOME", directory.to_str().unwrap_or_default());
    let environment = QUIET.iter().chain([&home]);
    let program = Program::start(&Launch {
        name,
        program: &node,
        words: words.into(),
        environment: environment
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
        directory: &directory,
        cores: Cores::Measured,
        ready: address,
    })?;
    wait_until_it_is_ready(&program)?;
    Ok(Stand {
        address,
        parts: vec![("serverless-offline".to_owned(), program)],
        notes: vec![NOTE.to_owned()],
    })
}

/// It listens before it knows its routes.
fn wait_until_it_is_ready(program: &Program) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !program.said().contains("Server ready") {
        if Instant::now() > deadline {
            bail!("serverless-offline is not ready: {}", program.said());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
