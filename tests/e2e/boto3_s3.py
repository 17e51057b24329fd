"""The real boto3 at S3, as users call it. Prints what it sent, or would have sent, as JSON:
{"target": …, "headers": [[name, value], …], "body": base64}.

Arguments: what to do (put: send a file; tell: only say what would be sent for it; presign: make
the URL that gets the object), signature version (s3v4 or s3v4a), URL of the gateway, bucket, key,
file, id, secret, region, CA.
"""
import base64
import json
import sys
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

todo, version, url, bucket, key, file, key_id, secret, region, ca = sys.argv[1:]
client = boto3.client(
    "s3",
    region_name=region,
    endpoint_url=url,
    verify=ca,
    aws_access_key_id=key_id,
    aws_secret_access_key=secret,
    config=Config(
        signature_version=version, s3={"addressing_style": "path"}, retries={"max_attempts": 1}
    ),
)


def target_of(url):
    parts = urlsplit(url)
    return parts.path + ("?" + parts.query if parts.query else "")


def tell(request, body):
    text = lambda value: value.decode() if isinstance(value, bytes) else value
    headers = [[name, text(value)] for name, value in request.headers.items()]
    body = base64.b64encode(body).decode()
    json.dump({"target": target_of(request.url), "headers": headers, "body": body}, sys.stdout)


class Told(Exception):
    """Nothing is to be sent."""


def only_tell(request, **_):
    tell(request, request.body.read())
    raise Told


if todo == "presign":
    made = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=60)
    json.dump({"target": target_of(made), "headers": [["host", urlsplit(made).netloc]], "body": ""}, sys.stdout)
    sys.exit()
on_send = {"tell": only_tell, "put": lambda request, **_: tell(request, b"")}[todo]
client.meta.events.register("before-send.s3", on_send)
try:
    with open(file, "rb") as body:
        client.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"note": "two  words"})
except Told:
    pass
