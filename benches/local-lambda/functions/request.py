"""What a handler asks of an event of an API, whichever format it has."""
import base64


def body(event):
    """The body, as bytes."""
    text = event.get('body') or ''
    return base64.b64decode(text) if event.get('isBase64Encoded') else text.encode()


def query(event):
    """The query's last value of each name."""
    return event.get('queryStringParameters') or {}


def is_second_format(event):
    return event.get('version') == '2.0'


def headers(event):
    """Names with values, a pair for each line of the request as far as the format tells them."""
    if not is_second_format(event) and event.get('multiValueHeaders'):
        return [(name, value) for name, values in event['multiValueHeaders'].items() for value in values]
    pairs = list((event.get('headers') or {}).items())
    if event.get('cookies'):
        pairs.append(('cookie', '; '.join(event['cookies'])))
    return pairs
