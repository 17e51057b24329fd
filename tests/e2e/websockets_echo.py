"""A WebSocket server that says what it hears, and a caller who checks that: Python's websockets.

    websockets_echo.py server PORT
    websockets_echo.py caller URL DIRECTORY     the directory has ca.pem, billing.pem and billing.key

The caller talks until its standard input ends, and then prints how often it heard what it had said.
"""
import asyncio
import ssl
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def server(port):
    async with serve(echo, "127.0.0.1", port):
        await asyncio.Future()


async def caller(url, directory):
    context = ssl.create_default_context(cafile=f"{directory}/ca.pem")
    context.load_cert_chain(f"{directory}/billing.pem", f"{directory}/billing.key")
    told = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    count = 0
    async with connect(url, ssl=context) as socket:
        while not told.done():
            await socket.send(f"message {count}")
            if await socket.recv() != f"message {count}":
                break
            count += 1
            if count == 1:
                print("talking", flush=True)
            await asyncio.sleep(0.005)
    print(f"{count} heard", flush=True)


if sys.argv[1] == "server":
    asyncio.run(server(int(sys.argv[2])))
else:
    asyncio.run(caller(*sys.argv[2:]))
