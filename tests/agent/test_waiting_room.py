# SPDX-License-Identifier: Apache-2.0
"""Silent connections at an agent's door: who holds many of them loses the oldest, and keeps nobody else out."""

import asyncio
import socket
import time
from contextlib import ExitStack

import pytest
from running_agent import running_agent

from tinytl_bridge import connect
from tinytl_bridge.agent.serving.waiting_room import MOST_WAITING, WaitingRoom


async def waited(room, address, put_out):
    try:
        async with asyncio.timeout(60) as limit:
            with room.place(limit, address):
                await asyncio.sleep(60)
    except TimeoutError:
        put_out.append(address)


def put_out_of(addresses, *, most):
    """Return who had to go, in turn, when connections from these addresses came one after another and stayed."""

    async def play():
        room, put_out, tasks = WaitingRoom(most), [], []
        for address in addresses:
            tasks.append(asyncio.create_task(waited(room, address, put_out)))
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return put_out

    return asyncio.run(play())


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["10.0.0.1", "10.0.0.2", "10.0.0.2"], []),
        (["10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3"], ["10.0.0.2"]),
        (["10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.2", "10.0.0.2"], ["10.0.0.2", "10.0.0.2"]),
        (["2001:db8::1", "10.0.0.1", "2001:db8::2", "10.0.0.2"], ["2001:db8::1"]),
        (["::ffff:10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.3"], ["::ffff:10.0.0.1"]),
        (["fe80::1%eth0", "?", "fe80::2%eth0", "?"], ["fe80::1%eth0"]),
    ],
)
def test_the_oldest_of_the_address_that_holds_most_has_to_go(addresses, expected):
    assert put_out_of(addresses, most=3) == expected


def test_silent_connections_keep_nobody_out(tmp_path):
    with running_agent(tmp_path / "state") as agent, ExitStack() as held:
        silent = [held.enter_context(socket.create_connection(("127.0.0.1", agent.port))) for _ in range(MOST_WAITING + 4)]
        begin = time.monotonic()
        with connect(agent.target) as device:
            assert device.status().model_status == "no_model"
        assert time.monotonic() - begin < 5
        silent[0].settimeout(5)
        assert silent[0].recv(1) == b""
        agent.expect_in_log("let go: it did not come in in time")
