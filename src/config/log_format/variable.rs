//! What a template of the access log may tell of a request, whatever it is called.

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogVariable {
    /// One of API Gateway's of which the gateway has nothing.
    Nothing,
    /// `[stage] account_id`.
    AccountId,
    /// `[stage] api_id`.
    ApiId,
    /// The name of the stage.
    Stage,
    /// The request's id.
    RequestId,
    /// When it came: `04/Mar/2020:19:15:17 +0000`.
    RequestTime,
    /// The same in milliseconds since 1970.
    RequestTimeEpoch,
    /// The method.
    Method,
    /// The path as sent, with the stage's name before it.
    Path,
    /// `HTTP/1.1` or `HTTP/2.0`.
    Protocol,
    /// The host.
    DomainName,
    /// Its first label.
    DomainPrefix,
    /// What stands for the id of the route's pattern.
    ResourceId,
    /// The route's pattern.
    ResourcePath,
    /// `METHOD /pattern`, or `ANY /pattern`.
    RouteKey,
    /// The status that was sent.
    Status,
    /// Milliseconds from the head to the end of the answer.
    ResponseLatency,
    /// Bytes of the answer's body.
    ResponseLength,
    /// Bytes of both bodies.
    DataProcessed,
    /// `TLSv1.2` or `TLSv1.3`.
    TlsVersion,
    /// The cipher suite as OpenSSL calls it.
    CipherSuite,
    /// The id of the trace, as X-Ray writes it.
    XrayTraceId,
    /// The caller's address.
    SourceIp,
    /// The consumer.
    User,
    /// The ARN of the principal of AWS IAM who has signed.
    UserArn,
    /// Its account.
    UserAccount,
    /// The field `User-Agent`.
    UserAgent,
    /// The VPC endpoint that the connection came through.
    VpcEndpoint,
    /// The caller's certificate in PEM, when it is trusted.
    CertificatePem,
    /// Its subject.
    CertificateSubject,
    /// Its issuer.
    CertificateIssuer,
    /// Its serial number.
    CertificateSerial,
    /// The first second of its validity.
    CertificateNotBefore,
    /// The last.
    CertificateNotAfter,
    /// Who calls, as an authorizer says, or the consumer.
    Principal,
    /// What an authorizer said under this key.
    Authorizer(String),
    /// Why an authorizer said nothing.
    AuthorizerError,
    /// What the caller was told of a refusal.
    ErrorMessage,
    /// The same in quotes.
    ErrorMessageString,
    /// The kind of gateway response that it would have been.
    ErrorResponseType,
    /// The status that the integration answered with.
    IntegrationStatus,
    /// The same, but of Lambda where that is asked.
    IntegrationReply,
    /// Milliseconds until the head of its answer.
    IntegrationLatency,
    /// Why it did not answer.
    IntegrationError,
    /// What the gateway's own record says.
    Record(RecordField),
}

/// What only the gateway knows, called as in the JSON of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordField {
    /// Bytes of the request's body.
    BytesIn,
    /// How the caller's certificate was judged.
    CertificateVerdict,
    /// The consumer.
    Consumer,
    /// Microseconds of deciding.
    DecideMicros,
    /// What an operator should know about a refusal.
    Detail,
    /// The authority, as sent.
    Host,
    /// The listener.
    Listener,
    /// The path as sent.
    Path,
    /// The policy.
    Policy,
    /// The field `Referer` without its query.
    Referer,
    /// The refusal's code.
    Refusal,
    /// The route's name.
    Route,
    /// The target that was tried last.
    Target,
    /// The id of the trace, as W3C writes it.
    TraceId,
    /// The proxy that passed the connection on.
    Via,
}
