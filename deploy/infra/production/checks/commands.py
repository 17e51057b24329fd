"""Whether AWS's CLI would understand every command of the documents: holds each `aws …` against
AWS's own descriptions of its services in botocore, and what a stack is given against its template."""
import re
import shlex

import botocore.session
from botocore import xform_name

from stack import HERE, read

DOCUMENTS = [HERE / '../../README.md', HERE / 'README.md', HERE / '../../image/README.md', HERE / '../bench/README.md']
GLOBAL = {'--query', '--output', '--region', '--profile', '--no-cli-pager'}
# What is the CLI's own, and no service's.
CUSTOM = {
    ('cloudformation', 'deploy'): {'--stack-name', '--template-file', '--parameter-overrides', '--capabilities', '--tags',
                                   '--no-execute-changeset', '--no-fail-on-empty-changeset'},
    ('logs', 'tail'): {'--follow', '--since', '--format', '--filter-pattern'},
    ('s3', 'cp'): {'--recursive'}, ('s3', 'presign'): {'--expires-in'}, ('s3', 'mb'): set(), ('s3', 'rb'): {'--force'},
}
# Templates that a document has deployed: whoever deploys again names only what changes.
DEPLOYED = set()
SESSION = botocore.session.get_session()
CLIENTS = {}


def client(service):
    if service not in CLIENTS:
        CLIENTS[service] = SESSION.create_client(service, region_name='eu-central-1', aws_access_key_id='-', aws_secret_access_key='-')
    return CLIENTS[service]


def commands(text):
    """Each command, whole, from blocks of code and from within others: `$(aws …)`."""
    text = re.sub(r'\\\n\s*', ' ', text)
    for line in text.splitlines():
        if line.startswith('    ') or '`aws ' in line:
            for found in re.finditer(r'(?:^\s+|\$\(|`|\| )(aws [^\n]*)', line):
                yield cut(found[1])


def cut(words):
    """Up to the end of a substitution or quotation that the command stands in."""
    depth = 0
    for at, letter in enumerate(words):
        depth += (letter == '(') - (letter == ')')
        if depth < 0 or letter == '`' or (letter in '|#>' and words[at - 1] == ' ' and words[:at].count("'") % 2 == 0):
            return words[:at]
    return words


def judge(command):
    # What a shell would put in there has no spaces in it.
    flat = re.sub(r'\$\([^()]*(\([^()]*\)[^()]*)*\)', 'VALUE', command)
    words = shlex.split(flat)
    service, operation, rest = words[1], words[2], words[3:]
    flags = [word.split('=', 1)[0] for word in rest if word.startswith('--')]
    if (service, operation) in CUSTOM:
        unknown = set(flags) - CUSTOM[service, operation] - GLOBAL
        assert not unknown, unknown
        if operation == 'deploy':
            stack_is_given_what_it_takes(rest)
        return
    if operation == 'wait':
        return flags_are_members(service, waiter_operation(service, rest[0]), flags)
    methods = {xform_name(name, '-'): name for name in client(service).meta.service_model.operation_names}
    assert operation in methods, f'{service} has no {operation}'
    flags_are_members(service, methods[operation], flags)


def waiter_operation(service, waiter):
    model = SESSION.get_waiter_model(service)
    names = {xform_name(name, '-'): name for name in model.waiter_names}
    assert waiter in names, f'{service} has no waiter {waiter}'
    return model.get_waiter(names[waiter]).operation


def flags_are_members(service, method, flags):
    shape = client(service).meta.service_model.operation_model(method).input_shape
    members = {'--' + xform_name(name, '-'): one for name, one in shape.members.items()} if shape else {}
    off = {flag.replace('--', '--no-', 1) for flag, one in members.items() if one.type_name == 'boolean'}
    unknown = set(flags) - set(members) - off - GLOBAL
    assert not unknown, f'{method} knows no {unknown}'
    needed = {'--' + xform_name(name, '-') for name in (shape.required_members if shape else [])}
    assert needed <= set(flags), f'{method} needs {needed - set(flags)}'


def stack_is_given_what_it_takes(rest):
    file = rest[rest.index('--template-file') + 1]
    parameters = read((HERE / '../../..' / file).read_text())['Parameters']
    given = re.findall(r'^(\w+)=', '\n'.join(rest), re.MULTILINE)
    given = [one for one in given if one[0].isupper() or one in parameters]
    assert set(given) <= set(parameters), f'{file} knows no {set(given) - set(parameters)}'
    missing = {name for name, one in parameters.items() if 'Default' not in one} - set(given)
    assert not missing or file in DEPLOYED, f'{file} needs {missing}'
    DEPLOYED.add(file)


def main():
    seen = 0
    for document in DOCUMENTS:
        for command in commands(document.read_text()):
            try:
                judge(command)
            except (AssertionError, KeyError, ValueError, IndexError) as why:
                raise SystemExit(f'{document.resolve()}: {command}\n{type(why).__name__}: {why}') from why
            seen += 1
    assert seen > 20, f'only {seen} commands were found'
    print(f'{seen} commands are understood')


if __name__ == '__main__':
    main()
