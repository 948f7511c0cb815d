# SPDX-License-Identifier: Apache-2.0
"""`-q` and `-v`, and progress: no work where nobody looks, ten drawings a second where somebody does."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from rich.console import Console
from rich.progress import Progress as RichProgress

from tiny_task import tiny_task
from tinytl.progress import is_due, silent
from tinytl_bridge import connect
from tinytl_bridge.taught import Tally
from tinytl_cli import cli, console

TASK = tiny_task("tiny", seed=11, train=24, test=12)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


@pytest.fixture
def where(tiny_bundle: Path, tmp_path: Path) -> tuple[str, ...]:
    np.savez(
        tmp_path / "x.npz",
        x_train=TASK.x_train,
        y_train=TASK.y_train,
        x_test=TASK.x_test,
        y_test=TASK.y_test,
        classes=["bar", "beam", "x", "y"],
    )
    options = ("--target", "host", "--state", str(tmp_path / "state"))
    assert invoke("flash", str(tiny_bundle), *options).exit_code == 0
    return options


def test_quiet_leaves_results_and_warnings(where: tuple[str, ...], tmp_path: Path) -> None:
    source = str(tmp_path / "x.npz")
    loud = invoke("infer", *where, "--input", source)
    assert "host holds 'tiny'" in loud.stderr
    for quiet in (invoke("-q", "infer", *where, "--input", source), invoke("infer", *where, "--input", source, "--quiet")):
        assert (quiet.stdout, quiet.stderr) == (loud.stdout, "")
    assert invoke("infer", *where, "--input", source).stderr == loud.stderr, "the next run starts as usual"
    warned = invoke("-q", "evaluate", *where, "--data", source, "-o", str(tmp_path / "e.json"))
    assert "warning: classes of the data that the device does not have" in warned.stderr and "written" not in warned.stderr
    assert (tmp_path / "e.json").exists()


def test_verbose_tells_of_the_device(where: tuple[str, ...], tmp_path: Path) -> None:
    source = str(tmp_path / "x.npz")
    text = " ".join(invoke("evaluate", *where, "--data", source, "-v", "--json").stderr.split())
    assert "device host: firmware 0.1.0, kernels portable, dsp, mve," in text and "payloads of 1,024; frames sent again: 0" in text
    assert "payloads of" not in invoke("evaluate", *where, "--data", source).stderr


@pytest.mark.parametrize("loud", [True, False])
def test_verbose_tells_where_an_error_arose(loud: bool) -> None:
    arguments = [*(["-v"] if loud else []), "info", "--target", "nowhere"]
    ran = subprocess.run(
        [sys.executable, "-c", "from tinytl_cli import main; main()", *arguments], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert ("Traceback" in ran.stderr) == loud
    assert "error: target 'nowhere' is unknown" in ran.stderr


def test_options_are_on_every_command() -> None:
    for command in ("teach", "data", "pretrain"):
        assert "--quiet" in invoke(command, "--help").stdout
    assert "--verbose" in invoke("data", "list", "--help").stdout


def test_a_bar_is_drawn_ten_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    drawn = RichProgress(console=Console(file=io.StringIO(), force_terminal=True), auto_refresh=False, get_time=lambda: now[0])
    bars, seen = console._Bars(drawn), []
    for done in range(1, 3001):
        now[0] += 0.001
        bars("teach: so far", done, 3000)
        seen.append(drawn.tasks[0].completed)
    assert 25 <= len(set(seen)) <= 32
    assert seen[-1] == 3000, "a stage's end is always drawn"
    drawn.stop()


def test_where_nobody_knows_how_many_come_the_text_has_the_bar_s_room() -> None:
    drawn = RichProgress(*console._columns(), console=Console(file=io.StringIO(), force_terminal=True, width=100), auto_refresh=False)
    bars, text = console._Bars(drawn), "last 100: 97 % right, 97 % sure, drift 2.0; 956.1/s, 145 waiting, 100 lost"
    bars(f"stream: {text}", 1234, 0)
    line = lines_of(drawn)
    assert text in line and "1234/?" in line and "━" not in line
    bars("stream", 1300, 1300)
    assert "1300/1300" in lines_of(drawn)
    drawn.stop()


def lines_of(drawn: RichProgress) -> str:
    with drawn.console.capture() as captured:
        drawn.console.print(drawn.get_renderable())
    return captured.get()


def test_nobody_makes_text_that_nobody_reads(where: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(Tally, "text", property(lambda tally: made.append(len(tally.recent)) or "x"))
    with connect("host", state_dir=tmp_path / "state") as device, console.progress() as bar:
        assert not is_due(bar) and not is_due(silent) and is_due(lambda *_: None)
        device.teach(TASK.x_train, TASK.y_train, progress=bar)
    assert made == [24], "the end alone"


def test_json_stays_json_whatever_is_said(where: tuple[str, ...], tmp_path: Path) -> None:
    assert json.loads(invoke("-v", "info", *where, "--json").stdout)["model_status"] == "ok"


def test_each_stage_of_a_step_that_nobody_asked_for_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    tell = console.stage_teller()
    for stage, done in (("fetching", 0), ("fetching", 1), ("unpacking", 0)):
        tell(stage, done, 2)
    assert capsys.readouterr() == ("", "fetching …\nunpacking …\n")
    console.set_loudness(console.QUIET)
    try:
        console.stage_teller()("fetching", 0, 2)
    finally:
        console.set_loudness(console.NORMAL)
    assert capsys.readouterr() == ("", "")
