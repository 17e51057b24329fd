"""Registers a small disk with deploy/image/register in moto, an emulator of AWS that others wrote:
whether the snapshot is the disk, and what was asked for. moto forgets most of what an image is, so
that is looked for in the requests. In: the program; a directory to write into.
"""
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import pathlib
import sys

import boto3
from moto import mock_aws

PROGRAM, WORK = sys.argv[1:]
BLOCK = 512 * 1024
REGION = 'eu-central-1'


def main():
    disk = pathlib.Path(WORK) / 'small.raw'
    make_disk(disk)
    with mock_aws():
        asked = []
        ami = register(asked, str(disk), '--name', 'countersign-1', '--region', REGION, '--encrypt',
                       '--tag', 'commit=1234567')
        assert boto3.client('ec2', region_name=REGION).describe_images(ImageIds=[ami])['Images']
        # Not moto's word for it, which is another snapshot of its own.
        snapshot = dict(asked)['RegisterImage']['BlockDeviceMappings'][0]['Ebs']['SnapshotId']
        assert read_back(snapshot, disk.stat().st_size) == disk.read_bytes()
    look_at(dict(asked))
    assert [name for name, _ in asked].count('PutSnapshotBlock') == 3, asked


def make_disk(disk):
    """With a hole, a block that is written and zero, and an end within a block."""
    disk.write_bytes(os.urandom(BLOCK) + bytes(2 * BLOCK) + os.urandom(BLOCK) + b'the end')


def register(asked, *arguments):
    """The AMI's id. Each request is told to `asked`."""
    loader = importlib.machinery.SourceFileLoader('register', PROGRAM)
    program = importlib.util.module_from_spec(importlib.util.spec_from_loader('register', loader))
    loader.exec_module(program)

    class Listening(boto3.session.Session):
        def client(self, *names, **options):
            client = super().client(*names, **options)
            client.meta.events.register(
                'provide-client-params.*.*', lambda params, model, **_: asked.append((model.name, params)))
            return client

    program.boto3.session.Session = Listening
    sys.argv = [PROGRAM, *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        program.main()
    return out.getvalue().strip()


def read_back(snapshot, size):
    ebs = boto3.client('ebs', region_name=REGION)
    disk = bytearray(size)
    for block in ebs.list_snapshot_blocks(SnapshotId=snapshot)['Blocks']:
        at = block['BlockIndex'] * BLOCK
        told = ebs.get_snapshot_block(
            SnapshotId=snapshot, BlockIndex=block['BlockIndex'], BlockToken=block['BlockToken'])
        disk[at:at + BLOCK] = told['BlockData'].read()
    assert not any(disk[size:]), 'what is behind the disk is zero'
    return bytes(disk[:size])


def look_at(asked):
    start = asked['StartSnapshot']
    assert (start['VolumeSize'], start['Encrypted'], start['Tags']) == (
        1, True, [{'Key': 'commit', 'Value': '1234567'}]), start
    assert asked['CompleteSnapshot']['ChangedBlocksCount'] == 3, asked['CompleteSnapshot']
    image = asked['RegisterImage']
    wanted = {'BootMode': 'uefi-preferred', 'ImdsSupport': 'v2.0', 'EnaSupport': True,
              'VirtualizationType': 'hvm', 'Architecture': 'x86_64', 'RootDeviceName': '/dev/xvda'}
    assert {name: image[name] for name in wanted} == wanted, image
    volume = image['BlockDeviceMappings'][0]
    assert volume['DeviceName'] == '/dev/xvda', volume
    assert (volume['Ebs']['VolumeType'], volume['Ebs']['DeleteOnTermination']) == ('gp3', True), volume


if __name__ == '__main__':
    os.environ.update(AWS_ACCESS_KEY_ID='AKIAIOSFODNN7EXAMPLE', AWS_SECRET_ACCESS_KEY='not-a-secret')
    main()
