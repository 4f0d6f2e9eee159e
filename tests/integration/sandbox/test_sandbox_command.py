"""Runs `order-sync sandbox` as a process."""

import asyncio
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE

import aiohttp
import pytest

COMMAND = [sys.executable, "-c", "from worker.cli.sandbox import sandbox; sandbox(prog_name='order-sync sandbox')"]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_says_where_and_ends_in_good_order(end):
    options = ["--port", "0", "--key", "k-1", "--balance", "12.5", "--seed", "3", "--speed", "100", "--foreign", "2"]
    process = await asyncio.create_subprocess_exec(*COMMAND, *options, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    said = b""
    while b"Ctrl-C" not in said:
        line = await process.stdout.readline()
        assert line, "it ended before it served"
        said += line

    url = re.findall(r"http://127\.0\.0\.1:\d+/api/v2", said.decode())[0]
    assert f"curl -s {url} -d key=k-1 -d action=services" in said.decode()
    async with aiohttp.request("POST", url, data={"key": "k-1", "action": "balance"}) as reply:
        assert await reply.json() == {"balance": "12.50000", "currency": "USD"}
    process.send_signal(end)
    _, errors = await process.communicate()

    assert (process.returncode, errors) == (0, b"")


async def test_a_port_in_use_is_one_line_and_exit_1():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = await asyncio.create_subprocess_exec(*COMMAND, "--port", port, stdout=PIPE, stderr=PIPE)
        output, errors = await process.communicate()

    assert (process.returncode, output) == (1, b"")
    assert errors.decode().startswith(f"order-sync: can't listen on 127.0.0.1:{port}: ")
    assert errors.count(b"\n") == 1


async def test_it_misbehaves_from_the_start():
    options = ["--port", "0", "--quirk", "price_factor=0.5", "--quirk", "error_plural", "--cheat", "overcharge"]
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *options, "--fault", "null,action=balance", "--first-order-id", "7", stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).split()[-1].decode()
    order = {"action": "add", "service": "1", "link": "x", "quantity": "1000"}
    told = []
    async with aiohttp.ClientSession() as session:
        for form in (order, {"action": "balance"}, {"action": "status", "order": "1"}):
            async with session.post(url, data={"key": "sandbox-key", **form}) as reply:
                told.append(await reply.json())
        async with session.get(url.replace("api/v2", "admin/ledger")) as reply:
            (entry,) = await reply.json()
    process.terminate()
    _, errors = await process.communicate()

    assert told == [{"order": 7}, None, {"errors": ["Incorrect order ID"]}]
    assert (entry["price"], entry["debited"]) == ("0.45000", "0.49500")
    assert (process.returncode, errors) == (0, b"")
