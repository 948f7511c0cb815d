# SPDX-License-Identifier: Apache-2.0
"""The study of the guard: its counts are those of streams, shuffled ones end with the old head."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tiny_task import TINY_CLASSES, tiny_task
from tinytl.errors import BenchError
from tinytl_bench.studies.guard import SETTINGS, GuardSetting, study_guard
from tinytl_cli import cli

TARGET = tiny_task("other writers", seed=11)


def test_streams_with_shuffled_labels_end_with_the_old_head(tiny_bundle: Path) -> None:
    settings = (GuardSetting(), GuardSetting(8192, guard_every=4), GuardSetting(8192, guard_every=4, guard_check_every=60))
    none, at_the_end, often = study_guard(tiny_bundle, TARGET, orders=2, settings=settings)
    assert (none.guard, none.checks, none.shuffled) == ("no guard", 0, 0)
    assert (at_the_end.guard, at_the_end.checks) == ("8 KB, one of 4, at the end", 2)
    assert often.guard == "8 KB, one of 4, every 60" and often.checks > 2
    for row in (none, at_the_end, often):
        assert 0.5 < row.lowest <= row.accuracy <= 1 and row.samples == len(TARGET.x_train)
        assert 0 <= row.undone <= row.checks
    assert (at_the_end.old_head, at_the_end.shuffled) == (4, 4)
    assert 3 <= often.old_head <= often.shuffled == 4, "a check early in the shuffled part may find a head that is no worse yet"
    assert study_guard(tiny_bundle, TARGET, orders=2, settings=settings[:1]) == (none,)


def test_few_samples_are_refused(tiny_bundle: Path) -> None:
    few = replace(TARGET, x_train=TARGET.x_train[:99], y_train=TARGET.y_train[:99])
    with pytest.raises(BenchError, match="dataset 'other writers' has 99 samples to teach; expected 100 or more"):
        study_guard(tiny_bundle, few)


@pytest.mark.long
def test_from_the_shell(tiny_bundle: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", x_train=TARGET.x_train, y_train=TARGET.y_train, x_test=TARGET.x_test, y_test=TARGET.y_test,
             classes=list(TINY_CLASSES))  # fmt: skip
    arguments = ["study", "guard", str(tiny_bundle), "--data", str(tmp_path / "other.npz"), "--orders", "1"]
    rows = json.loads(CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=False).stdout)
    assert [row["guard"] for row in rows] == [setting.text for setting in SETTINGS]
    shown = CliRunner().invoke(cli, arguments, catch_exceptions=False).stdout
    assert "no guard" in shown and f"{rows[1]['accuracy']:.4f}" in shown
    assert all(len(line) <= 100 for line in shown.splitlines())
