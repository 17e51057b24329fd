"""Reads a template of CloudFormation and works out what it says for given parameters. In: the file,
values of parameters, and exports of other stacks. Out: its resources and outputs, without conditions
and functions; what only AWS knows, such as an id, stays as a text: `<Name>` or `<Name.Attribute>`.

An emulator does this, too, but takes what is left out for `None` and knows no condition of conditions."""
import base64
import pathlib
import re

import yaml

HERE = pathlib.Path(__file__).resolve().parent.parent
REGION, ACCOUNT, NAME = 'eu-central-1', '123456789012', 'prod'
PSEUDO = {'AWS::StackName': NAME, 'AWS::Region': REGION, 'AWS::AccountId': ACCOUNT,
          'AWS::Partition': 'aws', 'AWS::StackId': '<AWS::StackId>'}
NO_VALUE = object()


class Stack:
    def __init__(self, file, exports=None, **parameters):
        self.text = read((HERE / file).read_text())
        declared = self.text['Parameters']
        assert set(parameters) <= set(declared), set(parameters) - set(declared)
        missing = {name for name, one in declared.items() if 'Default' not in one} - set(parameters)
        assert not missing, f'{file} needs {missing}'
        self.exports = exports or {}
        self.parameters = {name: one.get('Default') for name, one in declared.items()} | parameters
        for name, one in declared.items():
            holds(name, one, self.parameters[name])
        self.check_rules()
        self.resources = {name: self.work_out({key: one for key, one in resource.items() if key != 'Condition'})
                          for name, resource in self.text['Resources'].items()
                          if self.condition(resource.get('Condition'))}
        self.outputs = self.work_out(self.text.get('Outputs', {}))

    def properties(self, name):
        return self.resources[name]['Properties']

    def of_type(self, kind):
        return {name: one['Properties'] for name, one in self.resources.items() if one['Type'] == kind}

    def check_rules(self):
        for name, rule in self.text.get('Rules', {}).items():
            if self.work_out(rule['RuleCondition']):
                for one in rule['Assertions']:
                    if not self.work_out(one['Assert']):
                        raise ValueError(f'{name}: {one["AssertDescription"]}')

    def condition(self, name):
        return name is None or self.work_out(self.text['Conditions'][name])

    def work_out(self, value):
        if isinstance(value, list):
            return [one for one in map(self.work_out, value) if one is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(key, argument)] = value.items()
            if key in FUNCTIONS:
                return FUNCTIONS[key](self, argument)
        worked_out = {key: self.work_out(one) for key, one in value.items()}
        return {key: one for key, one in worked_out.items() if one is not NO_VALUE}

    def ref(self, name):
        if name == 'AWS::NoValue':
            return NO_VALUE
        if name in self.parameters:
            value, kind = self.parameters[name], self.text['Parameters'][name]['Type']
            is_list = kind.startswith('List<') or kind == 'CommaDelimitedList'
            return str(value).split(',') if is_list else value
        assert name in PSEUDO or name in self.text['Resources'], f'nothing is called {name}'
        return PSEUDO.get(name, f'<{name}>')

    def sub(self, argument):
        text, given = argument if isinstance(argument, list) else (argument, {})
        given = {name: self.work_out(one) for name, one in given.items()}

        def value(match):
            name = match[1]
            if name.startswith('!'):
                return '${' + name[1:] + '}'
            if name in given:
                return str(given[name])
            return self.attribute(name) if '.' in name else str(self.ref(name))
        return re.sub(r'\$\{([^}]+)\}', value, text)

    def attribute(self, name):
        name = name if isinstance(name, str) else '.'.join(name)
        assert name.split('.')[0] in self.text['Resources'], f'nothing is called {name}'
        return f'<{name}>'

    def choose(self, argument):
        condition, yes, no = argument
        return self.work_out(yes if self.condition(condition) else no)

    def find(self, argument):
        found = self.text['Mappings']
        for key in argument:
            found = found[self.work_out(key)]
        return found


def equal(stack, argument):
    one, other = map(stack.work_out, argument)
    return str(one) == str(other)


def join(stack, argument):
    between, parts = argument
    return between.join(map(str, stack.work_out(parts)))


FUNCTIONS = {
    'Ref': lambda stack, name: stack.ref(name),
    'Fn::GetAtt': lambda stack, name: stack.attribute(name),
    'Fn::Sub': Stack.sub, 'Fn::If': Stack.choose, 'Fn::FindInMap': Stack.find, 'Fn::Equals': equal, 'Fn::Join': join,
    'Condition': Stack.condition,
    'Fn::Not': lambda stack, argument: not stack.work_out(argument[0]),
    'Fn::And': lambda stack, argument: all(map(stack.work_out, argument)),
    'Fn::Or': lambda stack, argument: any(map(stack.work_out, argument)),
    'Fn::Base64': lambda stack, one: base64.b64encode(stack.work_out(one).encode()).decode(),
    'Fn::ImportValue': lambda stack, one: stack.exports[stack.work_out(one)],
}


def holds(name, declared, value):
    """Whether a parameter may have this value."""
    allowed, pattern = declared.get('AllowedValues'), declared.get('AllowedPattern')
    assert allowed is None or value in allowed, f'{name} is {value!r}, none of {allowed}'
    assert pattern is None or re.search(pattern, str(value)), f'{name} is {value!r}'


def read(text):
    loader = type('Loader', (yaml.SafeLoader,), {})

    def function(loader, tag, node):
        key = tag if tag in ('Ref', 'Condition') else f'Fn::{tag}'
        if isinstance(node, yaml.ScalarNode):
            return {key: loader.construct_scalar(node)}
        return {key: loader.construct_sequence(node, deep=True)}
    loader.add_multi_constructor('!', function)
    return yaml.load(text, loader)


# ---- Stacks as operators may want them.

SECRET = f'arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:countersign/prod'
LEAST = dict(VpcId='vpc-1', VpcNetwork='10.20.0.0/16', Subnets='subnet-1,subnet-2', LoadBalancerSubnets='subnet-1,subnet-2',
             Callers='10.0.0.0/8', UpstreamGroup='sg-00a', Image='ami-1')
USUAL = LEAST | dict(ServerKeySecret=f'{SECRET}/server-key-AbCdEf', CredentialsSecret=f'{SECRET}/credentials-AbCdEf')
MOST = USUAL | dict(
    LoadBalancerSubnets='subnet-3,subnet-4', Scheme='internet-facing', Callers='0.0.0.0/0', FilesBucket='files-of-ours',
    ReplayPasswordSecret=f'{SECRET}/replay-AbCdEf', ReplayMemoryGroup='sg-00b',
    MoreFiles='[[file]]\npath = "other.key"\nsecrets_manager = "countersign/prod/other"\nsecret = true\n',
    MoreSecrets=f'{SECRET}/other-AbCdEf,{SECRET}/another-AbCdEf',
    KmsKey=f'arn:aws:kms:{REGION}:{ACCOUNT}:key/0e5b5f7e-0000-4000-8000-000000000000', SessionManager='yes', Outside='yes',
    MakeEndpoints='yes', RouteTables='rtb-1', AlarmEmail='operators@example.org', Protect='no', Guarded='no')
BARE = LEAST | dict(Agent='no', TrustsClients='no')


def gateways(**parameters):
    return Stack('template.yaml', **parameters)


def watch():
    exports = {f'{NAME}-{one}': f'<{one}>' for one in ('alarms', 'load-balancer', 'targets')}
    return Stack('watch.yaml', exports, Gateways=NAME)


def memory():
    return Stack('replay-memory.yaml', VpcId='vpc-1', Subnets='subnet-1,subnet-2', PasswordSecret=f'{SECRET}/replay-AbCdEf')


def user_data(stack):
    data = stack.properties('Machine')['LaunchTemplateData']['UserData']
    return base64.b64decode(data).decode()
