"""Answers with the event that it was given, as the JSON of its body."""
import json


def handler(event, context):
    return {
        'statusCode': 200,
        'headers': {'content-type': 'application/json'},
        'body': json.dumps(event),
    }
