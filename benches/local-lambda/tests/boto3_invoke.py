"""Invokes by AWS's SDK: ENDPOINT OPERATION ARGUMENTS, of which the last is JSON. Prints what the SDK
understood, a JSON object a line: one for a whole answer, one for each event of a stream, as it comes."""
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, operation, arguments = sys.argv[1:]
client = boto3.client(
    'lambda',
    endpoint_url=endpoint,
    region_name='us-east-1',
    aws_access_key_id='AKIAEXAMPLE',
    aws_secret_access_key='a-secret',
    config=Config(retries={'total_max_attempts': 1}),
)


def tell(**what):
    print(json.dumps(what), flush=True)


def read(arguments):
    arguments = json.loads(arguments)
    size = arguments.pop('PayloadOfBytes', None)
    if size is not None:
        arguments['Payload'] = '"' + 'x' * (size - 2) + '"'
    return arguments


try:
    answer = getattr(client, operation)(**read(arguments))
    meta = answer['ResponseMetadata']
    if 'EventStream' in answer:
        for event in answer['EventStream']:
            if 'PayloadChunk' in event:
                tell(chunk=event['PayloadChunk']['Payload'].decode('latin-1'))
            else:
                tell(complete=event['InvokeComplete'])
    else:
        tell(
            status=answer['StatusCode'],
            payload=answer['Payload'].read().decode(),
            function_error=answer.get('FunctionError'),
            version=answer.get('ExecutedVersion'),
            request_id=meta['RequestId'],
        )
except ClientError as error:
    tell(
        error=error.response['Error']['Code'],
        message=error.response['Error']['Message'],
        status=error.response['ResponseMetadata']['HTTPStatusCode'],
        reason=error.response.get('Reason'),
    )
