# SPDX-License-Identifier: Apache-2.0
"""Wrong codes cost more time each, and after ten in a row nothing is looked at."""

from two_sides import Clock

from tinytl_bridge.pairing.lockout import Lockout


def test_each_wrong_code_doubles_the_wait_and_the_tenth_locks() -> None:
    clock = Clock()
    lockout = Lockout(clock)
    waits = []
    while not lockout.locked:
        lockout.failed()
        waits.append(lockout.delay_s())
        clock.now_s += lockout.delay_s()
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 256]


def test_the_wait_runs_out_with_the_clock() -> None:
    clock = Clock()
    lockout = Lockout(clock)
    assert lockout.delay_s() == 0
    lockout.failed()
    clock.now_s += 0.25
    assert lockout.delay_s() == 0.75
    clock.now_s += 1
    assert lockout.delay_s() == 0 and lockout.failures == 1


def test_a_right_code_forgets_the_wrong_ones() -> None:
    lockout = Lockout(Clock())
    for _ in range(10):
        lockout.failed()
    lockout.succeeded()
    assert not lockout.locked and lockout.delay_s() == 0
    lockout.failed()
    assert lockout.delay_s() == 1
