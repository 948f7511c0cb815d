# SPDX-License-Identifier: Apache-2.0
"""The library `cryptography` is needed by who pairs, and by nobody else."""

import subprocess
import sys

import pytest

MISSING = (
    "pairing needs the library cryptography, which is not installed; expected cryptography 38 or newer\n"
    "hint: pip install 'tinytl[pi]'; on a 32-bit system sudo apt-get install python3-cryptography, "
    "and a virtual environment made with --system-site-packages"
)
WITHOUT = """
import sys
from pathlib import Path
sys.modules["cryptography"] = None
from tinytl.errors import TinytlError
from tinytl_bridge.pairing.agent_policy import AgentPolicy, OpenPolicy
from tinytl_bridge.pairing.codes import Code
from tinytl_bridge.pairing.handshake import AgentHandshake, HostHandshake
from tinytl_bridge.pairing.pairings import Pairings
"""


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


USES = """
for use in (lambda: HostHandshake(Code(bytes(10)), allow_open=False), lambda: AgentPolicy(Pairings(Path("nowhere")))):
    try:
        use()
    except TinytlError as error:
        print(error)
host = HostHandshake(None, allow_open=True)
host.receive(AgentHandshake(OpenPolicy()).receive(host.begin()))
print("open:", host.done)
"""


def test_who_pairs_without_it_is_told_how_to_get_it_and_an_open_agent_needs_none() -> None:
    assert run(WITHOUT + USES) == f"{MISSING}\n{MISSING}\nopen: True\n"


@pytest.mark.long  # the other test would fail too if a module of the room imported it
def test_importing_the_room_does_not_import_it() -> None:
    program = WITHOUT.replace('sys.modules["cryptography"] = None', "") + 'print([name for name in sys.modules if "cryptography" in name])'
    assert run(program) == "[]\n"
