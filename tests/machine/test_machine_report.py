# SPDX-License-Identifier: Apache-2.0
"""`tinytl doctor --report`: what a maintainer needs, and nothing that names a person or a machine."""

import getpass
import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from machine_trees import HOST_NAME, PIS, RAILS_W, SERIAL, write_files, write_pi

from thinning import thinned
from tinytl_bridge.machine.report import report_of, without_paths
from tinytl_cli import cli


@pytest.mark.parametrize("name", thinned(PIS, every=2))
def test_the_report_of_a_pi_names_the_board_and_nobody(name: str, tmp_path: Path) -> None:
    root = write_files(write_pi(tmp_path, name), {"etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian"\n'})
    report = report_of(root)
    text = json.dumps(report, allow_nan=False)
    assert report["cpu"]["board"] == PIS[name].model and report["system"] == "Debian GNU/Linux 12 (bookworm)"
    assert report["throttling"]["now"] == [] and report["temperature"]["celsius"] == PIS[name].millis / 1000
    assert [round(meter["watts"], 6) for meter in report["meters"]] == ([round(RAILS_W, 6)] if name == "pi5" else [])
    assert report["engines"]["runtime"] is True and report["small_work"]["count"] > 0
    for secret in (SERIAL, SERIAL.lstrip("10"), HOST_NAME, PIS[name].revision, str(Path.home()) + "/", str(tmp_path), sys.prefix):
        assert secret not in text


def test_the_report_of_an_empty_machine(tmp_path: Path) -> None:
    report = report_of(tmp_path)
    assert report["cpu"]["board"] is None and report["system"] is None and report["throttling"]["now"] is None
    assert report["meters"] == [] and len(report["no_meters"]) == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("twin /home/anna/work/tinytl/build/libtwin.so", "twin …/libtwin.so"),
        ("looked at /home/anna", "looked at ~"),
        ("looked at /home/an, /Users/ben/x", "looked at ~, …/x"),
        ("/root/venv/lib/twin.so", "…/twin.so"),
        ("/opt/anna/secret/twin.so is missing", "…/twin.so is missing"),
        ("/sys/class/hwmon and /proc/self/status", "/sys/class/hwmon and /proc/self/status"),
        ("5 µV/A, 3/4, and/or", "5 µV/A, 3/4, and/or"),
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg)", "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg)"),
    ],
)
def test_paths_are_taken_out_of_texts(text: str, shown: str) -> None:
    assert without_paths(text) == shown


def test_a_home_with_a_blank_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/data/anna maria")
    assert without_paths("twin /data/anna maria/lib/twin.so") == "twin …/twin.so"


def test_the_command_prints_json_and_no_home(tmp_path: Path) -> None:
    ran = CliRunner().invoke(cli, ["doctor", "--report", "--json"], env={"HOME": str(tmp_path / "zacharias")})
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["format"] == "tinytl-report" and "nothing personal is in it" in ran.stderr
    assert "zacharias" not in ran.stdout and f"/{getpass.getuser()}/" not in ran.stdout


def test_the_command_prints_a_table() -> None:
    ran = CliRunner().invoke(cli, ["doctor", "--report"])
    assert ran.exit_code == 0 and "cpu kernel" in ran.stdout and os.uname().release in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 100
