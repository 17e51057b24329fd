"""What must be true of the stacks, and no linter knows: who lets in whom, what a role may, what user
data say, and that the seconds by which a machine comes and goes add up."""
import re
import tomllib

from stack import BARE, HERE, LEAST, MOST, USUAL, gateways, memory, user_data

UNITS = HERE / '../../package/countersign.service'
# AWS's actions that know no resource. What else may be `*` is a mistake.
WITHOUT_RESOURCE = {
    'cloudwatch:PutMetricData', 'ssm:UpdateInstanceInformation', 'ssmmessages:CreateControlChannel',
    'ssmmessages:CreateDataChannel', 'ssmmessages:OpenControlChannel', 'ssmmessages:OpenDataChannel',
}
EVERYBODY = '0.0.0.0/0'


def nobody_is_let_in_but_by_the_load_balancer(stack):
    for name, group in stack.of_type('AWS::EC2::SecurityGroup').items():
        for rule in group.get('SecurityGroupIngress', []):
            opens = rule.get('CidrIp') == EVERYBODY or 'CidrIpv6' in rule
            assert not opens or name == 'LoadBalancerGroup', f'{name} lets everybody in'
            assert rule['IpProtocol'] == 'tcp' and rule['FromPort'] == rule['ToPort'] != 22, rule
        assert group['SecurityGroupEgress'], f'{name} lets everything out'
    if 'GatewayGroup' in stack.resources:
        rules = stack.properties('GatewayGroup')['SecurityGroupIngress']
        assert {rule['FromPort'] for rule in rules} == {8443, 9901}
        assert all(rule['SourceSecurityGroupId'] == '<LoadBalancerGroup>' for rule in rules), rules


def gateways_leave_by_what_was_named(stack):
    rules = stack.properties('GatewayGroup')['SecurityGroupEgress']
    rules = rules + [one for one in stack.of_type('AWS::EC2::SecurityGroupEgress').values()
                     if one['GroupId'] == '<GatewayGroup>']
    to = {(rule.get('CidrIp') or rule.get('DestinationSecurityGroupId') or rule['DestinationPrefixListId'], rule['FromPort'])
          for rule in rules}
    always = {('sg-00a', 80), ('10.20.0.0/16', 443)}
    outside = {(EVERYBODY, 443), (EVERYBODY, 80)} if stack.parameters['Outside'] == 'yes' else set()
    assert to == always | outside, to
    [into_nginx] = stack.of_type('AWS::EC2::SecurityGroupIngress').values()
    assert (into_nginx['GroupId'], into_nginx['SourceSecurityGroupId']) == ('sg-00a', '<GatewayGroup>')


def a_machine_may_do_what_is_named(stack):
    [policy] = stack.properties('Role')['Policies']
    assert 'ManagedPolicyArns' not in stack.properties('Role')
    may = {}
    for one in policy['PolicyDocument']['Statement']:
        actions = one['Action'] if isinstance(one['Action'], list) else [one['Action']]
        resources = one['Resource'] if isinstance(one['Resource'], list) else [one['Resource']]
        for action in actions:
            assert '*' not in action, action
            may.setdefault(action, set()).update(resources)
            if '*' in resources:
                assert action in WITHOUT_RESOURCE, f'{action} of everything'
    assert may['autoscaling:CompleteLifecycleAction'] == {
        'arn:aws:autoscaling:eu-central-1:123456789012:autoScalingGroup:*:autoScalingGroupName/prod-gateways'}
    return may


def user_data_are_the_contract(stack, may):
    """What the machine is told to fetch, it may fetch, and nothing else."""
    text = user_data(stack)
    assert len(text) <= 16 * 1024 and '<' not in text and '${' not in text, text
    data = tomllib.loads(text)
    assert data['signal'] == {'auto_scaling_group': 'prod-gateways', 'lifecycle_hook': 'launch'}
    hooks = stack.properties('Group')['LifecycleHookSpecificationList']
    assert data['signal']['lifecycle_hook'] in {hook['LifecycleHookName'] for hook in hooks}
    assert stack.properties('Group')['AutoScalingGroupName'] == data['signal']['auto_scaling_group']
    files = {one.pop('path'): one for one in data['file']}
    assert len(files) == len(data['file']) and 'gateway.toml' in files, files
    for path, source in files.items():
        secret = source.pop('secret', False)
        [(kind, where)] = source.items()
        assert kind in {'ssm', 'secrets_manager', 's3'} and not path.startswith('/') and '..' not in path, path
        assert secret == (kind == 'secrets_manager'), f'{path} is a secret, or is none'
        may_be_read(kind, where, may)
    return set(files)


def may_be_read(kind, where, may):
    if kind == 'ssm':
        wanted = f'arn:aws:ssm:eu-central-1:123456789012:parameter{where}'
        assert wanted in may['ssm:GetParameter'], where
    elif kind == 's3':
        [prefix] = may['s3:GetObject']
        assert where.replace('s3://', 'arn:aws:s3:::', 1).startswith(prefix.removesuffix('*')), where
    else:
        assert any(where in one for one in may['secretsmanager:GetSecretValue']), where


def a_machine_is_kept_as_it_should_be(stack):
    machine = stack.properties('Machine')['LaunchTemplateData']
    assert machine['MetadataOptions']['HttpTokens'] == 'required'
    assert machine['MetadataOptions']['HttpPutResponseHopLimit'] == 1
    [interface] = machine['NetworkInterfaces']
    assert interface['AssociatePublicIpAddress'] is False and 'KeyName' not in machine
    assert all(one['Ebs']['Encrypted'] for one in machine['BlockDeviceMappings'])


def tls_and_addresses_pass_through(stack):
    assert stack.properties('LoadBalancer')['Type'] == 'network'
    assert stack.properties('Listener')['Protocol'] == 'TCP' and 'Certificates' not in stack.properties('Listener')
    targets = stack.properties('Targets')
    attributes = {one['Key']: one['Value'] for one in targets['TargetGroupAttributes']}
    assert attributes['proxy_protocol_v2.enabled'] == 'true'
    assert attributes['preserve_client_ip.enabled'] == 'false'
    asked = (targets['HealthCheckProtocol'], targets['HealthCheckPort'], targets['HealthCheckPath'])
    assert asked == ('HTTP', '9901', '/readyz') and targets['Matcher'] == {'HttpCode': '200'}
    return int(attributes['deregistration_delay.timeout_seconds'])


def seconds_add_up(stack, deregistration):
    """How a machine goes: the load balancer stops sending, the hook ends, the shutdown drains."""
    hooks = {one['LifecycleTransition'].rsplit('_', 1)[1]: one
             for one in stack.properties('Group')['LifecycleHookSpecificationList']}
    leave, come = hooks['TERMINATING'], hooks['LAUNCHING']
    assert (leave['DefaultResult'], come['DefaultResult']) == ('CONTINUE', 'ABANDON')
    # A load balancer takes its time to notice: as long again is left for it.
    assert leave['HeartbeatTimeout'] >= 2 * deregistration, 'the machine ends while it is still sent to'
    unit = UNITS.read_text()
    stop = int(re.search(r'^TimeoutStopSec=(\d+)$', unit, re.MULTILINE)[1])
    settings = (HERE / '../../../config/README.md').read_text()
    default = lambda key: int(re.search(rf'^\| `{key}` \| [^|]+ \| (\d+) \|', settings, re.MULTILINE)[1])
    grace, drain = default('drain_grace_secs'), default('drain_timeout_secs')
    assert grace <= drain < stop, (grace, drain, stop)
    # Two fetches that fail, the gateway's start, and the patience of `countersign provision signal`.
    assert come['HeartbeatTimeout'] >= 2 * (120 + 15) + 300, 'a slow start is given up'
    group = stack.properties('Group')
    refresh = stack.resources['Group']['UpdatePolicy']['AutoScalingInstanceRefresh']['Preferences']
    assert refresh['InstanceWarmup'] == group['DefaultInstanceWarmup']
    assert refresh['MinHealthyPercentage'] == 100 < refresh['MaxHealthyPercentage']
    # Two checks by the load balancer, and as much again.
    targets = stack.properties('Targets')
    seen = targets['HealthCheckIntervalSeconds'] * targets['HealthyThresholdCount']
    assert group['HealthCheckGracePeriod'] >= 2 * seen
    return {'leave': leave['HeartbeatTimeout'], 'deregistration': deregistration, 'grace': grace, 'drain': drain,
            'stop': stop, 'come': come['HeartbeatTimeout']}


def the_configuration_fits(stack, stop):
    """That which ships, with the ports of the stack and the seconds of the unit."""
    config = tomllib.loads((HERE / 'gateway.toml').read_text())
    [listener] = config['listener']
    assert listener['address'] == f'0.0.0.0:{stack.parameters["GatewayPort"]}' and 'proxy_protocol' in listener
    assert config['admin']['address'] == f'0.0.0.0:{stack.parameters["AdminPort"]}'
    gateway = config['gateway']
    assert gateway['drain_grace_secs'] <= gateway['drain_timeout_secs'] < stop
    scraped = (HERE / '../../observability/cloudwatch-scrape.yml').read_text()
    assert f'"127.0.0.1:{stack.parameters["AdminPort"]}"' in scraped


def refreshes_stop_at_alarms_that_exist():
    usual, urgent = gateways(**USUAL), gateways(**USUAL, Guarded='no')
    preferences = lambda stack: stack.resources['Group']['UpdatePolicy']['AutoScalingInstanceRefresh']['Preferences']
    names = {one['AlarmName'] for one in usual.of_type('AWS::CloudWatch::Alarm').values()}
    assert set(preferences(usual)['AlarmSpecification']['Alarms']) == names
    assert 'AlarmSpecification' not in preferences(urgent)


def mistakes_are_refused():
    for wrong in (dict(Callers=EVERYBODY), dict(FilesBucket='ours'), dict(UpstreamGroup='sg-00a', ServerKeySecret='a"b')):
        try:
            gateways(**(USUAL | wrong))
        except (ValueError, AssertionError):
            continue
        raise AssertionError(f'{wrong} is taken')


def main():
    for parameters in (LEAST, USUAL, MOST, BARE):
        stack = gateways(**parameters)
        nobody_is_let_in_but_by_the_load_balancer(stack)
        gateways_leave_by_what_was_named(stack)
        may = a_machine_may_do_what_is_named(stack)
        files = user_data_are_the_contract(stack, may)
        a_machine_is_kept_as_it_should_be(stack)
        seconds = seconds_add_up(stack, tls_and_addresses_pass_through(stack))
    assert files == {'gateway.toml'}, files
    assert not any(action.startswith(('logs:', 'cloudwatch:')) for action in may), 'without an agent nothing is written'
    the_configuration_fits(stack, seconds['stop'])
    refreshes_stop_at_alarms_that_exist()
    mistakes_are_refused()
    nobody_is_let_in_but_by_the_load_balancer(memory())
    readme = (HERE / 'README.md').read_text()
    for told in (f'{seconds["deregistration"]} s', f'{seconds["leave"]} s', f'{seconds["come"]} s', f'{seconds["stop"]} s'):
        assert told in readme, f'README.md does not say {told}'
    print('the stacks are as they should be:', seconds)


if __name__ == '__main__':
    main()
