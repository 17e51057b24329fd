//! A function in AWS's Rust runtime: tells what `lambda_http` made of the event.

use lambda_http::{Body, Error, Request, RequestExt as _, Response, run, service_fn};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(echo)).await
}

async fn echo(request: Request) -> Result<Response<Body>, Error> {
    let headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let told = json!({
        "method": request.method().as_str(),
        "uri": request.uri().to_string(),
        "raw_path": request.raw_http_path(),
        "headers": headers,
        "body": String::from_utf8_lossy(request.body()),
        "trace_id": request.lambda_context().xray_trace_id,
    });
    let response = Response::builder()
        .header("content-type", "application/json")
        .body(Body::from(told.to_string()))?;
    Ok(response)
}
