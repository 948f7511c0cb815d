# SPDX-License-Identifier: Apache-2.0
"""Silent connections at an agent's door: who holds many of them loses the oldest, and keeps nobody else out."""

import asyncio

import pytest

from tinytl_bridge.agent.serving.waiting_room import WaitingRoom


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
