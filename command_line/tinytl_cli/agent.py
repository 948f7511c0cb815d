# SPDX-License-Identifier: Apache-2.0
"""The command that makes a Linux machine a device: `agent`."""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinytl_cli.console import console_for, table
from tinytl_cli.options import FILE

if TYPE_CHECKING:
    from tinytl_bridge.agent.settings import AgentSettings


@click.command()
@click.option("--address", default="127.0.0.1", show_default=True, help="Where to listen; others than this machine pair first.")
@click.option("--always-pair", is_flag=True, help="Programs of this machine pair too: on a machine that others use as well.")
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
@click.option("--forget", metavar="NAME", help="Forget a paired host, by its name or the first digits of its id, and exit.")
@click.option("--new-code", is_flag=True, help="Have the agent that runs make a new pairing code, in its log, and exit.")
def agent(
    address: str, always_pair: bool, port: int, serial: str, baud: int, no_tcp: bool, engine: str, state_dir: Path | None,
    install: bool, uninstall: bool, list_pairings: bool, forget: str | None, new_code: bool,
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
    if sum((install, uninstall, list_pairings, forget is not None, new_code)) > 1:
        raise click.UsageError("one of --install, --uninstall, --pairings, --forget and --new-code")
    settings = AgentSettings(agent_folder(state_dir), address, port, serial, baud, not no_tcp, engine, always_pair)
    if install or uninstall:
        _service(settings, install=install)
    elif list_pairings:
        _show_pairings(settings)
    elif forget is not None:
        _forget(settings, forget)
    elif new_code:
        _renew(settings)
    else:
        from tinytl_bridge.agent.running import run_agent

        run_agent(settings)


def _show_pairings(settings: "AgentSettings") -> None:
    from tinytl_bridge.pairing.pairings import Pairings

    rows = [(pairing.name, pairing.id.hex()[:8]) for pairing in Pairings(settings.state_dir).all()]
    if not rows:
        click.echo("no host is paired; `tinytl agent --address 0.0.0.0` shows a code to pair by")
        return
    console_for(as_json=False).print(table("Paired hosts", ("name", "id"), rows))


def _forget(settings: "AgentSettings", told: str) -> None:
    from tinytl.errors import DeviceError
    from tinytl_bridge.pairing.pairings import Pairings

    pairings = Pairings(settings.state_dir)
    known = pairings.all()
    meant = [pairing for pairing in known if told in (pairing.name, pairing.id.hex()[: len(told)])]
    if len(meant) != 1:
        names = ", ".join(f"{pairing.name} ({pairing.id.hex()[:8]})" for pairing in known) or "none is paired"
        raise DeviceError(f"{len(meant)} paired hosts are called {told!r}", expected=f"one of: {names}", hint="tinytl agent --pairings")
    pairings.forget(meant[0].id)
    click.echo(f"forgotten: {meant[0].name}; it needs a new code to come in again")


def _renew(settings: "AgentSettings") -> None:
    from tinytl_bridge.agent.process_number import running_process

    os.kill(running_process(settings.state_dir), signal.SIGUSR1)
    click.echo("the agent makes a new code; it stands in its terminal, or in its log: journalctl --user -u tinytl-agent -n 3")


def _service(settings: "AgentSettings", *, install: bool) -> None:
    """Install or remove the service, and say what is left to do by hand."""
    from tinytl_bridge.agent.systemd import agent_command, install_unit, uninstall_unit

    if install:
        report = install_unit(agent_command(_arguments(settings)), [settings.state_dir.parent])
    else:
        report = uninstall_unit(settings.state_dir)
    for line in report.done:
        click.echo(line)
    for line in report.left:
        click.echo(f"left to do: {line}")
    if install:
        click.echo("its log, with the pairing code: journalctl --user -u tinytl-agent")


def _arguments(settings: "AgentSettings") -> list[str]:
    """Return the options that start an agent with these settings."""
    words = ["--address", settings.address, "--port", str(settings.port), "--engine", settings.engine]
    words += ["--state", str(settings.state_dir.parent.resolve())]
    if settings.serial:
        words += ["--serial", settings.serial, "--baud", str(settings.baud)]
    return words + ["--no-tcp"] * (not settings.tcp) + ["--always-pair"] * settings.always_pair
