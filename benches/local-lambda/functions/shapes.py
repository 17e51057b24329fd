"""Returns what the request's body says, whatever shape that has. An event that is no request of an
API is returned itself."""
import json

import request


def handler(event, context):
    if isinstance(event, dict) and 'requestContext' in event:
        return json.loads(request.body(event))
    return event
