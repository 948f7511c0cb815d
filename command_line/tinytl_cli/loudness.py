# SPDX-License-Identifier: Apache-2.0
"""`-q` and `-v`: taken before a command and behind it; and what `-v` tells of a device."""

from typing import TYPE_CHECKING

import click

from tinytl_cli.console import NORMAL, QUIET, VERBOSE, detail, set_loudness

if TYPE_CHECKING:
    from tinytl_bridge import Device


def _set(context: click.Context, parameter: click.Parameter, given: bool) -> None:
    if given:
        set_loudness(QUIET if parameter.name == "quiet" else VERBOSE)


def loudness_options() -> list[click.Option]:
    """Return `-q` and `-v`, whose work is done as they are read."""
    return [
        click.Option(["-q", "--quiet"], is_flag=True, expose_value=False, callback=_set, help="Results, warnings and errors alone."),
        click.Option(
            ["-v", "--verbose"], is_flag=True, expose_value=False, callback=_set,
            help="Also what the device announced, frames sent again, and where in the code an error arose.",
        ),
    ]  # fmt: skip


def with_loudness(command: click.Command) -> click.Command:
    """Add both options to a command, and to those below it, once."""
    if not any(parameter.name == "quiet" for parameter in command.params):
        command.params += loudness_options()
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        with_loudness(below)
    return command


def start_normal() -> None:
    """Begin a run of the command line as if nothing had been said."""
    set_loudness(NORMAL)


def detail_of(device: "Device") -> None:
    """Tell what a device announced and how its line is, under `-v`."""
    info = device.info
    detail(
        f"device {info.board or device.target.name}: firmware {info.firmware}, kernels {', '.join(info.families) or 'none'}, "
        f"{info.arena_bytes:,} bytes of arena, payloads of {info.max_payload:,}; frames sent again: {device.repeated}"
    )
