# SPDX-License-Identifier: Apache-2.0
"""Whether `teach` goes on within a stream or teaches it again: as the options say, else the person is asked, else it is refused."""

import sys
from typing import TYPE_CHECKING

import click

from tinytl.errors import DeviceError
from tinytl_cli.console import say

if TYPE_CHECKING:
    from tinytl_bridge.wire.results import StreamPlace


def place_to_teach(held: "StreamPlace", stream: int, samples: int, *, resume: bool, again: bool) -> "StreamPlace":
    """Return the place to teach from.

    Args:
        held: where the head stands. stream: number of the stream to teach. samples: how many of it are to be taught.
        resume, again: as the options say.

    Raises:
        DeviceError: the head has taken samples of this stream, and nobody says what is meant. UsageError: both options.
    """
    from tinytl_bridge.wire.results import StreamPlace

    if resume and again:
        raise click.UsageError("--resume leaves out what the head has taken, --again teaches it once more: one of them")
    position = min(held.position, samples) if held.stream == stream else 0
    if position and not resume and not again:
        again = not (resume := _asked(position, samples))
    if resume:
        some = f"{position:,} of these {samples:,} samples" + (": it goes on behind them" if position < samples else "")
        say(f"the head has taken {some if position else 'none of these samples: it begins at the first'}")
    return StreamPlace(stream, position if resume else 0)


def _asked(taken: int, samples: int) -> bool:
    """Ask whether to go on, True, or to teach all again, False."""
    what = f"the head on the device has taken {taken:,} of these {samples:,} samples before"
    on = f"--resume goes on at sample {taken + 1:,}; " if taken < samples else ""
    if not sys.stdin.isatty():
        raise DeviceError(what, expected="samples that are new to it", hint=f"{on}--again teaches all of them once more")
    say(what, always=True)
    choices = ["resume", "again", "stop"] if on else ["again", "stop"]
    choice = click.prompt(
        "go on behind them, teach all again, or stop" if on else "teach them again, or stop", type=click.Choice(choices), err=True
    )
    if choice == "stop":
        raise click.Abort
    return bool(choice == "resume")
