# SPDX-License-Identifier: Apache-2.0
"""The spread of the demo over seeds and orders: what is told of one run, what is stored, what is refused."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tinytl.errors import BenchError
from tinytl_bench.studies.seeds import FIGURES, SeedRun, SeedsSettings, SeedsStudy, Spread, compared, read_seeds, study_seeds, write_seeds
from tinytl_cli import cli

RUNS = tuple(SeedRun(seed, 1, 0.70 + seed / 100, 0.96 + seed / 1000, 0.98, 0.97) for seed in (1, 2, 3))
STUDY = SeedsStudy("ds-cnn", "last-dense", "mnist-5k", "uci-digits", 60, 898, {"0.01": 0.95, "0.1": 0.9}, 0.01, RUNS)


def test_mean_and_deviation_of_the_runs() -> None:
    assert STUDY.spread("target_accuracy_before") == Spread(pytest.approx(0.72), pytest.approx(0.01), 0.71, 0.73)
    assert STUDY.spread("target_accuracy_before").text == "72.0 ± 1.0 %"


def test_a_run_outside_the_spread_is_told_as_such() -> None:
    run = {"target_accuracy_before": 0.75, "target_accuracy_after": 0.962, "source_accuracy_before": 0.98, "source_accuracy_after": 0.97}
    lines = compared(run, STUDY)
    assert lines[0] == "target before 75.0 %: OUTSIDE the spread of 3 runs, 72.0 ± 1.0 %"
    assert lines[1] == "target after 96.2 %: within the spread of 3 runs, 96.2 ± 0.1 %"


def test_a_stored_study_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_seeds(STUDY, tmp_path / "spread.json")
    assert read_seeds(tmp_path / "spread.json") == STUDY


def test_a_file_that_is_no_study_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "spread.json").write_text("{}")
    with pytest.raises(BenchError, match=r"spread\.json is no study of seeds: .*'model' is missing"):
        read_seeds(tmp_path / "spread.json")


def test_one_run_has_no_spread(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="one run has no spread"):
        study_seeds("ds-cnn", "last-dense", "mnist-5k", "uci-digits", SeedsSettings(tmp_path, seeds=1, orders=1))


@pytest.mark.long
def test_seeds_from_the_shell(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs tinytl[host]")
    out = tmp_path / "spread.json"
    arguments = [
        "study",
        "seeds",
        "--seeds",
        "2",
        "--orders",
        "2",
        "--epochs",
        "1",
        "--work",
        str(tmp_path / "work"),
        "-o",
        str(out),
        "--json",
    ]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    told, stored = json.loads(result.stdout), read_seeds(out)
    assert told["learning_rate"] == stored.learning_rate and f"{stored.learning_rate:g}" in stored.validation
    assert stored.validation[f"{stored.learning_rate:g}"] == max(stored.validation.values())
    assert [(run.seed, run.order) for run in stored.runs] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert stored.runs[0].target_accuracy_before == stored.runs[1].target_accuracy_before  # one model, another order
    assert stored.runs[0].target_accuracy_after > stored.runs[0].target_accuracy_before


def test_the_stored_study_is_what_the_readme_tells() -> None:
    """Five seeds and five orders at least, its rate the best of the validation part; README has its means and deviations."""
    stored = read_seeds()
    assert stored.seed_count >= 5 and len(stored.runs) >= 25
    assert stored.validation[f"{stored.learning_rate:g}"] == max(stored.validation.values())
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    for figure in FIGURES:
        assert stored.spread(figure).text in readme, figure
