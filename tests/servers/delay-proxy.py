#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP with a longer way: what a client sends arrives --ms later, in order.

    delay-proxy.py --ready-file FILE --upstream HOST:PORT --ms N

Answers come back at once, so N is what one request and its answer take longer;
a TLS 1.2 handshake takes two of them. Writes its port to the ready file and
runs until it is ended.
"""
import argparse
import asyncio

from relay import announce


async def pump(source, target, seconds):
    """The delay of one piece is not the next one's: they travel together."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue()

    async def deliver():
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not data:
                break
            target.write(data)
            await target.drain()
        target.close()

    sender = asyncio.create_task(deliver())
    try:
        while data := await source.read(65536):
            queue.put_nowait((loop.time() + seconds, data))
    except OSError:
        pass
    queue.put_nowait((loop.time() + seconds, b""))
    try:
        await sender
    except OSError:
        pass


async def serve(options):
    host, port = options.upstream.rsplit(":", 1)

    async def client(reader, writer):
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pump(reader, far_writer, options.ms / 1000),
                             pump(far_reader, writer, 0))

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    announce(options.ready_file, server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready-file", required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--ms", type=float, required=True)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
