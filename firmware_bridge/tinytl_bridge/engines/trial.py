# SPDX-License-Identifier: Apache-2.0
"""One extraction in a process of its own, before an extractor runs in LiteRT here: a crash of LiteRT ends that process alone.

In: a bundle's file. Out: a `Trial`. Some models end the process in LiteRT's kernels, a DEPTHWISE_CONV_2D without bias is one that is known.
"""

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TRIAL_SECONDS = 40.0
"""Of starting Python, of imports and of one extraction: a Pi 3 takes 10."""
_PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from tinytl.errors import TinytlError
from tinytl.model_file import read_model
from tinytl_bridge.engines.litert import litert_extractor
try:
    extractor = litert_extractor(read_model(Path(sys.argv[1])).bundle, num_threads=int(sys.argv[2]) or None)
    extractor.extract(np.zeros(extractor.input_bytes, np.int8))
except TinytlError as error:
    sys.exit(error.what)
"""


@dataclass(frozen=True)
class Trial:
    """How it went.

    Attributes:
        works: whether an extractor runs in LiteRT. reason: why not, as the end of a sentence; "" where it works.
        was_had: whether it could be tried at all; where not, works is False.
    """

    works: bool
    reason: str = ""
    was_had: bool = True


def tried_litert(bundle: Path, *, num_threads: int | None = None, timeout_s: float = TRIAL_SECONDS, python: str = sys.executable) -> Trial:
    """Run a bundle's extractor once in LiteRT, in another process.

    Args:
        bundle: its file. num_threads: of LiteRT; None: as many as `default_threads`. timeout_s: until it is ended.
        python: the interpreter's program.
    """
    command = [python, "-P", "-c", _PROGRAM, str(bundle), str(num_threads or 0)]
    try:
        ran = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return Trial(False, f"its trial in another process did not end within {timeout_s:g} s")
    except OSError as error:
        return Trial(False, f"it cannot be tried in another process first: {error.strerror or error}", was_had=False)
    if ran.returncode == 0:
        return Trial(True)
    if ran.returncode < 0:
        return Trial(False, f"it crashed on this model in its trial in another process ({_signal_name(-ran.returncode)})")
    said = ran.stderr.decode("utf-8", "replace").strip().splitlines()
    return Trial(False, f"its trial in another process failed: {said[-1][:200] if said else f'exit {ran.returncode}'}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
