"""Signs one request with the real botocore and prints what to send, as JSON: the headers, or
for a presigning profile {"url": ...}.

Arguments: profile (aws, s3, aws-url or s3-url), method, URL, id, secret, region, service, body
file or "-", and then headers to sign, as name=value.
"""
import json
import sys

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

profile, method, url, key_id, secret, region, service, body, *headers = sys.argv[1:]
data = b"" if body == "-" else open(body, "rb").read()
request = AWSRequest(method=method, url=url, data=data, headers=dict(h.split("=", 1) for h in headers))
credentials = Credentials(key_id, secret)
if profile.endswith("-url"):
    signer = {"aws-url": SigV4QueryAuth, "s3-url": S3SigV4QueryAuth}[profile]
    signer(credentials, service, region, expires=60).add_auth(request)
    json.dump({"url": request.url}, sys.stdout)
else:
    signer = {"aws": SigV4Auth, "s3": S3SigV4Auth}[profile]
    signer(credentials, service, region).add_auth(request)
    json.dump(dict(request.headers.items()), sys.stdout)
