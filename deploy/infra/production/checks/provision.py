"""Has the program furnish a machine's directory by the user data of the stack, with moto, an emulator of
AWS, in the place of Parameter Store, Secrets Manager and S3. `provision.py PROGRAM`, by
tests/e2e/production.rs, which has the files in the directory that it starts this in."""
import os
import pathlib
import stat
import subprocess
import sys
import tempfile

import boto3
from moto.server import ThreadedMotoServer

from into_moto import publish
from stack import LEAST, NAME, REGION, gateways, user_data

SECRETS = {'server-key': 'server.key', 'credentials': 'credentials.toml', 'replay': 'replay-password'}
SETTINGS = {'gateway.toml', 'clients-ca.pem', 'server.pem'}
AGENT = {'cloudwatch-agent.json', 'cloudwatch-scrape.yml'}


def main(program):
    server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    os.environ['AWS_ENDPOINT_URL'] = f'http://127.0.0.1:{port}'
    try:
        boto3.client('s3', region_name=REGION).create_bucket(
            Bucket='files-of-ours', CreateBucketConfiguration={'LocationConstraint': REGION})
        for bucket in ('', 'files-of-ours'):
            furnish(program, bucket)
    finally:
        server.stop()
    print('furnished from Parameter Store and from a bucket')


def furnish(program, bucket):
    publish([NAME, '.', '--region', REGION] + (['--bucket', bucket] if bucket else []))
    stack = gateways(**LEAST, **secrets(), FilesBucket=bucket, Outside='yes')
    with tempfile.TemporaryDirectory() as directory:
        data = pathlib.Path(directory, 'user-data.toml')
        data.write_text(user_data(stack))
        home = pathlib.Path(directory, 'etc')
        home.mkdir()
        words = ['provision', '--from', str(data), '--directory', str(home), '--owner', 'root']
        said = subprocess.run([program, *words], capture_output=True, text=True, check=False, timeout=60)
        assert said.returncode == 0, said.stdout + said.stderr
        files = {one.name for one in home.iterdir() if not one.name.startswith('.')}
        assert SETTINGS | AGENT | set(SECRETS.values()) <= files, files
        for name in SECRETS.values():
            mode = stat.S_IMODE((home / name).stat().st_mode)
            assert not mode & 0o077, f'{name} is {mode:o}'


def secrets():
    client = boto3.client('secretsmanager', region_name=REGION)
    there = {one['Name']: one['ARN'] for one in client.list_secrets()['SecretList']}
    arn = lambda name, file: there.get(f'countersign/prod/{name}') or client.create_secret(
        Name=f'countersign/prod/{name}', SecretString=pathlib.Path(file).read_text())['ARN']
    arns = [arn(*one) for one in SECRETS.items()]
    return dict(zip(('ServerKeySecret', 'CredentialsSecret', 'ReplayPasswordSecret'), arns, strict=True))


if __name__ == '__main__':
    os.environ.update(AWS_ACCESS_KEY_ID='nobody', AWS_SECRET_ACCESS_KEY='nothing', AWS_REGION=REGION)
    main(sys.argv[1])
