"""Signs one request with the package http-message-signatures of PyPI and prints the fields to
send, as JSON.

Arguments: algorithm, key file (PEM, or a secret), key id, method, URL, body file or "-", and
then covered components.
"""
import json
import sys

from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms

algorithm, key_file, key_id, method, url, body, *components = sys.argv[1:]
classes = {
    one.algorithm_id: one
    for one in vars(algorithms).values()
    if isinstance(one, type) and getattr(one, "algorithm_id", None)
}


class Keys(HTTPSignatureKeyResolver):
    def resolve_private_key(self, key_id):
        return open(key_file, "rb").read()


class Request:
    def __init__(self):
        self.method, self.url, self.headers = method, url, {"Content-Type": "text/plain"}


request = Request()
signer = HTTPMessageSigner(signature_algorithm=classes[algorithm], key_resolver=Keys())
signer.sign(
    request,
    key_id=key_id,
    covered_component_ids=components,
    nonce="a nonce",
    tag="e2e",
    body=None if body == "-" else open(body, "rb").read(),
)
json.dump(request.headers, sys.stdout)
