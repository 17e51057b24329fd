//! What a signer is asked to sign, and the one that is asked in this process: the crate
//! aws-sigv4.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningParams, SigningSettings, UriPathNormalizationMode,
};
use aws_sigv4::sign::{v4, v4a};

use super::gateway::{ID, SECRET, SERVICE};
use super::signed::Signed;

/// What is to be signed, and how.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub scheme: &'a str,
    pub carrier: &'a str,
    /// `aws` or `s3`: the profile, and the policy that is asked.
    pub profile: &'a str,
    pub method: &'static str,
    pub path: &'a str,
    pub region: &'a str,
    /// `body`: its hash is signed and not told; `told`; or a word for `x-amz-content-sha256`.
    pub payload: &'a str,
    pub body: &'a [u8],
    pub headers: &'a [(&'a str, &'a str)],
}

impl Case<'_> {
    pub fn service(&self) -> &'static str {
        match self.profile {
            "s3" => "s3",
            _ => SERVICE,
        }
    }

    pub fn what(&self, signer: &str) -> String {
        let Self {
            scheme,
            carrier,
            method,
            path,
            payload,
            profile,
            ..
        } = self;
        format!("{signer} {scheme} {carrier} {method} /{profile}{path} {payload}")
    }
}

/// Signs with the crate aws-sigv4.
pub fn by_crate(url: &str, case: &Case<'_>) -> Signed {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = match case.payload {
        "body" => PayloadChecksumKind::NoHeader,
        _ => PayloadChecksumKind::XAmzSha256,
    };
    if case.profile == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    if case.carrier == "url" {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(60));
    }
    let identity = Credentials::new(ID, SECRET, None, None, "test").into();
    let now = SystemTime::now();
    let params: SigningParams<'_> = match case.scheme {
        "sigv4" => v4::SigningParams::builder()
            .identity(&identity)
            .region(case.region)
            .name(case.service())
            .time(now)
            .settings(settings)
            .build()
            .unwrap()
            .into(),
        _ => v4a::SigningParams::builder()
            .identity(&identity)
            .region_set(case.region)
            .name(case.service())
            .time(now)
            .settings(settings)
            .build()
            .unwrap()
            .into(),
    };
    let mut request = http::Request::builder().method(case.method).uri(url);
    let authority = url.split('/').nth(2).unwrap();
    for (name, value) in [("host", authority)].iter().chain(case.headers) {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).unwrap();
    let body = match case.payload {
        "UNSIGNED-PAYLOAD" => SignableBody::UnsignedPayload,
        _ => SignableBody::Bytes(case.body),
    };
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let signable = SignableRequest::new(case.method, url, fields, body).unwrap();
    let signed = aws_sigv4::http_request::sign(signable, &params).unwrap();
    signed.into_parts().0.apply_to_request_http1x(&mut request);
    let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    Signed {
        method: case.method,
        target: request.uri().path_and_query().unwrap().to_string(),
        fields: request.headers().iter().map(field).collect(),
        body: case.body.to_vec(),
    }
}
