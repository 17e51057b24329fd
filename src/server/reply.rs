//! Answers that the gateway gives by itself, written to the caller.

use http::Method;
use pingora_core::Result;
use pingora_core::protocols::http::ServerSession;

use crate::integration::MockAnswer;
use crate::refusal::Refusal;
use crate::response;

use super::inbound;
use super::request::Request;

pub(super) async fn give_mock(
    session: &mut ServerSession,
    request: &Request,
    mock: &MockAnswer,
) -> Result<bool> {
    let fields = mock.headers.iter().cloned();
    let answer = response::answer(mock.status, fields, mock.body.clone(), &request.id);
    send(session, answer).await?;
    Ok(true)
}

/// Answers a refused request, keeping the connection when its body is out of the way.
pub(super) async fn refuse(
    session: &mut ServerSession,
    request: &mut Request,
    refusal: Refusal,
) -> Result<bool> {
    if !inbound::drain(session).await || refusal.status() == 408 {
        session.set_keepalive(None);
    }
    let answer = response::refused(&refusal, &request.id);
    request.refusal = Some(refusal);
    send(session, answer).await?;
    Ok(true)
}

pub(super) async fn send(session: &mut ServerSession, answer: response::Answer) -> Result<()> {
    // Pingora does not say of a failure to write that it is the caller's.
    write(session, answer).await.map_err(|e| e.into_down())
}

async fn write(session: &mut ServerSession, answer: response::Answer) -> Result<()> {
    let bodyless = session.req_header().method == Method::HEAD || answer.body.is_empty();
    session.write_response_header(answer.header).await?;
    if !bodyless {
        session.write_response_body(answer.body, true).await?;
    }
    Ok(())
}
