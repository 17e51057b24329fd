"""Deploys the template into moto, an emulator of AWS that others wrote, looks at what was made of
it. What moto does not make is listed here and in README.md; when it makes more, or less, this
fails. It cannot tear the stack down: it does not know in which order."""
import ast
import base64
import io
import logging
import os
import pathlib
import re
import subprocess
import zipfile

import boto3
import yaml
from moto import mock_aws

HERE = pathlib.Path(__file__).resolve().parent
FUNCTIONS = HERE / '../../../benches/local-lambda/functions'
STACK, BUCKET, REGION = 'countersign-bench', 'archives-of-the-bench', 'us-east-1'

# moto takes every load balancer for an ALB, and so no listener of TCP.
LEFT_OUT = {'NlbListener'}
# moto says nothing of them and makes none.
NOT_MADE = {
    'AWS::ApiGateway::Stage', 'AWS::ApiGateway::VpcLink', 'AWS::ApiGatewayV2::Api',
    'AWS::ApiGatewayV2::Integration', 'AWS::ApiGatewayV2::Route', 'AWS::ApiGatewayV2::Stage',
    'AWS::ApiGatewayV2::VpcLink',
}


def main():
    with mock_aws():
        put_the_relay()
        declared = deploy()
        made = what_was_made(declared)
        look_at_the_network(made)
        look_at_the_boxes(made)
        look_at_the_functions(made)
        look_at_the_rest_apis(made)
        look_at_the_outputs(declared)
    readme = (HERE / 'README.md').read_text()
    for told in (f'each of the {len(declared) + len(LEFT_OUT)} resources', f'makes {len(made)} of the resources'):
        assert told in readme, f'README.md does not say: {told}'
    print(f'moto made {len(made)} of {len(declared) + len(LEFT_OUT)} resources')


def client(service):
    return boto3.client(service, region_name=REGION)


def put_the_relay():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, 'w') as relay:
        for name in ('relay.py', 'request.py'):
            relay.write(FUNCTIONS / name, name)
    client('s3').create_bucket(Bucket=BUCKET)
    client('s3').put_object(Bucket=BUCKET, Key='relay.zip', Body=archive.getvalue())


def deploy():
    """The resources that the template declares, by name, with their types."""
    text = (HERE / 'template.yaml').read_text()
    declared = {name: one['Type'] for name, one in read(text)['Resources'].items()}
    for name in LEFT_OUT:
        assert declared.pop(name), f'{name} is left out here and is not in the template'
        text = re.sub(rf'^  {name}:\n(?:    .*\n|\n(?=    ))*', '', text, flags=re.MULTILINE)
    assert set(read(text)['Resources']) == set(declared)
    client('cloudformation').create_stack(
        StackName=STACK, TemplateBody=text, Capabilities=['CAPABILITY_IAM'],
        Parameters=[{'ParameterKey': 'Bucket', 'ParameterValue': BUCKET}])
    return declared


def read(text):
    loader = type('Loader', (yaml.SafeLoader,), {})
    loader.add_multi_constructor('!', lambda loader, tag, node: (tag, node.value))
    return yaml.load(text, loader)


def what_was_made(declared):
    """The ids of what was made, by name."""
    pages = client('cloudformation').get_paginator('list_stack_resources').paginate(StackName=STACK)
    summaries = [one for page in pages for one in page['StackResourceSummaries']]
    # What was not made has a line without a name.
    made = {one['LogicalResourceId']: one['PhysicalResourceId'] for one in summaries
            if one['LogicalResourceId']}
    should = {name for name, kind in declared.items() if kind not in NOT_MADE}
    assert set(made) == should, set(made) ^ should
    return made


def look_at_the_network(made):
    ec2 = client('ec2')
    subnets = {one['SubnetId']: one for one in ec2.describe_subnets()['Subnets']}
    zones = {name: subnets[made[name]]['AvailabilityZone']
             for name in ('PublicSubnet', 'PrivateSubnet', 'OtherPrivateSubnet')}
    assert zones['PublicSubnet'] == zones['PrivateSubnet'] != zones['OtherPrivateSubnet'], zones
    tables = {one['RouteTableId']: one for one in ec2.describe_route_tables()['RouteTables']}
    reaches = lambda name: {one.get('DestinationCidrBlock') for one in tables[made[name]]['Routes']}
    assert '0.0.0.0/0' in reaches('PublicRoutes')
    assert '0.0.0.0/0' not in reaches('PrivateRoutes'), 'what is private reaches the internet'
    endpoints = {one['VpcEndpointId']: one for one in ec2.describe_vpc_endpoints()['VpcEndpoints']}
    assert endpoints[made['S3Endpoint']]['RouteTableIds'] == [made['PrivateRoutes']]
    groups = {one['GroupId']: one for one in ec2.describe_security_groups()['SecurityGroups']}
    by_name = {name: groups[made[name]] for name in made if name.endswith('Group')}
    for name, group in by_name.items():
        for rule in group['IpPermissions']:
            assert not rule['IpRanges'] and not rule['Ipv6Ranges'], f'{name} lets addresses in'
            assert rule['FromPort'] != 22, f'{name} lets SSH in'
    assert not by_name['LoadGroup']['IpPermissions'], 'the load box lets somebody in'
    lets_in = {pair['GroupId'] for rule in by_name['NginxGroup']['IpPermissions']
               for pair in rule['UserIdGroupPairs']}
    assert lets_in == {made[name] for name in (
        'LoadGroup', 'AlbGroup', 'NlbGroup', 'GatewayGroup', 'RelayGroup')}


def look_at_the_boxes(made):
    ec2 = client('ec2')
    found = ec2.describe_instances()['Reservations']
    boxes = {one['InstanceId']: one for each in found for one in each['Instances']}
    assert set(boxes) == {made[name] for name in ('Nginx', 'Gateway', 'Load')}
    for name, address in (('Nginx', '10.80.10.10'), ('Gateway', '10.80.10.11')):
        box = boxes[made[name]]
        assert (box['PrivateIpAddress'], box['SubnetId']) == (address, made['PrivateSubnet']), box
    for box in boxes:
        script = ec2.describe_instance_attribute(InstanceId=box, Attribute='userData')['UserData']['Value']
        script = base64.b64decode(script).decode()
        assert script.startswith('#!/bin/bash') and '${' not in script, script
        subprocess.run(['bash', '-n'], input=script, text=True, check=True)
    [template] = ec2.describe_launch_template_versions(
        LaunchTemplateId=made['Box'])['LaunchTemplateVersions']
    data = template['LaunchTemplateData']
    assert data['MetadataOptions']['HttpTokens'] == 'required', data
    assert all(one['Ebs']['Encrypted'] for one in data['BlockDeviceMappings']), data
    iam = client('iam')
    for role, archive in (('NginxRole', 'nginx'), ('GatewayRole', 'gateway'), ('LoadRole', 'load')):
        [name] = iam.list_role_policies(RoleName=made[role])['PolicyNames']
        document = iam.get_role_policy(RoleName=made[role], PolicyName=name)['PolicyDocument']
        # moto keeps what CloudFormation brings as Python would write it.
        statements = ast.literal_eval(document)['Statement']
        reads = [one['Resource'] for one in statements if one['Action'] == 's3:GetObject']
        assert reads == [f'arn:aws:s3:::{BUCKET}/{archive}.tar.gz'], reads
        assert all(one['Resource'] != '*' and one['Action'] != '*' for one in statements), statements


def look_at_the_functions(made):
    functions = {one['FunctionName']: one for one in client('lambda').list_functions()['Functions']}
    assert set(functions) == {f'{STACK}-relay-{size}' for size in (128, 512, 1024)}
    for name, function in functions.items():
        assert function['MemorySize'] == int(name.rsplit('-', 1)[1]), function
        assert function['Environment']['Variables'] == {'BACKEND': '10.80.10.10:80'}, function
        assert set(function['VpcConfig']['SubnetIds']) == {
            made['PrivateSubnet'], made['OtherPrivateSubnet']}, function
    [group] = client('logs').describe_log_groups()['logGroups']
    assert group['retentionInDays'] == 7, group


def look_at_the_rest_apis(made):
    api = client('apigateway')
    for rest, kind, uri in (
            ('RestHttp', 'HTTP_PROXY', r'http://.+\.elb\.amazonaws\.com/(\{proxy\})?$'),
            ('RestLambda', 'AWS_PROXY', r'arn:.+function:\$\{stageVariables\.function\}/invocations$')):
        resources = api.get_resources(restApiId=made[rest])['items']
        assert {one['path'] for one in resources} == {'/', '/{proxy+}'}, resources
        for one in resources:
            # What else one could ask for is nobody's.
            assert set(one['resourceMethods']) == {'GET'}, one
            found = api.get_integration(restApiId=made[rest], resourceId=one['id'], httpMethod='GET')
            assert found['type'] == kind and re.match(uri, found['uri']), found
        assert len(api.get_deployments(restApiId=made[rest])['items']) == 1


def look_at_the_outputs(declared):
    [stack] = client('cloudformation').describe_stacks(StackName=STACK)['Stacks']
    outputs = {one['OutputKey']: one['OutputValue'] for one in stack['Outputs']}
    assert outputs['Direct'] == 'http://10.80.10.10', outputs
    assert outputs['GatewayMtls'] == 'https://10.80.10.11:8444', outputs
    for name, value in outputs.items():
        # What moto has not made has no id to stand in an address.
        left = set(re.findall(r'\$\{(\w+)\}', value))
        assert all(declared[one] in NOT_MADE for one in left), (name, value)


if __name__ == '__main__':
    # It says again what is listed above.
    logging.disable(logging.WARNING)
    os.environ.update(AWS_ACCESS_KEY_ID='nobody', AWS_SECRET_ACCESS_KEY='nothing')
    main()
