"""Stands in for AWS STS: verifies a presigned GetCallerIdentity with botocore's own code and says
whose it is. Real enough to refuse what was signed for another audience; AWS cannot be had here."""
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, quote

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEYS = {'ASIAEXAMPLEAPP': 'app-secret', 'ASIAEXAMPLEEVIL': 'evil-secret'}
ROLES = {'ASIAEXAMPLEAPP': 'app', 'ASIAEXAMPLEEVIL': 'evil'}


class Sts(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        path, _, query = self.path.partition('?')
        values = {name: value[0] for name, value in parse_qs(query).items()}
        key, day, region, service, _ = values['X-Amz-Credential'].split('/')
        kept = '&'.join(p for p in query.split('&') if not p.startswith('X-Amz-Signature='))
        names = values['X-Amz-SignedHeaders'].split(';')
        headers = {name: self.headers[name] for name in names if name != 'host'}
        request = AWSRequest('GET', f"https://{self.headers['Host']}{path}?{kept}", headers=headers)
        request.context['timestamp'] = values['X-Amz-Date']
        auth = SigV4QueryAuth(Credentials(key, KEYS.get(key, 'unknown')), service, region)
        text = auth.string_to_sign(request, auth.canonical_request(request))
        right = auth.signature(text, request) == values['X-Amz-Signature']
        if right and key in KEYS:
            arn = f'arn:aws:sts::123456789012:assumed-role/{ROLES[key]}/session'
            body = f'<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{arn}</Arn><UserId>A:session</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>'
        else:
            body = '<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>'
        self.send_response(200 if right else 403)
        self.send_header('Content-Type', 'text/xml')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, form, *parts):
        print(self.headers.get('Host'), flush=True)


ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Sts).serve_forever()
