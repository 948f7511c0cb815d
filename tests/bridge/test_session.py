# SPDX-License-Identifier: Apache-2.0
"""The session alone, without `Device`: it teaches the twin and an emulated board, and it is what stands below, not above."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import tinytl_bridge
from tiny_task import tiny_task
from tinytl.bundle.bundle import read_bundle
from tinytl.compiler import Image, read_image
from tinytl.data import prepare_samples
from tinytl.model_file import compile_model
from tinytl_bridge import connect
from tinytl_bridge.firmware.compile_options import options_for
from tinytl_bridge.recalling import recall_of
from tinytl_bridge.targets import Target, open_target
from tinytl_bridge.teaching import Lessons, check_lessons, teach_stream
from tinytl_bridge.wire.link import Link, Refusal
from tinytl_bridge.wire.requests import TeachFlags
from tinytl_bridge.wire.results import NOWHERE, StreamPlace
from tinytl_bridge.wire.session import Session

TASK = tiny_task("other writers", seed=11)
SAMPLES = 24
needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)
TARGETS = ("host", pytest.param("qemu:mps2-an386", marks=needs_qemu))
PACKAGE = Path(tinytl_bridge.__file__).parent


@contextmanager
def opened(target: Target) -> Iterator[Session]:
    link = Link(target.start(), timeout_s=target.timeout_s)
    try:
        yield Session(link)
    finally:
        link.close()
        target.stop()


def flash(session: Session, image: Image) -> None:
    session.flash_begin(image.data[:128])
    size = session.info.max_payload - 4
    offset = 0
    while offset < len(image.data):
        offset = session.flash_data(offset, image.data[offset : offset + size])
    session.flash_commit()


@pytest.mark.parametrize("target", TARGETS)
def test_a_session_alone_teaches_a_device(target: str, tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    with opened(open_target(target, state_dir=tmp_path / "session")) as session:
        image = compile_model(bundle, options_for(session.info))
        flash(session, image)
        told = session.metadata()
        x = prepare_samples(TASK.x_train[:SAMPLES], told["input"], told["preprocessing"]).reshape(SAMPLES, -1)
        lessons = Lessons(x, TASK.y_train[:SAMPLES])
        check_lessons(session, lessons)
        assert session.stream(StreamPlace(7, 0)) == StreamPlace(7, 0)
        factory = session.head_parameters()
        result = teach_stream(session, lessons, progress=lambda *_: None, on_step=None)
        assert result.taught == SAMPLES
        assert session.stream() == StreamPlace(7, SAMPLES)
        head, logits = session.head_parameters(), session.infer(x[0]).logits
        assert head.tobytes() != factory.tobytes()
        assert session.status().steps == SAMPLES
        assert session.save() == 1
        assert session.rollback("factory") == 0
        assert session.head_parameters().tobytes() == factory.tobytes()
        assert session.stream() == NOWHERE
        assert session.rollback() == 1
        assert session.head_parameters().tobytes() == head.tobytes()
        own = session.labels()
        session.grow(x[0], len(own), "ring")
        assert session.labels() == (*own, "ring")
        with pytest.raises(Refusal, match="has this name"):
            session.grow(x[0], len(own) + 1, "ring")
        traced = session.teach(x[0], int(TASK.y_train[0]), TeachFlags(trace=True))
        assert traced.head_crc32 == session.status().head_crc32
        session.put_sample(x[0])
        assert len(session.measure("inference")) == len(read_image(image.data).operators) + 1
    with connect(target, state_dir=tmp_path / "device") as device:  # the same by Device
        device.flash(bundle)
        device.teach(TASK.x_train[:SAMPLES], TASK.y_train[:SAMPLES])
        assert device.head_parameters().tobytes() == head.tobytes()
        assert device.infer(TASK.x_train[0]).logits.tobytes() == logits.tobytes()
        recalled, expected = recall_of(device.session), device.recall()
        assert (recalled is None) == (expected is None)
        if recalled is not None and expected is not None:
            np.testing.assert_array_equal(recalled.predictions, expected.predictions)


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


BELOW = [*sorted((PACKAGE / "wire").glob("*.py")), *(PACKAGE / f"{name}.py" for name in ("teaching", "recalling", "stream_place"))]
ABOVE = {"tinytl_bridge.device", "tinytl_bridge.connection", "tinytl_bridge.twin", "tinytl_bridge.targets", "tinytl_bridge.Device"}


@pytest.mark.parametrize("path", BELOW, ids=lambda path: path.stem)
def test_what_stands_below_a_device_does_not_import_it(path: Path) -> None:
    assert not imported(path) & ABOVE


def test_words_for_a_status_load_no_library() -> None:
    code = (
        "import ctypes, sys\nloaded = []\nreal = ctypes.CDLL.__init__\n"
        "def spy(self, name, *rest, **options):\n    loaded.append(str(name))\n    real(self, name, *rest, **options)\n"
        "ctypes.CDLL.__init__ = spy\n"
        "from tinytl_bridge.wire.statuses import status_text\n"
        "print(status_text(14, 7, 1234))\nassert not any('twin' in name for name in loaded), loaded\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "label 7; the head has 1,234 classes\n"
