"""Puts what a gateway needs into moto's Parameter Store, Secrets Manager and S3. In: the directory."""
import pathlib
import sys

import boto3

MATERIAL = pathlib.Path(sys.argv[1])
PLACE = {'endpoint_url': 'http://10.0.0.10:5000', 'region_name': 'eu-central-1',
         'aws_access_key_id': 'AKIAIOSFODNN7EXAMPLE', 'aws_secret_access_key': 'not-a-secret'}


def text(name):
    return (MATERIAL / name).read_text()


parameters = boto3.client('ssm', **PLACE)
for name in ('gateway.toml', 'mistaken.toml', 'strict.toml', 'server.pem'):
    parameters.put_parameter(Name=f'/countersign/{name}', Type='SecureString', Value=text(name))

secrets = boto3.client('secretsmanager', **PLACE)
secrets.create_secret(Name='countersign/server-key', SecretString=text('server.key'))
secrets.create_secret(Name='countersign/credentials', SecretBinary=text('credentials.toml').encode())

files = boto3.client('s3', **PLACE)
files.create_bucket(Bucket='countersign-files', CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'})
files.put_object(Bucket='countersign-files', Key='ca.pem', Body=text('ca.pem'))
