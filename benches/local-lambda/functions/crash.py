"""Raises, as a handler with a fault in it does."""


class Crash(Exception):
    pass


def handler(event, context):
    raise Crash('on purpose')
