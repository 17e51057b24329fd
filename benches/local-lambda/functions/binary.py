"""Answers with 4 KiB in which every byte occurs."""
import base64


def handler(event, context):
    return {
        'statusCode': 200,
        'headers': {'content-type': 'application/octet-stream'},
        'isBase64Encoded': True,
        'body': base64.b64encode(bytes(range(256)) * 16).decode(),
    }
