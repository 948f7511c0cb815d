# SPDX-License-Identifier: Apache-2.0
"""`tinytl bench`: calibration, comparison, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tinytl.bundle.bundle import read_bundle


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from tinytl_cli import main; main()", "bench", *(str(each) for each in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def plain(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "plain.tflite"
    path.write_bytes(read_bundle(tiny_bundle).extractor)
    return path


def test_a_calibration_needs_its_source(plain: Path) -> None:
    for alone in (("--pj-per-mac", 553), ("--pj-source", "somebody")):
        refused = run(plain, "--target", "host", *alone)
        assert refused.returncode == 2
        assert "--pj-per-mac and --pj-source go together: a figure says whose measurement it is" in refused.stderr
    refused = run(plain, "--target", "host", "--pj-per-mac", -1, "--pj-source", "somebody")
    assert refused.returncode == 1
    assert "calibration of -1 pJ per MAC; expected a finite number above 0" in refused.stderr


def test_a_calibration_adds_an_energy(plain: Path) -> None:
    ran = run(plain, "--target", "host", "--pj-per-mac", 553, "--pj-source", "somebody's board", "--json")
    document = json.loads(ran.stdout)
    assert document["energy_nj"]["calibrated"] == pytest.approx(8640 * 0.553)
    assert document["how"]["energy_nj_calibrated"] == "nJ (calibrated: 553 pJ per MAC, somebody's board)"


def test_a_missing_folder_is_refused_before_anything_is_measured(plain: Path, tmp_path: Path) -> None:
    for option, name in (("-o", "base.json"), ("--html", "page.html")):
        refused = run(plain, "--target", "host", option, tmp_path / "none" / name)
        assert refused.returncode == 1 and not refused.stdout
        assert f"the folder of {tmp_path}/none/{name} does not exist; expected a folder\nhint: mkdir -p {tmp_path}/none" in refused.stderr


@pytest.mark.long
def test_a_page_of_what_cannot_be_counted(plain: Path, tmp_path: Path) -> None:
    ran = run(plain, "--target", "host", "--html", tmp_path / "page.html")
    assert ran.returncode == 0 and f"written: {tmp_path}/page.html" in ran.stderr
    assert '<div class="profile"' not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_comparison_prints_a_table_and_fails_past_3_per_cent(plain: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    assert run(plain, "--target", "host", "-o", baseline).returncode == 0
    same = run(plain, "--target", "host", "--compare", baseline)
    assert same.returncode == 0, same.stderr
    lines = same.stdout.splitlines()
    assert max(len(line) for line in lines) <= 100
    assert ["metric", "baseline", "now", "change"] in [line.split() for line in lines]
    assert any(line.split()[:1] == ["arena_bytes"] and "+0.0 %" in line for line in lines)
    document = json.loads(baseline.read_text())
    document["arena_bytes"] = int(document["arena_bytes"] / 1.05)
    baseline.write_text(json.dumps(document))
    worse = run(plain, "--target", "host", "--compare", baseline, "--json")
    assert worse.returncode == 1
    assert json.loads(worse.stdout)["bundle"] == "plain", "stdout is the measurement alone"
    assert "too much" in worse.stderr
    assert "error: 1 figure of plain on host past the tolerance: arena_bytes" in worse.stderr
    assert "hint: if that is meant, store a new baseline" in worse.stderr
