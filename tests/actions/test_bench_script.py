# SPDX-License-Identifier: Apache-2.0
"""The action's measuring step, run as the runner runs it, with a real `tinytl bench`: outputs, summary, artifact; it never fails itself."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tinytl.measurement import Measurement

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / ".github/actions/bench/bench.sh"
pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@dataclass
class Step:
    """What a run of the script left: its exit code, outputs, summary and artifact."""

    code: int
    outputs: dict[str, str]
    summary: str
    artifact: Path

    def text(self, name):
        return (self.artifact / name).read_text(encoding="utf-8")


def step(folder, model="digits", target="host", **inputs):
    """Run the script. inputs: as action.yml names them, in capitals."""
    output, summary, artifact = folder / "output", folder / "summary", folder / "out"
    output.unlink(missing_ok=True), summary.unlink(missing_ok=True)
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "MODEL": model, "TARGET": target, "OUT": str(artifact),
        "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary), "INSTALL": "none", "SAMPLES": "5", **inputs,
    }  # fmt: skip
    ran = subprocess.run(["bash", SCRIPT], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return Step(ran.returncode, outputs, summary.read_text(encoding="utf-8"), artifact)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return step(tmp_path_factory.mktemp("first"))


def test_a_measurement_leaves_json_page_table_and_log(first):
    assert (first.code, first.outputs) == (0, {"passed": "true", "name": "digits-host"})
    assert Measurement.from_json(json.loads(first.text("measurement.json"))).bundle == "digits"
    assert first.text("page.html").startswith("<!DOCTYPE html>") or "<html" in first.text("page.html")[:200]
    assert first.text("table.md") == first.summary
    assert first.summary.startswith("### `digits` on `host`\n\n| figure | value |\n| :-- | --: |\n| Accuracy | ")
    assert "written:" in first.text("log.txt")


def baseline_of(first, path, factor):
    """Store what was measured as a baseline whose image was `factor` times as large."""
    document = json.loads(first.text("measurement.json"))
    document["image_bytes"] = int(document["image_bytes"] * factor)
    path.write_text(json.dumps(document))
    return str(path)


@pytest.mark.long
def test_within_the_tolerance_it_passes_and_past_it_the_output_says_so(first, tmp_path):
    passed = step(tmp_path, BASELINE=baseline_of(first, tmp_path / "larger.json", 1.01))
    assert (passed.code, passed.outputs["passed"]) == (0, "true")
    assert "✅ All " in passed.summary and re.search(r"\| Image \| [\d,]+ \| [\d,]+ \| -1.0 % \|", passed.summary)
    failed = step(tmp_path, BASELINE=baseline_of(first, tmp_path / "smaller.json", 0.5), TOLERANCE="0.1")
    assert (failed.code, failed.outputs["passed"]) == (0, "false")
    assert "❌ **1 of " in failed.summary and re.search(r"\| Image .* \| \+100.0 %, \*\*too much\*\* \|", failed.summary)
    assert "1 figure of digits on host past the tolerance: image_bytes" in failed.text("log.txt")
    assert (failed.artifact / "measurement.json").is_file() and (failed.artifact / "page.html").is_file()


def test_nothing_of_an_earlier_use_is_left_where_nothing_is_measured(first, tmp_path):
    shutil.copytree(first.artifact, tmp_path / "out")
    failed = step(tmp_path, model="no`such model")
    assert (failed.code, failed.outputs) == (0, {"passed": "false", "name": "no-such-model-host"})
    assert sorted(path.name for path in failed.artifact.iterdir()) == ["log.txt", "table.md"]
    assert failed.summary.startswith("### `nosuch model` on `host`\n\n❌ **Not measured.** The last lines of the log:\n\n    ")
    assert "no`such model" in failed.summary.partition("log:")[2]


def test_an_install_that_fails_is_told_and_nothing_is_measured(tmp_path):
    failed = step(tmp_path, INSTALL=str(tmp_path / "tinytl-0-py3-none-any.whl"))
    assert (failed.code, failed.outputs["passed"]) == (0, "false")
    assert "Not measured" in failed.summary and "tinytl-0-py3-none-any.whl" in failed.summary
    assert not (failed.artifact / "measurement.json").exists()


@pytest.mark.long
def test_an_emulated_board_is_compared_with_the_stored_baseline(tmp_path):
    if not all(map(shutil.which, ("qemu-system-arm", "arm-none-eabi-gcc"))):
        pytest.skip("needs qemu-system-arm and arm-none-eabi-gcc")
    baseline = ROOT / "benchmarks/baselines/digits.json"
    ran = step(tmp_path, target="qemu:mps2-an386", BASELINE=str(baseline), SAMPLES="200")
    assert (ran.code, ran.outputs) == (0, {"passed": "true", "name": "digits-qemu-mps2-an386"}), ran.summary
    assert "✅ All " in ran.summary
