//! What is kept for a gateway in AWS: parameters, secrets, objects. In: a service and a name. Out:
//! the value, which is zeroized after use and never stands in an error.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::service::{Question, Service, Unanswered};

/// The longest value, in bytes.
pub const MAX_VALUE: usize = 1024 * 1024;
/// JSON may need six bytes for one.
const MAX_JSON: usize = 6 * MAX_VALUE + 4096;

/// A value as it is kept.
pub type Value = Zeroizing<Vec<u8>>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ParameterAnswer {
    parameter: Parameter,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretAnswer {
    secret_string: Option<String>,
    secret_binary: Option<String>,
}

/// A parameter of Systems Manager, decrypted (`GetParameter`).
///
/// # Errors
/// Nobody answers, the service refuses, or the value is longer than [`MAX_VALUE`].
pub async fn parameter(service: &Service, name: &str) -> Result<Value, Unanswered> {
    let body = serde_json::json!({ "Name": name, "WithDecryption": true });
    let answer = ask_json(service, "AmazonSSM.GetParameter", &body).await?;
    let answer: ParameterAnswer = read(&answer)?;
    bounded(Zeroizing::new(answer.parameter.value.into_bytes()))
}

/// A secret of Secrets Manager as it is current, text or binary (`GetSecretValue`).
///
/// # Errors
/// As [`parameter`].
pub async fn secret(service: &Service, id: &str) -> Result<Value, Unanswered> {
    let body = serde_json::json!({ "SecretId": id });
    let answer = ask_json(service, "secretsmanager.GetSecretValue", &body).await?;
    let answer: SecretAnswer = read(&answer)?;
    match (answer.secret_string, answer.secret_binary) {
        (Some(text), _) => bounded(Zeroizing::new(text.into_bytes())),
        (None, Some(binary)) => {
            let bytes = STANDARD.decode(&*Zeroizing::new(binary));
            let bytes = bytes.map_err(|_| Unanswered::Strange("holds no Base64"))?;
            bounded(Zeroizing::new(bytes))
        }
        (None, None) => Err(Unanswered::Strange("holds no secret")),
    }
}

/// An object of S3 (`GetObject`).
///
/// # Errors
/// As [`parameter`].
pub async fn object(service: &Service, bucket: &str, key: &str) -> Result<Value, Unanswered> {
    // The certificate of S3 has a wildcard, which stands for no dot.
    let in_host = !service.is_elsewhere() && !bucket.contains('.');
    let key = encoded(key);
    let target = match in_host {
        true => format!("/{key}"),
        false => format!("/{bucket}/{key}"),
    };
    let question = Question {
        label: in_host.then_some(bucket),
        target: &target,
        most: MAX_VALUE,
        ..Question::default()
    };
    service.ask(&question).await
}

async fn ask_json(
    service: &Service,
    action: &str,
    body: &serde_json::Value,
) -> Result<Value, Unanswered> {
    let fields = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", action),
    ];
    let question = Question {
        body: Some(body.to_string()),
        target: "/",
        fields: &fields,
        most: MAX_JSON,
        ..Question::default()
    };
    service.ask(&question).await
}

/// What serde would say may hold a part of the value.
fn read<'a, T: Deserialize<'a>>(answer: &'a [u8]) -> Result<T, Unanswered> {
    serde_json::from_slice(answer).map_err(|_| Unanswered::Strange("is not the JSON of its kind"))
}

fn bounded(value: Value) -> Result<Value, Unanswered> {
    match value.len() <= MAX_VALUE {
        true => Ok(value),
        false => Err(Unanswered::Strange("holds more than 1 MiB")),
    }
}

/// A key as S3's paths and signatures have it: every byte but the unreserved ones and `/`.
fn encoded(key: &str) -> String {
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_encoded_as_its_signature_has_it() {
        assert_eq!(encoded("a/b c+é.pem"), "a/b%20c%2B%C3%A9.pem");
    }

    #[test]
    fn no_error_holds_a_part_of_a_value() {
        let answer = br#"{"Parameter":{"Value":{"deep":"hidden"}}}"#;
        let error = read::<ParameterAnswer>(answer).err();
        let said = error.map(|error| format!("{error} {error:?}"));
        assert!(said.is_some_and(|said| !said.contains("hidden")));
    }
}
