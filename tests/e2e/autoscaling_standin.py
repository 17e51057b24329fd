"""Stands in for EC2 Auto Scaling, which no emulator lets complete a launch: verifies with botocore's
own code who signed what, checks the parameters against botocore's own model of the action, and
prints them."""
import hashlib
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.session import get_session

SECRET, TOKEN = 'the-secret-of-the-role', 'the-token-of-the-role'
MODEL = get_session().get_service_model('autoscaling')


class AutoScaling(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        asked = dict(parse_qsl(body.decode()))
        why = self.wrong(body, dict(asked))
        if why:
            code, text = 400, f'<ErrorResponse><Error><Code>{why}</Code><Message>No.</Message></Error></ErrorResponse>'
        else:
            code, text = 200, '<CompleteLifecycleActionResponse/>'
            print(json.dumps(asked), flush=True)
        self.send_response(code)
        self.send_header('Content-Type', 'text/xml')
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def wrong(self, body, asked):
        said = self.headers['Authorization']
        key, day, region, service, _ = said.split('Credential=')[1].split(',')[0].split('/')
        names = said.split('SignedHeaders=')[1].split(',')[0].split(';')
        headers = {name: self.headers[name] for name in names}
        if headers.get('x-amz-security-token') != TOKEN or region != 'us-west-2' or service != 'autoscaling':
            return 'InvalidClientTokenId'
        if headers.get('x-amz-content-sha256') != hashlib.sha256(body).hexdigest():
            return 'XAmzContentSHA256Mismatch'
        request = AWSRequest('POST', f"https://{self.headers['Host']}{self.path}", headers=headers, data=body)
        request.context['timestamp'] = self.headers['X-Amz-Date']
        auth = SigV4Auth(Credentials(key, SECRET, TOKEN), service, region)
        text = auth.string_to_sign(request, auth.canonical_request(request))
        if auth.signature(text, request) != said.split('Signature=')[1]:
            return 'SignatureDoesNotMatch'
        action = MODEL.operation_model(asked.pop('Action'))
        shape = action.input_shape
        if asked.pop('Version') != MODEL.api_version or set(asked) - set(shape.members):
            return 'ValidationError'
        return None if set(shape.required_members) <= set(asked) else 'ValidationError'

    def log_message(self, form, *parts):
        pass


ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), AutoScaling).serve_forever()
