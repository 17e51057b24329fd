"""What the stacks cost a month: counts what the templates make, multiplies by prices with sources, and
compares the table in ../../README.md with that. `--write` puts it there."""
import re
import sys
import tomllib

from metrics import asked_by_alarms, shipped
from stack import HERE, USUAL, gateways, memory, watch

RUNBOOK = HERE / '../../README.md'
BENCH = HERE / '../../../benches/compare/cost/prices.toml'
# For the metrics that have a dimension of their own: how many of its values an ordinary month sees.
VALUES = {'status': 8, 'code': 10, 'result': 4, 'reason': 6, 'answer': 2}
# A request a second for a month, as the log has it: some 700 bytes with what the journal adds.
REQUESTS, LINE = 2.63e6, 700
# Of an instance, with detailed monitoring.
DETAILED = 7


def series():
    """How many metrics CloudWatch counts."""
    dimensions = [one for sets in shipped().values() for one in sets]
    return sum(max([VALUES[label] for label in one if label != 'group'], default=1) for one in dimensions)


def rows():
    ours = tomllib.loads((HERE / 'prices.toml').read_text())
    bench = tomllib.loads(BENCH.read_text())
    hours = bench['hours_a_month']
    stack, watching = gateways(**USUAL), watch()
    count = int(stack.properties('Group')['MinSize'])
    wanted = stack.properties('Machine')['LaunchTemplateData']
    [machine] = [one for one in bench['instance'] if one['name'] == wanted['InstanceType']]
    disk = wanted['BlockDeviceMappings'][0]['Ebs']['VolumeSize']
    looked_at = sum(1 for _ in asked_by_alarms(watching)) + 6
    secrets = sum(1 for name in ('ServerKeySecret', 'CredentialsSecret') if stack.parameters[name])
    nodes = memory().properties('Memory')['NumCacheClusters']
    endpoints, zones = len(every_endpoint()), 2
    gigabytes = REQUESTS * LINE / 1e9
    yield row(f'{count} machines, {machine["name"]}', count * hours, 'hours', machine['hour'], machine)
    yield row(f'{count} volumes of {disk} GB', count * disk, 'GB', bench['disk']['gigabyte'], bench['disk'])
    yield row('load balancer', hours, 'hours', bench['nlb']['hour'], bench['nlb'])
    yield row('one of its capacity units', hours, 'hours', bench['nlb']['unit_hour'], bench['nlb'])
    yield row('detailed monitoring', count * DETAILED, 'metrics', ours['metric']['month'], ours['metric'])
    yield row("the agent's metrics", series(), 'metrics', ours['metric']['month'], ours['metric'])
    yield row('alarms', looked_at, 'metrics', ours['alarm']['month'], ours['alarm'])
    yield row('dashboard', 1, '', ours['dashboard']['month'], ours['dashboard'])
    yield row('secrets', secrets, '', ours['secret']['month'], ours['secret'])
    yield None
    yield row('log of a request a second', round(gigabytes, 2), 'GB', ours['log']['gigabyte'], ours['log'])
    yield row(f'`MakeEndpoints`, {endpoints} in {zones} zones', endpoints * zones * hours, 'hours', bench['endpoint']['hour'], bench['endpoint'])
    yield row(f'`replay-memory.yaml`, {nodes} nodes', nodes * hours, 'hours', ours['memory_node']['hour'], ours['memory_node'])
    yield row('`KmsKey`', 1, '', ours['key']['month'], ours['key'])
    yield row('a NAT gateway, in place of endpoints', hours, 'hours', ours['nat_gateway']['hour'], ours['nat_gateway'])


def every_endpoint():
    made = gateways(**USUAL, MakeEndpoints='yes').of_type('AWS::EC2::VPCEndpoint')
    return [one for one in made.values() if one['VpcEndpointType'] == 'Interface']


def row(what, amount, unit, price, source):
    return what, amount, unit, price, amount * price, source['verified']


def table():
    lines = ['| | amount | price | a month |', '|---|---:|---:|---:|']
    total = 0.0
    for one in rows():
        if one is None:
            lines.append(f'| **the usual stack, idle** | | | **${total:.2f}** |')
            continue
        what, amount, unit, price, dollars, verified = one
        total += dollars
        mark = '' if verified else ' ¹'
        lines.append(f'| {what} | {amount:,} {unit}'.rstrip() + f' | ${price:g}{mark} | ${dollars:.2f} |')
    return '\n'.join(lines)


def main():
    runbook = RUNBOOK.read_text()
    made = table()
    [there] = re.findall(r'^\| \| amount .*?(?=\n\n)', runbook, re.MULTILINE | re.DOTALL)
    if '--write' in sys.argv:
        RUNBOOK.write_text(runbook.replace(there, made))
    else:
        assert there == made, f'deploy/README.md has another table of costs; cost.py --write puts this there:\n{made}'
    print('costs are as they are told')


if __name__ == '__main__':
    main()
