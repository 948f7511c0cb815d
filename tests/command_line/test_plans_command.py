# SPDX-License-Identifier: Apache-2.0
"""`tinytl plans` shows what each plan trains, and fits a terminal of 100 columns."""

import json

import pytest
from click.testing import CliRunner

from tinytl.training.run_folder import Run


def answer(*arguments: str) -> str:
    from tinytl_cli import cli

    done = CliRunner().invoke(cli, arguments, env={"COLUMNS": "100"}, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_plans_as_a_table(tiny_run: Run) -> None:
    text = answer("plans", str(tiny_run.path))
    assert max(len(line) for line in text.splitlines()[1:]) <= 100
    rows = [line.split() for line in text.splitlines() if line and not line.startswith(("Freeze", str(tiny_run.path)))]
    assert rows[-8:] == [
        ["last-dense", "1", "16", "68", "64", "10,368"],
        ["fc", "2", "3×3×12", "1,812", "1,792", "8,640"],
        ["fc+conv1:25%", "3", "6×6×8", "+", "3×3×9", "1,839", "2,656", "7,776"],
        ["fc+conv1", "3", "6×6×8", "1,920", "5,248", "5,184"],
        ["fc+conv2", "4", "6×6×8", "2,000", "7,840", "2,592"],
        ["all", "5", "12×12×1", "2,080", "10,432", "0"],
        ["bias-only", "4", "6×6×8", "40", "7,840", "2,592"],
        ["bias+last-dense", "4", "6×6×8", "104", "7,840", "2,592"],
    ]


def test_plans_as_json(tiny_run: Run) -> None:
    rows = {row["plan"]: row for row in json.loads(answer("plans", str(tiny_run.path), "--json"))}
    assert rows["fc+conv1"]["trains"] == ["pointwise", "hidden", "classes"]
    assert rows["fc+conv1"]["features"] == [[6, 6, 8]]
    assert rows["fc+conv1"]["feature_bytes"] == 288
    assert rows["bias+last-dense"]["biases"] == ["depthwise", "pointwise", "hidden"]
    assert rows["all"]["energy_nj_thesis"] == pytest.approx(10_432 * 3.2 / 1000)
