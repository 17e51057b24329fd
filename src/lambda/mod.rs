//! AWS Lambda as API Gateway and load balancers speak to it: what a function is told of a
//! request, what its answer means, and the invocation itself. In: what the gateway knows of a
//! request. Out: an answer, or why there is none.
//! Knows nothing of routes, policies or Pingora; who the caller is, is told.

mod answer;
mod event;
mod function;
mod request;
mod verdict;

pub use answer::{Answer, Malformed, Prelude, PreludeReader, read};
pub use event::{TooLarge, authorizer_request, authorizer_token, encode, parameter};
pub use function::{Function, FunctionCounts, Functions, Invoked, Outcome, Reply, Server};
pub use request::{Context, Request};
pub use verdict::{Allowed, Verdict, is_unauthorized, method_arn, read as read_verdict};
