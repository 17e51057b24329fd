"""Signs one request with the real botocore and prints the headers to send, as JSON.

Arguments: profile (aws or s3), method, URL, id, secret, region, service, body file or "-",
and then headers to sign, as name=value.
"""
import json
import sys

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

profile, method, url, key_id, secret, region, service, body, *headers = sys.argv[1:]
data = b"" if body == "-" else open(body, "rb").read()
request = AWSRequest(method=method, url=url, data=data, headers=dict(h.split("=", 1) for h in headers))
signer = {"aws": SigV4Auth, "s3": S3SigV4Auth}[profile]
signer(Credentials(key_id, secret), service, region).add_auth(request)
json.dump({name: value for name, value in request.headers.items()}, sys.stdout)
