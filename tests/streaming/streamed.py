# SPDX-License-Identifier: Apache-2.0
"""What tests of streams share: samples, their bytes in each format, and the command as a process."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (28, 28)
SAMPLE_TYPE = [("x", "u1", SHAPE), ("label", "U8"), ("n", "<u4")]


def image(label: int, seed: int) -> np.ndarray:
    """Return a 28×28 uint8 image with a bright block whose place tells the class."""
    generator = np.random.default_rng(seed)
    x = generator.integers(0, 60, SHAPE, dtype=np.uint8)
    row, column = divmod(label, 4)
    x[4 + 8 * row : 10 + 8 * row, 1 + 7 * column : 7 + 7 * column] = 250
    return x


def json_line(x: np.ndarray, label: Any = None, n: int | None = None) -> bytes:
    told = {"x": base64.b64encode(x.tobytes()).decode(), "dtype": x.dtype.name, "shape": x.shape, "label": label, "n": n}
    return json.dumps({key: value for key, value in told.items() if value is not None}).encode() + b"\n"


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def json_lines(count: int, *, first: int = 0) -> bytes:
    """Return so many samples of ten classes in turn, numbered from `first` on."""
    return b"".join(json_line(image(n % 10, n), n % 10, n) for n in range(first, first + count))


def teach(state: Path, *arguments: str, target: str = "host", **options: Any) -> "subprocess.Popen[bytes]":
    """Start `tinytl teach`, on the twin by default, as a process that takes signals as one from a terminal does, whoever started the tests."""
    command = [sys.executable, "-c", "from tinytl_cli import main; main()", "teach", "--target", target, "--state", str(state), *arguments]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen(command, preexec_fn=_take_signals, env=os.environ | {"PYTHONUNBUFFERED": "1"}, **streams)


def ended(process: "subprocess.Popen[bytes]", data: bytes | None = None) -> tuple[int, dict[str, Any], str]:
    """Send the rest and wait. Returns exit code, facts of `--json`, and what was said."""
    out, said = process.communicate(data, timeout=60)
    return process.returncode, json.loads(out) if out else {}, said.decode()


def _take_signals() -> None:
    """Undo what nohup and a shell's & leave to their children: signals that are ignored stay so."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
