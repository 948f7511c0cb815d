# SPDX-License-Identifier: Apache-2.0
"""The command that makes this machine known to an agent: `pair`."""

from pathlib import Path

import click

from tinytl_cli.console import show_facts
from tinytl_cli.options import json_option, target_options


@click.command()
@target_options
@click.option("--code", envvar="TINYTL_PAIRING_CODE", help="The code that the agent shows  [default: TINYTL_PAIRING_CODE, or asked for]")
@json_option
def pair(target: str, state_dir: Path | None, code: str | None, as_json: bool) -> None:
    """Pair this machine with an agent, once more if it was reset. Other commands ask for the code by themselves the first time."""
    from tinytl.errors import DeviceError
    from tinytl_bridge.target_names import parse_target
    from tinytl_bridge.targets.pi import PiTarget

    name = parse_target(target)
    if name.kind != "pi":
        raise DeviceError(f"target {target!r} needs no pairing", expected="pi:HOST, where an agent runs")
    agent = PiTarget(name.place, name=target, state_dir=state_dir, code=code, anew=True)
    agent.start()
    told = agent.call("about")
    agent.stop()
    show_facts({"target": target, **told}, as_json=as_json, title="Paired")
