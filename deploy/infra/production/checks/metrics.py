"""Whether alarms and dashboard ask for metrics that CloudWatch's agent ships, with the dimensions that
it ships them with. That a gateway has them is a test of its own, tests/e2e/observability/cloudwatch.rs."""
import json
import re
import sys

from stack import HERE, NAME, watch

OBSERVABILITY = HERE / '../../observability'
# Of the machine: the agent's own, of which each is kept as the sum over `group` alone.
OF_THE_MACHINE = {'mem': 'mem_used_percent', 'disk': 'disk_used_percent'}


def shipped():
    """The names that the agent ships, each with the sets of its dimensions."""
    config = json.loads((OBSERVABILITY / 'cloudwatch-agent.json').read_text())
    metrics = {}
    prometheus = config['logs']['metrics_collected']['prometheus']
    emf = prometheus['emf_processor']
    assert emf['metric_namespace'] == config['metrics']['namespace'] == 'Countersign'
    for declared in emf['metric_declaration']:
        for selector in declared['metric_selectors']:
            name = re.fullmatch(r'\^(\w+)\$', selector)[1]
            assert name not in metrics, f'{name} is declared twice'
            metrics[name] = {frozenset(one) for one in declared['dimensions']}
    assert config['metrics']['aggregation_dimensions'] == [['group']]
    for plugin, name in OF_THE_MACHINE.items():
        one = config['metrics']['metrics_collected'][plugin]
        assert one['measurement'] == [name] and 'group' in one['append_dimensions'], plugin
        metrics[name] = {frozenset(['group'])}
    return metrics


def asked_by_alarms(stack):
    for alarm in stack.of_type('AWS::CloudWatch::Alarm').values():
        for one in alarm.get('Metrics', []):
            metric = one.get('MetricStat', {}).get('Metric')
            if metric and metric['Namespace'] == 'Countersign':
                dimensions = {pair['Name']: pair['Value'] for pair in metric['Dimensions']}
                assert dimensions['group'] == NAME, metric
                yield metric['MetricName'], frozenset(dimensions)


def asked_by_the_dashboard(stack):
    [dashboard] = stack.of_type('AWS::CloudWatch::Dashboard').values()
    taken = set()
    for widget in json.loads(dashboard['DashboardBody'])['widgets']:
        for x in range(widget['x'], widget['x'] + widget['width']):
            for y in range(widget['y'], widget['y'] + widget['height']):
                assert x < 24 and (x, y) not in taken, widget['properties']['title']
                taken.add((x, y))
        for line in widget['properties'].get('metrics', []):
            if isinstance(line[0], dict):
                found = re.search(r"\{Countersign,([\w,]+)\} MetricName=\"(\w+)\" group=\"prod\"", line[0]['expression'])
                if found:
                    yield found[2], frozenset(found[1].split(','))
            elif line[0] == 'Countersign':
                yield line[1], frozenset(line[2:-1:2])


def ids_are_used(stack):
    for name, alarm in stack.of_type('AWS::CloudWatch::Alarm').items():
        if 'Metrics' in alarm:
            [judged] = [one['Expression'] for one in alarm['Metrics'] if 'Expression' in one]
            words = set(re.findall(r'\b[a-z]\w*\b', judged))
            given = {one['Id'] for one in alarm['Metrics']} - {'judged'}
            assert words == given, f'{name}: {words ^ given}'
            assert len(alarm['Metrics']) <= 10, name


def main():
    stack, metrics = watch(), shipped()
    asked = list(asked_by_alarms(stack)) + list(asked_by_the_dashboard(stack))
    for name, dimensions in asked:
        assert dimensions in metrics.get(name, ()), f'{name} by {set(dimensions)} is not shipped'
    # What nobody looks at is shipped for nothing, and costs.
    idle = {(name, one) for name, sets in metrics.items() for one in sets} - set(asked)
    assert not idle, f'nobody asks for {idle}'
    ids_are_used(stack)
    if '--list' in sys.argv:
        print('\n'.join(sorted(name for name in metrics if name not in OF_THE_MACHINE.values())))
    else:
        print(f'{len(metrics)} metrics are shipped, and {len(set(asked))} sets of dimensions asked for')


if __name__ == '__main__':
    main()
