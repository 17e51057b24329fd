"""Verifies one request with the package http-message-signatures of PyPI; fails when it is wrong.

Arguments: algorithm, key file (PEM, or a secret), method, URL, body file or "-", and the fields
as JSON.
"""
import json
import sys

from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms

algorithm, key_file, method, url, body, fields = sys.argv[1:]
classes = {
    one.algorithm_id: one
    for one in vars(algorithms).values()
    if isinstance(one, type) and getattr(one, "algorithm_id", None)
}


class Keys(HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id):
        return open(key_file, "rb").read()


class Request:
    def __init__(self):
        self.method, self.url, self.headers = method, url, json.loads(fields)


verifier = HTTPMessageVerifier(signature_algorithm=classes[algorithm], key_resolver=Keys())
content = None if body == "-" else open(body, "rb").read()
(result,) = verifier.verify(Request(), expect_tag="e2e", body=content)
print(json.dumps(sorted(result.covered_components)))
