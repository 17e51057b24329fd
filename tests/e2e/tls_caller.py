"""Calls as programs do that use Python's own ssl: twice each, the second time with the session of
the first.

Arguments: directory, port. Lines of the input: host, version of TLS, certificate or "-". Prints a
line for each call: "answer STATUS BODY", or "refused WHY".
"""
import socket
import ssl
import sys

directory, port = sys.argv[1], int(sys.argv[2])
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def context_for(version, certificate):
    context = ssl.create_default_context(cafile=f"{directory}/ca.pem")
    context.minimum_version = context.maximum_version = VERSIONS[version]
    if certificate != "-":
        context.load_cert_chain(f"{directory}/{certificate}.pem", f"{directory}/{certificate}.key")
    return context


def call(context, host, session):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname=host, session=session) as stream:
            request = f"GET /certified HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            stream.sendall(request.encode())
            answer = b"".join(iter(lambda: stream.recv(65536), b"")).decode()
            head, body = answer.split("\r\n\r\n", 1)
            return f"answer {head.split()[1]} {body}", stream.session


for line in sys.stdin:
    host, version, certificate = line.split()
    context, session = context_for(version, certificate), None
    for _ in range(2):
        try:
            said, session = call(context, host, session)
        except Exception as why:
            said = f"refused {why!r}"
        print(said)
