"""Makes a token as `aws eks get-token` does: botocore's RequestSigner presigns GetCallerIdentity."""
import base64
import sys

import botocore.session
from botocore.credentials import Credentials
from botocore.model import ServiceId
from botocore.signers import RequestSigner

key, secret, header, audience, expires = sys.argv[1:6]
session = botocore.session.get_session()
signer = RequestSigner(ServiceId('STS'), 'us-west-2', 'sts', 'v4', Credentials(key, secret),
                       session.get_component('event_emitter'))
url = signer.generate_presigned_url(
    {
        'method': 'GET',
        'url': 'https://sts.us-west-2.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15',
        'body': {},
        'headers': {header: audience},
        'context': {},
    },
    region_name='us-west-2', expires_in=int(expires), operation_name='')
print('countersign-v1.' + base64.urlsafe_b64encode(url.encode()).decode().rstrip('='), end='')
