//! The `lambda` integration: a function, told of a request in its own form, and its answer read
//! in the same. In: what the gateway knows of a request. Out: the event, and what the function's
//! payload means. The moving of bytes is the server's.

use std::sync::Arc;

use bytes::Bytes;

use crate::config::{self, Invocation, PayloadFormat, Stage};
use crate::lambda::{self, Answer, Function, Request};
use crate::names::IntegrationName;
use crate::refusal::{Api, FunctionFailure, Refusal};

/// A function that answers.
pub struct Lambda {
    name: IntegrationName,
    settings: config::Lambda,
    stage: Stage,
    function: Arc<Function>,
}

impl Lambda {
    /// Compiles a valid integration.
    pub fn new(
        name: &IntegrationName,
        settings: &config::Lambda,
        stage: &Stage,
        function: Arc<Function>,
    ) -> Self {
        Self {
            name: name.clone(),
            settings: settings.clone(),
            stage: stage.clone(),
            function,
        }
    }

    /// The integration's name.
    pub fn name(&self) -> &IntegrationName {
        &self.name
    }

    /// The stage that events tell of.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The function.
    pub fn function(&self) -> &Arc<Function> {
        &self.function
    }

    /// How it is invoked.
    pub fn invocation(&self) -> Invocation {
        self.settings.invocation
    }

    /// What the function is told of a request.
    ///
    /// # Errors
    /// It would be more than Lambda takes.
    pub fn event(&self, request: &Request<'_>, body: &[u8]) -> Result<Bytes, Refusal> {
        let event = lambda::encode(&self.settings, request, body);
        event.map(Bytes::from).map_err(|_| self.too_large())
    }

    /// The refusal of a request whose event would be too large, which is counted.
    pub fn too_large(&self) -> Refusal {
        let failure = FunctionFailure::EventTooLarge(self.function.max_event_bytes());
        self.function.refused(failure);
        self.refusal(failure)
    }

    /// What the function's payload means to a caller who asked with this `Accept`.
    ///
    /// # Errors
    /// It means nothing.
    pub fn read(&self, payload: Bytes, accept: Option<&str>) -> Result<Answer, FunctionFailure> {
        let answer = lambda::read(&self.settings, payload, accept);
        answer.map_err(|why| FunctionFailure::Malformed(why.0))
    }

    /// The refusal of a request whose answer cannot be had.
    pub fn refusal(&self, failure: FunctionFailure) -> Refusal {
        let api = match self.settings.payload_format {
            PayloadFormat::Rest => Api::Rest,
            PayloadFormat::V1 | PayloadFormat::V2 => Api::Http,
            PayloadFormat::Alb => Api::Alb,
        };
        Refusal::Function(failure, api)
    }
}
