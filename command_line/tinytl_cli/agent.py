# SPDX-License-Identifier: Apache-2.0
"""The command that makes a Linux machine a device: `agent`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinytl_cli.console import console_for, say, table
from tinytl_cli.options import FILE

if TYPE_CHECKING:
    from tinytl_bridge.agent.settings import AgentSettings


@click.command()
@click.option("--address", default="127.0.0.1", show_default=True, help="Where to listen; any other than this machine's own demands a pairing.")
@click.option("--port", default=7707, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--serial", default="", metavar="DEVICE|pty", help="Serve a serial line as well, such as /dev/ttyGS0 of a USB gadget.")
@click.option("--baud", default=115_200, show_default=True, type=click.IntRange(min=1), help="Of the serial line.")
@click.option("--no-tcp", is_flag=True, help="Serve the serial line alone.")
@click.option(
    "--engine", type=click.Choice(["auto", "runtime", "litert"]), default="auto", show_default=True,
    help="Who runs the extractor; auto takes what bench found faster at the same accuracy, runtime until then.",
)  # fmt: skip
@click.option("--state", "state_dir", type=FILE, help="Folder of heads, models and pairings  [default: the user's state folder]")
@click.option("--install", is_flag=True, help="Make it a service of this user, started with the machine, and exit.")
@click.option("--uninstall", is_flag=True, help="Remove that service and exit; heads stay.")
@click.option("--pairings", "list_pairings", is_flag=True, help="List the hosts that are paired, and exit.")
@click.option("--forget", metavar="NAME", help="Forget a paired host, and exit.")
def agent(
    address: str, port: int, serial: str, baud: int, no_tcp: bool, engine: str, state_dir: Path | None, install: bool, uninstall: bool,
    list_pairings: bool, forget: str | None,
) -> None:  # fmt: skip
    """Serve this machine as a device: flash, teach, save and measure it from another one.

    \b
    pi$  tinytl agent --address 0.0.0.0          # prints its address and a pairing code
    pc$  tinytl flash digits --target pi:raspberrypi.local
    """
    from tinytl_bridge.agent.folder import agent_folder
    from tinytl_bridge.agent.settings import AgentSettings

    if no_tcp and not serial:
        raise click.UsageError("--no-tcp leaves nothing to serve: give --serial DEVICE as well")
    if install and uninstall:
        raise click.UsageError("one of --install and --uninstall")
    settings = AgentSettings(agent_folder(state_dir), address, port, serial, baud, not no_tcp, engine)
    if install or uninstall:
        _service(settings, install=install)
    elif list_pairings:
        _show_pairings(settings)
    elif forget is not None:
        _forget(settings, forget)
    else:
        from tinytl_bridge.agent.running import run_agent

        run_agent(settings)
