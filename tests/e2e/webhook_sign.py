"""Signs a body as a sender of webhooks does, or verifies one as the sender's own library does:
stripe and slack_sdk for theirs, hmac for those that have none.

Arguments: "sign", sender, secret, body file: prints the fields as JSON. Or "verify", sender,
secret, body file, and the fields as JSON: fails when they are not right.
"""
import base64
import hashlib
import hmac
import json
import sys
import time

from slack_sdk.signature import SignatureVerifier
from stripe import WebhookSignature

mode, sender, secret, file, *rest = sys.argv[1:]
body = open(file, "rb").read()
now = str(int(time.time()))


def mac():
    return hmac.new(secret.encode(), body, hashlib.sha256)


def sign():
    if sender == "github":
        return {"X-Hub-Signature-256": "sha256=" + mac().hexdigest()}
    if sender == "shopify":
        return {"X-Shopify-Hmac-SHA256": base64.b64encode(mac().digest()).decode()}
    if sender == "slack":
        signature = SignatureVerifier(secret).generate_signature(timestamp=now, body=body)
        return {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": signature}
    if sender == "stripe":
        signature = WebhookSignature._compute_signature(f"{now}.{body.decode()}", secret)
        return {"Stripe-Signature": f"t={now},v1={signature},v0={'0' * 64}"}
    raise SystemExit("no such sender")


if mode == "sign":
    json.dump(sign(), sys.stdout)
else:
    fields = {name.lower(): value for name, value in json.loads(rest[0]).items()}
    if sender == "slack":
        right = SignatureVerifier(secret).is_valid_request(body, fields)
    elif sender == "stripe":
        header = fields["stripe-signature"]
        right = WebhookSignature.verify_header(body.decode(), header, secret, 300)
    else:
        right = fields == {name.lower(): value for name, value in sign().items()}
    sys.exit(not right)
