"""Signs one request with the real AWS Common Runtime and prints what to send, as JSON:
{"target": …, "headers": [[name, value], …]}.

Arguments: scheme (sigv4 or sigv4a), carrier (header or url), profile (aws or s3), method, URL, id,
secret, region or region set, service, payload (body, told, or a word for x-amz-content-sha256),
body file or "-", and then headers to sign, as name=value.
"""
import io
import json
import sys
from urllib.parse import urlsplit

from awscrt.auth import (
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSignedBodyHeaderType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.http import HttpHeaders, HttpRequest

scheme, carrier, profile, method, url, key_id, secret, region, service, payload, body, *headers = sys.argv[1:]
parts = urlsplit(url)
target = parts.path + ("?" + parts.query if parts.query else "")
data = b"" if body == "-" else open(body, "rb").read()
fields = [("host", parts.netloc)] + [tuple(header.split("=", 1)) for header in headers]
request = HttpRequest(method, target, HttpHeaders(fields), io.BytesIO(data))
told = payload != "body"
config = AwsSigningConfig(
    algorithm={"sigv4": AwsSigningAlgorithm.V4, "sigv4a": AwsSigningAlgorithm.V4_ASYMMETRIC}[scheme],
    signature_type={
        "header": AwsSignatureType.HTTP_REQUEST_HEADERS,
        "url": AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS,
    }[carrier],
    credentials_provider=AwsCredentialsProvider.new_static(key_id, secret),
    region=region,
    service=service,
    use_double_uri_encode=profile == "aws",
    should_normalize_uri_path=profile == "aws",
    signed_body_value=payload if payload not in ("body", "told") else None,
    signed_body_header_type=(
        AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256 if told else AwsSignedBodyHeaderType.NONE
    ),
    expiration_in_seconds=60 if carrier == "url" else None,
)
signed = aws_sign_request(request, config).result(20)
json.dump({"target": signed.path, "headers": list(signed.headers)}, sys.stdout)
