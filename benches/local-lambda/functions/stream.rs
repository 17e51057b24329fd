//! A function in AWS's Rust runtime whose answer streams: `first`, what the query asks for, `last`.
//!
//! - `gate=HOST:PORT`: the rest is made when the gate sends a byte or ends the connection, so that
//!   a test can tell that `first` came before.
//! - `bytes=N`: so many `x` between the two.
//! - `fail=early`: an error and no answer; `fail=exit`: the process exits before `last`.
//! - `status=N`: of the answer.

use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use lambda_http::{
    Error, Request, RequestExt as _, Response, run_with_streaming_response, service_fn,
};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

const PIECE_BYTES: usize = 64 * 1024;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run_with_streaming_response(service_fn(stream)).await
}

/// What the query asks for.
struct Asked {
    gate: Option<String>,
    bytes: usize,
    fail: Option<String>,
    status: u16,
}

impl Asked {
    fn of(request: &Request) -> Result<Self, Error> {
        let query = request.query_string_parameters();
        let text = |name| query.first(name).map(str::to_string);
        Ok(Self {
            gate: text("gate"),
            bytes: query.first("bytes").map_or(Ok(0), str::parse)?,
            fail: text("fail"),
            status: query.first("status").map_or(Ok(200), str::parse)?,
        })
    }
}

async fn stream(request: Request) -> Result<Response<Channel<Bytes, Error>>, Error> {
    let asked = Asked::of(&request)?;
    if asked.fail.as_deref() == Some("early") {
        return Err("failed early, on purpose".into());
    }
    let (sender, body) = Channel::new(1);
    let response = Response::builder()
        .status(asked.status)
        .header("content-type", "text/plain")
        .header("x-streamed", "yes")
        .header("set-cookie", "a=1")
        .header("set-cookie", "b=2")
        .body(body)?;
    tokio::spawn(write(asked, sender));
    Ok(response)
}

async fn write(asked: Asked, mut sender: Sender<Bytes, Error>) {
    match write_all(&asked, &mut sender).await {
        Ok(()) => {}
        Err(error) => sender.abort(error),
    }
}

async fn write_all(asked: &Asked, sender: &mut Sender<Bytes, Error>) -> Result<(), Error> {
    sender.send_data("first\n".into()).await?;
    if let Some(gate) = &asked.gate {
        let _ = TcpStream::connect(gate).await?.read(&mut [0]).await;
    }
    let mut left = asked.bytes;
    while left > 0 {
        let piece = left.min(PIECE_BYTES);
        sender.send_data(vec![b'x'; piece].into()).await?;
        left -= piece;
    }
    if asked.fail.as_deref() == Some("exit") {
        std::process::exit(3);
    }
    Ok(sender.send_data("last\n".into()).await?)
}
