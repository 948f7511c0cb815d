# SPDX-License-Identifier: Apache-2.0
"""The command line as people meet it: help in the order of the flow, exit codes, error texts, JSON."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tinytl_cli import _STORY, cli


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process, as a person does."""
    command = [sys.executable, "-c", "from tinytl_cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False)


def test_help_reads_in_the_order_of_the_flow() -> None:
    text = invoke("--help").output
    names = [name for _, commands in _STORY for name, _, _ in commands]
    places = [text.index(f"\n  {name} ") for name in names]
    assert places == sorted(places)


@pytest.mark.parametrize("name", [name for _, commands in _STORY for name, _, _ in commands])
def test_every_command_explains_itself(name: str) -> None:
    result = invoke(name, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_no_command_needs_tensorflow_to_explain_itself() -> None:
    code = "import sys; from tinytl_cli import cli; cli(['teach', '--help'], standalone_mode=False); print('tensorflow' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip().endswith("False")


def test_wrong_usage_exits_with_2_and_says_what_there_is() -> None:
    result = run("teech")
    assert result.returncode == 2
    assert "No such command 'teech'" in result.stderr
    assert "hint: did you mean `tinytl teach`? tinytl --help lists the commands" in result.stderr


def test_a_refusal_exits_with_1_without_a_traceback() -> None:
    result = run("data", "show", "minst-5k")
    assert result.returncode == 1
    assert "error: " in result.stderr and "minst-5k" in result.stderr and "hint: " in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_results_are_json_on_stdout_when_asked() -> None:
    names = [card["name"] for card in json.loads(run("data", "list", "--json").stdout)]
    assert {"mnist-5k", "uci-digits"} <= set(names)
    assert {"ds-cnn", "thesis-small"} <= {card["name"] for card in json.loads(run("models", "--json").stdout)}


def test_doctor_names_what_is_there_and_how_to_get_the_rest() -> None:
    findings = json.loads(run("doctor", "--json").stdout)
    names = [finding["name"] for finding in findings]
    assert {"python", "twin", "qemu-system-arm", "arm-none-eabi-gcc"} <= set(names) and len(set(names)) == len(names)
    assert all(finding["found"] or finding["hint"] for finding in findings)


def test_tables_fit_100_columns() -> None:
    for arguments in (("data", "list"), ("models",), ("doctor",)):
        assert max(len(line) for line in run(*arguments).stdout.splitlines()) <= 100


def test_no_colour_codes_when_not_on_a_terminal() -> None:
    assert "\x1b[" not in run("data", "list").stdout


def test_the_whole_loop_on_the_twin(tiny_bundle: Path, tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    flashed = run("flash", str(tiny_bundle), "--target", "host", "--state", state, "--json")
    assert flashed.returncode == 0, flashed.stderr
    told = json.loads(run("info", "--target", "host", "--state", state, "--json").stdout)
    assert told["model_status"] == "ok" and told["plan"] == "fc"
    refused = run("teach", "--target", "host", "--state", state, "--data", "uci-digits", "--samples", "5")
    assert refused.returncode == 1
    assert re.search(r"labels \[[4-9, ]+\] are outside the model's 4 classes", refused.stderr)
    assert "hint: teach a dataset with the model's classes" in refused.stderr
