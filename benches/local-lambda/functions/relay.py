"""Relays a request to the private server in BACKEND, host:port, and its answer back: what stood
between API Gateway and an nginx when API Gateway could not reach one by itself."""
import base64
import http.client
import os
from urllib.parse import quote

import request

# What belongs to a connection, or is made anew.
HOP_BY_HOP = {
    'connection', 'content-length', 'host', 'keep-alive', 'proxy-connection', 'te', 'trailer',
    'transfer-encoding', 'upgrade',
}

connection = http.client.HTTPConnection(os.environ['BACKEND'], timeout=10)


def handler(event, context):
    status, headers, body = ask(method(event), target(event), sent_headers(event), request.body(event))
    answer = {'statusCode': status} | told_headers(event, headers) | told_body(body)
    return answer


def ask(*what):
    """Asks on the connection that is kept, or on a new one when the server has closed that."""
    try:
        return ask_once(*what)
    except (http.client.RemoteDisconnected, ConnectionError):
        connection.close()
        return ask_once(*what)


def ask_once(method, target, headers, body):
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    if body or method in ('POST', 'PUT', 'PATCH'):
        connection.putheader('content-length', str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    return response.status, response.getheaders(), response.read()


def method(event):
    if request.is_second_format(event):
        return event['requestContext']['http']['method']
    return event['httpMethod']


def target(event):
    if request.is_second_format(event):
        query = event['rawQueryString']
        return quote(event['rawPath'], safe="/%:@!$&'()*+,;=~") + ('?' + query if query else '')
    values = event.get('multiValueQueryStringParameters') or {}
    pairs = [f"{quote(name, safe='')}={quote(value, safe='')}" for name in values for value in values[name]]
    return quote(event['path'], safe="/%:@!$&'()*+,;=~") + ('?' + '&'.join(pairs) if pairs else '')


def sent_headers(event):
    return [(name, value) for name, value in request.headers(event) if name.lower() not in HOP_BY_HOP]


def told_headers(event, headers):
    kept = [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]
    if request.is_second_format(event):
        cookies = [value for name, value in kept if name.lower() == 'set-cookie']
        return {'headers': {n: v for n, v in kept if n.lower() != 'set-cookie'}, 'cookies': cookies}
    many = {}
    for name, value in kept:
        many.setdefault(name, []).append(value)
    return {'multiValueHeaders': many}


def told_body(body):
    try:
        return {'body': body.decode(), 'isBase64Encoded': False}
    except UnicodeDecodeError:
        return {'body': base64.b64encode(body).decode(), 'isBase64Encoded': True}
