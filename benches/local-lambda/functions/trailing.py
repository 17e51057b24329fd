"""A runtime of its own, without a library: streams a prelude and `first`, then fails as the Runtime
API has it for a stream, in trailers. AWS's Rust runtime writes those into the body instead."""
import base64
import http.client
import json
import os
import socket

API = os.environ['AWS_LAMBDA_RUNTIME_API']
INVOCATION = '/2018-06-01/runtime/invocation/'
PRELUDE = b'{"statusCode":200}' + bytes(8) + b'first\n'
ERROR = {'errorType': 'Late', 'errorMessage': 'failed late, on purpose'}


def next_request_id():
    connection = http.client.HTTPConnection(API)
    connection.request('GET', INVOCATION + 'next')
    response = connection.getresponse()
    response.read()
    return response.getheader('Lambda-Runtime-Aws-Request-Id')


def answer(request_id):
    body = base64.b64encode(json.dumps(ERROR).encode()).decode()
    host, port = API.split(':')
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall((
            f'POST {INVOCATION}{request_id}/response HTTP/1.1\r\n'
            f'Host: {API}\r\n'
            'Lambda-Runtime-Function-Response-Mode: streaming\r\n'
            'Transfer-Encoding: chunked\r\n'
            'Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n'
            'Content-Type: application/vnd.awslambda.http-integration-response\r\n'
            '\r\n'
            f'{len(PRELUDE):x}\r\n{PRELUDE.decode()}\r\n'
            '0\r\n'
            'Lambda-Runtime-Function-Error-Type: Late\r\n'
            f'Lambda-Runtime-Function-Error-Body: {body}\r\n'
            '\r\n'
        ).encode())
        connection.recv(1024)


while True:
    answer(next_request_id())
