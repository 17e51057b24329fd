//! Lambda authorizers through the gateway, run by AWS's own runtime: what they are asked, what
//! their answers come to, and who hears of a request that they do not let pass.

mod cache;
mod context;
mod explained;
mod observed;
mod paths;
mod proofs;
mod request;
mod token;

use std::net::SocketAddr;

use countersign_local_lambda::{Function, LocalLambda};
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Answer, Client};
use crate::harness::gateway::Gateway;
use crate::harness::lambda::{gateway, integration, json, last_event};
use crate::harness::pki::Authority;
use crate::harness::recorder::Recorder;

/// Stands in every token, behind what decides, and in no log.
const SECRET_PART: &str = "#s3cr3t";
const STAGE: &str = "[stage]\nname = \"prod\"\naccount_id = \"123456789012\"\napi_id = \"abc123\"\n\
                     variables = { table = \"orders\" }\n";
const API: &str = "arn:aws:execute-api:us-east-1:123456789012:abc123/prod";
const TOKEN: &str = "type = \"token\"";
const SIMPLE: &str = "type = \"request\"\npayload_format = \"2.0\"\nsimple_responses = true\n\
                      identity_sources = [\"$request.header.Authorization\"]";
const TLS: &str = "[[listener]]\nname = \"public\"\naddress = \"127.0.0.1:0\"\n\
                   certificate = [{ chain = \"server.pem\", private_key = \"server.key\" }]\n\
                   client_certificate = { mode = \"optional\", trust = [\"ca.pem\"] }\n";
const UPSTREAM: &str = "upstream";

/// A gateway before functions and an upstream.
struct Scene {
    upstream: Recorder,
    lambda: LocalLambda,
    gateway: Gateway,
    authority: Authority,
    home: TempDir,
}

/// Where the parts of a scene are.
struct Places {
    lambda: SocketAddr,
    upstream: SocketAddr,
}

impl Places {
    /// An authorizer, a policy that asks it and nobody else, and the route `/NAME/{proxy+}` to
    /// the upstream; `more` are keys of the authorizer.
    fn guarded(&self, name: &str, more: &str) -> String {
        self.authorizer(name, more) + &policy(name) + &route(name, name, UPSTREAM)
    }

    fn authorizer(&self, name: &str, more: &str) -> String {
        let Self { lambda, .. } = self;
        format!(
            "[[authorizer]]\nname = \"{name}\"\nfunction = \"{name}\"\nregion = \"us-east-1\"\nendpoint = \"http://{lambda}\"\n{more}\n"
        )
    }

    /// The rest of a configuration.
    fn around(&self, config: &str) -> String {
        let Self { upstream, .. } = self;
        format!(
            "{STAGE}{TLS}{config}[[integration]]\nname = \"{UPSTREAM}\"\ntype = \"http_proxy\"\ntargets = [\"{upstream}\"]\n"
        )
    }
}

fn policy(name: &str) -> String {
    format!("[[policy]]\nname = \"{name}\"\nall_of = [\"authorizer\"]\nauthorizer = \"{name}\"\n")
}

/// A route `/NAME/{proxy+}`.
fn route(name: &str, policy: &str, integration: &str) -> String {
    format!(
        "[[route]]\nname = \"{name}\"\npath = \"/{name}/{{proxy+}}\"\nmethod = \"ANY\"\npolicy = \"{policy}\"\nintegration = \"{integration}\"\n"
    )
}

impl Scene {
    fn of(functions: Vec<Function>, config: impl FnOnce(&Places) -> String) -> Self {
        let (home, upstream) = (tempdir().unwrap(), Recorder::start());
        let authority = Authority::new(home.path(), "ca");
        authority.server("server", &["localhost"]);
        let lambda = LocalLambda::start(functions);
        let places = Places {
            lambda: lambda.address(),
            upstream: upstream.address,
        };
        let config = config(&places);
        let gateway = gateway(home.path(), &places.around(&config));
        Self {
            authority,
            upstream,
            lambda,
            gateway,
            home,
        }
    }

    fn places(&self) -> Places {
        Places {
            lambda: self.lambda.address(),
            upstream: self.upstream.address,
        }
    }

    /// Gets a target with these lines in the head.
    fn get(&self, target: &str, fields: &str) -> Answer {
        let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        self.send(head.as_bytes())
    }

    fn send(&self, bytes: &[u8]) -> Answer {
        let mut client = Client::plain(self.gateway.address("plain"));
        client.try_ask(bytes).expect("an answer")
    }

    fn count(&self, function: &str) -> usize {
        self.lambda.invocations(function).len()
    }

    /// How often the gateway says that an authorizer's function ended so.
    fn ended(&self, authorizer: &str, result: &str) -> f64 {
        let labels = format!("authorizer=\"{authorizer}\",result=\"{result}\"");
        let name = "countersign_authorizer_invocations_total";
        self.gateway.metric(name, &labels)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let log = self.gateway.log_text();
        for line in self
            .gateway
            .said()
            .iter()
            .map(String::as_str)
            .chain(log.lines())
        {
            assert!(!line.contains("s3cr3t"), "a secret is in a log: {line}");
        }
    }
}

/// A line of the head that says whatever `word` makes of the authorizer.
fn bearer(word: &str) -> String {
    format!("Authorization: Bearer {word}{SECRET_PART}\r\n")
}

/// The handler for words, under another name.
fn asked_as(name: &str) -> Function {
    named("authorizer", name)
}

/// The handler that answers its token, under another name.
fn verbatim(name: &str) -> Function {
    named("verbatim", name)
}

fn named(handler: &str, name: &str) -> Function {
    let mut function = Function::python(handler);
    function.name = name.to_owned();
    function
}

/// The answer of an authorizer, as a line of the head that has `verbatim` give it.
fn saying(answer: &serde_json::Value) -> String {
    let mut text = String::new();
    for letter in answer.to_string().chars() {
        match letter {
            ' '..='~' => text.push(letter),
            other => text += &format!("\\u{:04x}", u32::from(other)),
        }
    }
    format!("Authorization: {text}\r\n")
}

/// A policy's answer with these statements, each an effect and a resource.
fn ruling(statements: &[(&str, &str)], context: serde_json::Value) -> serde_json::Value {
    let statements = statements.iter().map(|(effect, resource)| {
        serde_json::json!({
            "Action": "execute-api:Invoke", "Effect": effect, "Resource": resource,
        })
    });
    serde_json::json!({
        "principalId": "user",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": statements.collect::<Vec<_>>(),
        },
        "context": context,
    })
}

fn words(answer: &Answer) -> (u16, String, String) {
    let message = json(answer)["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status, answer.code(), message)
}
