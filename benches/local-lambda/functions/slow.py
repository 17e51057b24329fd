"""Answers when it is let go: when the gate that the query, the JSON of the body or the event itself
names, HOST:PORT, can be connected to and sends a byte or ends, and when the asked seconds are over."""
import json
import socket
import time

import request


def handler(event, context):
    asked = what_is_asked(event)
    if 'gate' in asked:
        wait_at(asked['gate'])
    time.sleep(float(asked.get('seconds', 0)))
    return {'statusCode': 200, 'headers': {'content-type': 'text/plain'}, 'body': 'at last'}


def what_is_asked(event):
    if 'requestContext' not in event:
        return event
    return request.query(event) | json.loads(request.body(event) or b'{}')


def wait_at(gate):
    host, port = gate.rsplit(':', 1)
    with socket.create_connection((host, int(port))) as connection:
        connection.recv(1)
