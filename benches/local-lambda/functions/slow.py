"""Answers when it is let go: when the gate that the query or the event names can be connected to
and sends a byte or ends, or when the asked seconds are over."""
import socket
import time

import request


def handler(event, context):
    asked = request.query(event) if 'requestContext' in event else event
    if 'gate' in asked:
        wait_at(asked['gate'])
    time.sleep(float(asked.get('seconds', 0)))
    return {'statusCode': 200, 'headers': {'content-type': 'text/plain'}, 'body': 'at last'}


def wait_at(gate):
    host, port = gate.rsplit(':', 1)
    with socket.create_connection((host, int(port))) as connection:
        connection.recv(1)
