# SPDX-License-Identifier: Apache-2.0
"""The example run, and the pages of it and of a run whose every text is an attack or too long, drawn once."""

from pathlib import Path

import pytest
from example_story import example_story, hostile_measurement, hostile_story, measurement
from machine_measurement import machine_measurement

from tinytl.report import Story, write_bench_report, write_report


@pytest.fixture(scope="session")
def story() -> Story:
    return example_story()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Paths of five pages: story and bench, plain and hostile; a machine that measured itself, with very long words."""
    folder = tmp_path_factory.mktemp("pages")
    measured = [measurement(), measurement("qemu:mps3-an547", scale=0.4), measurement("host")]
    machine = machine_measurement(cpu={"board": "Raspberry " + "Pi" * 100})
    return {
        "machine": write_bench_report([machine], folder / "machine.html"),
        "story": write_report(example_story(), folder / "story.html"),
        "hostile story": write_report(hostile_story(), folder / "hostile.html"),
        "bench": write_bench_report(measured, folder / "bench.html"),
        "hostile bench": write_bench_report([hostile_measurement(), hostile_measurement()], folder / "hostile_bench.html"),
    }
