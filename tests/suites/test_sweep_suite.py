# SPDX-License-Identifier: Apache-2.0
"""The suite `sweep`: both ways on a few images, and its refusal."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from tinytl.measurement import Measurement
from tinytl_bench.suites.sweeping import PLANS, Size, run_sweep_suite
from tinytl_cli import cli
from tinytl_cli.bench_tables import render_sweep_suite


def test_it_is_timed_on_the_host_alone() -> None:
    refused = CliRunner().invoke(cli, ["bench", "--suite", "sweep", "--target", "qemu:mps2-an386"]).exception
    assert "suite 'sweep' on qemu:mps2-an386; expected --target host" in str(refused)


@pytest.mark.long
def test_both_ways_learn_the_same_samples(tmp_path: Path) -> None:
    folder = Path(os.environ.get("TINYTL_DATA_DIR", "nowhere"))
    if not all((folder / f"{name}.npz").exists() for name in ("cifar10", "cifar100")):
        pytest.skip(f"no cifar10.npz and cifar100.npz in TINYTL_DATA_DIR ({folder})")
    size = Size(pretraining=400, epochs=1, samples=64, tests=60, passes=2, seeds=2)
    measured = run_sweep_suite(folder=tmp_path, size=size)
    assert [each.bundle for each in measured] == [f"thesis-small, {name}" for name in (*PLANS, "all", "all, with export")]
    for each in measured:
        figures = {name: figure.value for name, figure in Measurement.from_json(each.to_json()).figures.items()}
        assert figures["times_faster"] == pytest.approx(figures["seconds_fit"] / figures["seconds_sweep"])
        assert 0 <= figures["accuracy"] <= 1 and abs(figures["accuracy"] - figures["accuracy_fit"]) < 0.15
    console = Console(width=100, record=True)
    render_sweep_suite(console, measured)
    assert max(map(len, console.export_text().splitlines())) <= 100
    assert [path.name for path in tmp_path.iterdir()] == ["thesis-small-cifar10-400-1"], "the sweep's folder is gone"
