//! A request's place in a trace: when it comes, and what upstreams and functions are told of it.
//! In: a head as it came. Out: a trace, and the fields of a head that goes on.

use pingora_core::Result;
use pingora_core::protocols::http::ServerSession;
use pingora_http::RequestHeader;

use crate::field_name::is_like;

use super::request::Request;
use super::state::State;

/// A request has come: gives it its place in a trace.
pub(super) fn begin(state: &State, session: &ServerSession, request: &mut Request) {
    if let Some(tracer) = state.telemetry.tracer() {
        let trace = tracer.begin(&session.req_header().headers);
        request.trace = trace.map(Box::new);
    }
}

/// Tells of the trace in `head`, in the place of whatever the caller has said there.
///
/// # Errors
/// Pingora's map of fields is full, which the limit on received fields prevents.
pub(super) fn put(head: &mut RequestHeader, request: &Request) -> Result<()> {
    let Some(trace) = &request.trace else {
        return Ok(());
    };
    for (name, value) in trace.fields() {
        let said = head.headers.keys();
        let said = said.filter(|other| is_like(other.as_str(), name));
        let said: Vec<_> = said.cloned().collect();
        for other in said {
            head.remove_header(&other);
        }
        if let Some(value) = value {
            head.insert_header(name, value)?;
        }
    }
    Ok(())
}
