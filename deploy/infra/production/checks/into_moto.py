"""Deploys the gateways' stack into moto, an emulator of AWS that others wrote, and fetches there what
a machine's user data say. What moto does not make is listed here and in README.md, and is at least
said to the API itself, which refuses names and types that AWS does not know."""
import base64
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import logging
import os
import pathlib
import tempfile
import tomllib

import boto3
from botocore.exceptions import ParamValidationError
from botocore.validate import ParamValidator
from moto import mock_aws

from stack import HERE, LEAST, MOST, NAME, REGION, Stack, read, watch

# moto says that it makes none of them.
NOT_MADE = {'AWS::EC2::SecurityGroupEgress', 'AWS::AutoScaling::ScalingPolicy', 'AWS::SNS::Subscription',
            'AWS::CloudWatch::Alarm'}
# moto takes every load balancer for an ALB, and so no listener of TCP.
LEFT_OUT = {'Listener'}
# What moto cannot tell of what it has made.
UNKNOWN = {'Targets.TargetGroupFullName': 'targetgroup/targets/1', 'LoadBalancer.LoadBalancerFullName': 'net/balancer/1',
           'LoadBalancer.CanonicalHostedZoneID': 'Z1'}
SECRETS = ('server-key', 'credentials', 'replay', 'other', 'another')


class Emulated(Stack):
    """A stack of which conditions and parameters are worked out here, and references by moto."""
    def ref(self, name):
        if name in self.text['Resources']:
            return {'Ref': name}
        return super().ref(name)

    def attribute(self, name):
        if name in UNKNOWN:
            return UNKNOWN[name]
        return {'Fn::GetAtt': name.split('.')}


def client(service):
    return boto3.client(service, region_name=REGION)


def main():
    with mock_aws():
        around = what_is_there()
        for bucket in (None, 'files-of-ours'):
            publish_settings(bucket)
        made, stack = deploy(around)
        look_at_the_groups(made, around)
        look_at_the_machines(made)
        fetch_what_user_data_say(made)
        look_at_the_endpoints(made)
        say_the_rest(made, stack)
        say_what_watches()
    readme = (HERE / 'README.md').read_text()
    told = f'{len(made)} of the {len(stack.resources)} resources'
    assert told in readme, f'README.md does not say: {told}'
    print(f'moto made {told}')


def what_is_there():
    """A VPC, with nginx in it, and secrets."""
    ec2 = client('ec2')
    vpc = ec2.create_vpc(CidrBlock='10.20.0.0/16')['Vpc']['VpcId']
    place = lambda at, zone: ec2.create_subnet(
        VpcId=vpc, CidrBlock=f'10.20.{at}.0/24', AvailabilityZone=f'{REGION}{zone}')['Subnet']['SubnetId']
    private, public = [place(10, 'a'), place(11, 'b')], [place(20, 'a'), place(21, 'b')]
    group = lambda name: ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)['GroupId']
    [table] = ec2.describe_route_tables(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}])['RouteTables']
    arns = [client('secretsmanager').create_secret(Name=f'countersign/prod/{name}', SecretString=name)['ARN'] for name in SECRETS]
    client('s3').create_bucket(Bucket='files-of-ours', CreateBucketConfiguration={'LocationConstraint': REGION})
    image = ec2.describe_images()['Images'][0]['ImageId']
    return dict(VpcId=vpc, Subnets=','.join(private), LoadBalancerSubnets=','.join(public), UpstreamGroup=group('nginx'),
                ReplayMemoryGroup=group('memory'), RouteTables=table['RouteTableId'], Image=image, ServerKeySecret=arns[0],
                CredentialsSecret=arns[1], ReplayPasswordSecret=arns[2], MoreSecrets=','.join(arns[3:]))


def publish(words):
    """Runs `publish`, which tells what it put where."""
    loader = importlib.machinery.SourceFileLoader('publish', str(HERE / 'publish'))
    program = importlib.util.module_from_spec(importlib.util.spec_from_loader('publish', loader))
    loader.exec_module(program)
    with contextlib.redirect_stderr(io.StringIO()):
        program.main(words)


def publish_settings(bucket):
    with tempfile.TemporaryDirectory() as directory:
        for name in ('gateway.toml', 'clients-ca.pem', 'server.pem'):
            (pathlib.Path(directory) / name).write_text(name)
        words = [NAME, directory, '--region', REGION]
        publish(words + (['--bucket', bucket] if bucket else []))
        for wrong in ('-----BEGIN PRIVATE KEY-----', 'x' * 9000):
            (pathlib.Path(directory) / 'server.pem').write_text(wrong)
            try:
                publish(words)
            except SystemExit as why:
                assert 'server.pem' in str(why), why
                continue
            raise AssertionError('what is no setting is published')


def deploy(around):
    stack = Emulated('template.yaml', **(LEAST | MOST | around))
    text = {key: stack.text[key] for key in ('AWSTemplateFormatVersion', 'Description')}
    text['Resources'] = {name: one for name, one in stack.resources.items() if name not in LEFT_OUT}
    text['Resources']['Group']['DependsOn'].remove('Listener')
    text['Outputs'] = stack.outputs
    client('cloudformation').create_stack(StackName=NAME, TemplateBody=json.dumps(text), Capabilities=['CAPABILITY_IAM'])
    summaries = client('cloudformation').list_stack_resources(StackName=NAME)['StackResourceSummaries']
    made = {one['LogicalResourceId']: one['PhysicalResourceId'] for one in summaries if one['LogicalResourceId']}
    should = {name for name, one in stack.resources.items() if one['Type'] not in NOT_MADE and name not in LEFT_OUT}
    assert set(made) == should, set(made) ^ should
    return made, stack


def look_at_the_groups(made, around):
    groups = {one['GroupId']: one for one in client('ec2').describe_security_groups()['SecurityGroups']}
    lets_in = lambda group: {(pair['GroupId'], rule['FromPort']) for rule in groups[group]['IpPermissions']
                             for pair in rule['UserIdGroupPairs']}
    balancer, gateway = made['LoadBalancerGroup'], made['GatewayGroup']
    assert lets_in(gateway) == {(balancer, 8443), (balancer, 9901)}
    assert not any(rule['IpRanges'] for rule in groups[gateway]['IpPermissions'])
    assert lets_in(around['UpstreamGroup']) == {(gateway, 80)}
    [rule] = groups[balancer]['IpPermissions']
    assert (rule['FromPort'], [one['CidrIp'] for one in rule['IpRanges']]) == (443, ['0.0.0.0/0'])


def look_at_the_machines(made):
    [group] = client('autoscaling').describe_auto_scaling_groups()['AutoScalingGroups']
    assert (group['MinSize'], group['MaxSize'], group['HealthCheckType']) == (2, 6, 'ELB'), group
    assert group['TargetGroupARNs'] == [made['Targets']] and len(group['Instances']) == 2
    [version] = client('ec2').describe_launch_template_versions(LaunchTemplateId=made['Machine'])['LaunchTemplateVersions']
    data = version['LaunchTemplateData']
    assert data['MetadataOptions']['HttpTokens'] == 'required' and data['BlockDeviceMappings'][0]['Ebs']['Encrypted']
    [interface] = data['NetworkInterfaces']
    assert not interface['AssociatePublicIpAddress'] and interface['Groups'][0] == made['GatewayGroup'], interface
    [target] = client('elbv2').describe_target_groups()['TargetGroups']
    assert (target['Protocol'], target['HealthCheckPort'], target['HealthCheckPath']) == ('TCP', '9901', '/readyz')
    logs = {one['logGroupName']: one['retentionInDays'] for one in client('logs').describe_log_groups()['logGroups']}
    assert logs == {f'/countersign/{NAME}/{one}': days for one, days in (('gateway', 365), ('machine', 365), ('metrics', 3))}


def fetch_what_user_data_say(made):
    """As `countersign provision` would; that it does is tried in provision.py."""
    [version] = client('ec2').describe_launch_template_versions(LaunchTemplateId=made['Machine'])['LaunchTemplateVersions']
    data = tomllib.loads(base64.b64decode(version['LaunchTemplateData']['UserData']).decode())
    for file in data['file']:
        content = fetch(file)
        assert content, file
        assert 'GROUP' not in content, f'{file["path"]} is of no stack'
    assert {file['path'] for file in data['file']} == {
        'gateway.toml', 'clients-ca.pem', 'server.pem', 'server.key', 'credentials.toml', 'replay-password',
        'cloudwatch-agent.json', 'cloudwatch-scrape.yml', 'other.key'}


def fetch(file):
    if 's3' in file:
        bucket, key = file['s3'].removeprefix('s3://').split('/', 1)
        return client('s3').get_object(Bucket=bucket, Key=key)['Body'].read().decode()
    if 'ssm' in file:
        return client('ssm').get_parameter(Name=file['ssm'], WithDecryption=True)['Parameter']['Value']
    return client('secretsmanager').get_secret_value(SecretId=file['secrets_manager'])['SecretString']


def look_at_the_endpoints(made):
    endpoints = client('ec2').describe_vpc_endpoints()['VpcEndpoints']
    services = {one['ServiceName'].rsplit('.', 1)[1] for one in endpoints}
    assert services == {'ssm', 'secretsmanager', 'autoscaling', 'logs', 'monitoring', 'ssmmessages', 's3'}, services


def say_the_rest(made, stack):
    """To the API: what the template says of attributes and hooks, which moto makes nothing of."""
    attributes = stack.properties('Targets')['TargetGroupAttributes']
    client('elbv2').modify_target_group_attributes(
        TargetGroupArn=made['Targets'], Attributes=[one | {'Value': str(one['Value'])} for one in attributes])
    group = stack.properties('Group')['AutoScalingGroupName']
    for hook in stack.properties('Group')['LifecycleHookSpecificationList']:
        client('autoscaling').put_lifecycle_hook(AutoScalingGroupName=group, **hook)
    assert len(client('autoscaling').describe_lifecycle_hooks(AutoScalingGroupName=group)['LifecycleHooks']) == 2
    scaling = stack.properties('Scaling') | {'AutoScalingGroupName': group}
    client('autoscaling').put_scaling_policy(PolicyName='scaling', **scaling)
    refresh = stack.resources['Group']['UpdatePolicy']['AutoScalingInstanceRefresh']
    # Not by moto, which knows no refresh: by AWS's description of the call.
    validate('autoscaling', 'StartInstanceRefresh', AutoScalingGroupName=group, **refresh)


def validate(service, operation, **parameters):
    shape = client(service).meta.service_model.operation_model(operation).input_shape
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        raise ParamValidationError(report=report.generate_report())


def say_what_watches():
    stack = watch()
    for one in stack.of_type('AWS::CloudWatch::Alarm').values():
        client('cloudwatch').put_metric_alarm(**one)
    assert len(client('cloudwatch').describe_alarms()['MetricAlarms']) == len(stack.of_type('AWS::CloudWatch::Alarm'))
    client('cloudwatch').put_dashboard(**stack.properties('Dashboard'))


if __name__ == '__main__':
    # It says again what is listed above.
    logging.disable(logging.WARNING)
    os.environ.update(AWS_ACCESS_KEY_ID='nobody', AWS_SECRET_ACCESS_KEY='nothing')
    main()
