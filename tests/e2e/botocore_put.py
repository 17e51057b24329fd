"""Puts a file with the real botocore S3 client, as users do: its body streams in AWS's chunks with
a checksum behind it. Prints the payload mode that it chose.

Arguments: URL of the gateway, bucket, key, file, id, secret, region, CA, certificate, private key,
checksum algorithm.
"""
import sys

import botocore.session
from botocore.config import Config

url, bucket, key, file, key_id, secret, region, ca, certificate, private_key, algorithm = sys.argv[1:]
client = botocore.session.Session().create_client(
    "s3",
    region_name=region,
    endpoint_url=url,
    verify=ca,
    aws_access_key_id=key_id,
    aws_secret_access_key=secret,
    config=Config(
        s3={"addressing_style": "path"},
        client_cert=(certificate, private_key),
        retries={"max_attempts": 1},
    ),
)
client.meta.events.register(
    "before-send.s3.PutObject",
    lambda request, **_: print(request.headers["X-Amz-Content-SHA256"].decode()),
)
with open(file, "rb") as body:
    client.put_object(Bucket=bucket, Key=key, Body=body, ChecksumAlgorithm=algorithm)
