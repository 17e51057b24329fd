"""A Lambda authorizer, of type TOKEN or REQUEST, of either format. The token decides:

allow, deny                 a policy for all of the API
allow-method                a policy for what was asked only
true, false                 the simple answer of an HTTP API
Unauthorized                the exception that API Gateway turns into a 401
crash                       any other exception
malformed, no-principal     what API Gateway refuses to take
slow-WORD:HOST:PORT         what the word says, once the gate there opens

What follows a # tells callers apart and decides nothing.
The context tells how often this process was asked, in each of the types that a context may hold.
"""
import request
import slow

calls = 0


def handler(event, context):
    global calls
    calls += 1
    token = token_of(event).split('#')[0]
    if token.startswith('slow-'):
        token, gate = token.removeprefix('slow-').split(':', 1)
        slow.wait_at(gate)
    if token in ('Unauthorized', 'crash'):
        raise Exception(token)
    if token == 'malformed':
        return 'a bare string'
    if token in ('true', 'false'):
        return {'isAuthorized': token == 'true', 'context': told(token) | {'list': [1, 2]}}
    if token not in ('allow', 'allow-method', 'deny', 'no-principal'):
        raise Exception('Unauthorized')
    return policy(token, event)


def token_of(event):
    if event.get('type') == 'TOKEN':
        return event['authorizationToken'].removeprefix('Bearer ')
    found = {name.lower(): value for name, value in request.headers(event)}
    token = found.get('authorization') or request.query(event).get('token') or ''
    return token.removeprefix('Bearer ')


def policy(token, event):
    asked = event.get('methodArn') or event['routeArn']
    # All methods and paths of the stage: arn:aws:execute-api:region:account:api/stage/*
    api, stage = asked.split('/')[:2]
    answer = {
        'principalId': 'user|' + token,
        'policyDocument': {
            'Version': '2012-10-17',
            'Statement': [{
                'Action': 'execute-api:Invoke',
                'Effect': 'Deny' if token == 'deny' else 'Allow',
                'Resource': asked if token == 'allow-method' else f'{api}/{stage}/*',
            }],
        },
        'context': told(token),
        'usageIdentifierKey': 'key-of-' + token,
    }
    if token == 'no-principal':
        del answer['principalId']
    return answer


def told(token):
    return {'token': token, 'calls': calls, 'is_known': True}
