# SPDX-License-Identifier: Apache-2.0
"""`tinytl demo` as a person runs it: the whole job on the emulated board, its summary and its report; shortened where asked."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tinytl_bench.studies.seeds import compared, read_seeds

KEYS = {
    "source_accuracy_before", "target_accuracy_before", "target_accuracy_after", "source_accuracy_after", "samples_taught",
    "head_equal_after_power_cycle", "head_equal_on_twin", "instructions_per_inference", "instructions_per_teach_step", "arena_bytes",
    "flash_bytes", "seconds",
}  # fmt: skip


@pytest.mark.long
@pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)
def test_the_demo_tells_its_story(tmp_path: Path) -> None:
    short = bool(os.environ.get("TINYTL_SHORT"))
    size = ["--epochs", "12", "--samples", "300"] if short else []
    command = [sys.executable, "-c", "from tinytl_cli import main; main()", "demo", "--out", str(tmp_path), *size]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert str(tmp_path / "report.html") in ran.stdout
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary) == KEYS
    assert summary["head_equal_after_power_cycle"] is True
    assert summary["head_equal_on_twin"] is True
    assert summary["samples_taught"] == (300 if short else 898)
    assert summary["source_accuracy_before"] > (0.93 if short else 0.97)
    assert summary["target_accuracy_after"] > max(0.85, summary["target_accuracy_before"])
    assert summary["source_accuracy_after"] > 0.90
    told = [line.strip() for line in ran.stderr.splitlines() if "the spread of 25 runs" in line]
    assert told == ([] if short else list(compared(summary, read_seeds())))
    assert summary["arena_bytes"] < 32 * 1024
    page = (tmp_path / "report.html").read_text()
    assert "uci-digits" in page and "mnist-5k" in page
    assert (tmp_path / "story.json").exists()
