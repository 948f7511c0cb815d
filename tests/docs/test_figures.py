# SPDX-License-Identifier: Apache-2.0
"""Figures in README and docs/measured.md are those that commands have stored."""

import json
from pathlib import Path
from typing import Any

import pytest

from tinytl_bench.studies.plans import TaskStudy
from tinytl_bench.studies.plans.stored import PAGE, read_studies
from tinytl_bench.studies.plans.tables import markdown, percent, points

ROOT = Path(__file__).resolve().parents[2]
README, MEASURED = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/measured.md"))
FOLDER = ROOT / "benchmarks/studies"
STUDIES = {study.name: study for study in read_studies(FOLDER)}
PLANS = ("last-dense", "fc+conv1:25%", "fc+conv1", "fc+conv2", "all", "bias-only", "bias+last-dense")


def reached(after: float, source_change: float | None) -> str:
    return percent(after) if source_change is None else f"{percent(after)} ({points(source_change)})"


def row_of(study: TaskStudy) -> str:
    found = {plan.plan: reached(plan.after, plan.source_change) for plan in study.plans}
    default = study.name == study.task
    first = (study.task, percent(study.plans[0].before)) if default else ("the same, equal rates", "")
    host = reached(study.host.after, study.host.source_change) if default else ""
    return f"| {' | '.join((*first, *(found.get(plan, '–') for plan in PLANS), host))} |".replace("|  |", "| |")


def baseline(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((ROOT / f"benchmarks/baselines/{name}.json").read_text(encoding="utf-8"))
    return found


def test_the_page_of_the_studies_is_that_of_their_files() -> None:
    assert (FOLDER / PAGE).read_text(encoding="utf-8") == markdown(list(STUDIES.values()))


@pytest.mark.parametrize("name", ["digits", "digits-equal", "usps", "letters", "things", "things-equal", "gestures"])
def test_the_measured_table_of_plans(name: str) -> None:
    assert row_of(STUDIES[name]) in MEASURED


@pytest.mark.parametrize(("name", "title"), [("digits", "MNIST → UCI digits"), ("usps", "MNIST → USPS"), ("letters", "MNIST → letters"),
                                             ("things", "CIFAR-10 →"), ("gestures", "gestures →")])  # fmt: skip
def test_readmes_table_of_plans(name: str, title: str) -> None:
    (row,) = [line.replace("**", "") for line in README.splitlines() if line.startswith(f"| {title}")]
    study = STUDIES[name]
    plans = {plan.plan: plan for plan in study.plans}
    ends = (plans["last-dense"], plans["fc+conv1"], study.host)
    assert [cell.strip() for cell in row.split("|")[4:-1]] == [reached(end.after, end.source_change) for end in ends]


MODELS = {"resnet-8": "ResNet-8", "kws-ds-cnn": "keyword DS-CNN", "person-detect": "person_detect", "vww": "VWW", "ad": "AD"}


def millions(value: int) -> str:
    return f"{value / 1e6:.{2 if value >= 6e5 else 3}f} M"


@pytest.mark.parametrize("name", MODELS)
def test_readmes_speed_beside_flash(name: str) -> None:
    (figures,) = [each for each in baseline("mlperf-tiny") if each["name"] == name]
    row, helium = [[cell.strip() for cell in line.split("|")] for line in README.splitlines() if line.startswith(f"| {MODELS[name]}")][-2:]
    peer = figures["details"]["peers"]["TFLM + CMSIS-NN"]
    instructions, cycles = figures["instructions_per_inference"], figures["cycles_model"]
    ratio = f"{cycles / peer['cycles_model']:.2f}" if "cycles_model" in peer else "–"
    of_peer = (millions(peer["instructions"]), millions(instructions), f"{instructions / peer['instructions']:.2f}")
    assert row[2:8] == [*of_peer, millions(cycles), ratio, f"{figures['image_bytes']:,}"]
    assert row[8].startswith(f"{figures['arena_bytes']:,} (")
    (figures,) = [each for each in baseline("mlperf-tiny-m55") if each["name"] == name]
    assert helium[3] == millions(figures["instructions_per_inference"])


def test_readmes_demo_fits() -> None:
    stored: Any = baseline("digits")
    figures = stored[0] if isinstance(stored, list) else stored
    assert f"{figures['arena_bytes']:,} bytes of arena and {figures['flash_bytes']:,} of flash" in README
    steps = (figures["instructions_per_inference"], figures["instructions_per_teach_step"])
    assert (
        "One inference takes {} M instructions, one teach step with its replays {} M".format(*(f"{each / 1e6:.2f}" for each in steps))
        in README
    )


def test_readmes_steps_of_learning() -> None:
    figures = {each["bundle"]: each for each in baseline("learner")}
    for name, title in (("dense 64-10 float32", "dense 64-10"), ("dense 256-64-10 float32", "dense 256-64-10"),
                        ("conv 3x3 64-64 + pool + dense 64-10 float32", "convolution 3×3"),
                        ("conv 3x3 64-64 + pool + dense 64-10 int8", "the same with int8 weights")):  # fmt: skip
        (row,) = [line for line in README.splitlines() if line.startswith(f"| {title}")]
        cells = [cell.strip() for cell in row.split("|")]
        assert cells[2] == f"{figures[name]['instructions_per_teach_step']:,}"
        assert cells[5] == f"{figures[name]['weights_bytes']:,}; {figures[name]['extra_ram_bytes']:,} B"
    for name in ("dense 64-10 int8", "dense 256-64-10 int8"):
        assert f"{name.removesuffix(' int8').removeprefix('dense ')}: {figures[name]['instructions_per_teach_step']:,}" in README
