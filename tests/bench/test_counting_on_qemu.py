# SPDX-License-Identifier: Apache-2.0
"""Counting on the emulated board: a loop of known length, the same number twice, the plugin against -icount."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tinytl.bundle.bundle import read_bundle
from tinytl.data import Dataset
from tinytl.errors import BenchError
from tinytl_bench import bench
from tinytl_bench.counting import Counter, open_counter
from tinytl_bench.counting.plugin import plugin_refusal
from tinytl_bench.counting.profile import MarkLog, profile

pytestmark = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)
BOARD = "mps2-an386"
PER_ITERATION = 3


@pytest.fixture(scope="module")
def plugin_counter() -> Iterator[Counter]:
    if refusal := plugin_refusal():
        pytest.skip(f"this QEMU takes no plugin: {refusal}")
    with open_counter(BOARD, plugin=True) as counter:
        yield counter


@pytest.fixture(scope="module")
def icount_counter() -> Iterator[Counter]:
    with open_counter(BOARD, plugin=False) as counter:
        yield counter


def loop(counter: Counter, iterations: int) -> int:
    return counter.measure("loop", iterations=iterations)[0].instructions


@pytest.mark.parametrize("iterations", [1, 10, 1_000, 250_000])
def test_a_loop_of_known_length_is_counted_to_the_instruction(plugin_counter: Counter, iterations: int) -> None:
    around = loop(plugin_counter, 1) - PER_ITERATION
    assert 0 < around < 40, "the marks stand directly around the work"
    assert loop(plugin_counter, iterations) == PER_ITERATION * iterations + around


def test_the_loop_is_made_of_what_it_is_made_of(plugin_counter: Counter) -> None:
    region = plugin_counter.measure("loop", iterations=10_000)[0]
    assert region.profile is not None
    assert region.profile.functions["count_loop"] == PER_ITERATION * 10_000 + 1
    assert region.profile.classes["branch"] >= 10_000
    assert region.profile.instructions == sum(region.profile.classes.values()) == sum(region.profile.functions.values())
    # nop 1, subs 1, bne 1 and 2 more when taken: 5 cycles an iteration but for the last.
    assert abs(region.profile.cycles - 5 * 10_000) < 100


def test_an_iteration_of_the_loop_adds_its_three_classes(plugin_counter: Counter) -> None:
    """nop, subs, bne: a thousand more of each, nothing else."""
    few, many = (plugin_counter.measure("loop", iterations=iterations)[0].profile for iterations in (1_000, 2_000))
    assert few is not None and many is not None
    more = {name: count - few.classes.get(name, 0) for name, count in many.classes.items()}
    assert {name: count for name, count in more.items() if count} == {"other": 1_000, "integer": 1_000, "branch": 1_000}


def test_two_runs_count_the_same(plugin_counter: Counter, tiny_bundle: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    plugin_counter.device.flash(bundle)
    counts = []
    for _ in range(2):
        inference = plugin_counter.measure("inference", sample=bundle.check_inputs[0])
        step = plugin_counter.measure("step", label=1)
        plugin_counter.device.rollback("factory")
        counts.append([(region.instructions, region.cycles_model) for region in (*inference, *step)])
    assert counts[0] == counts[1]
    assert all(instructions > 0 for instructions, _ in counts[0])


def test_a_checked_byte_takes_three_instructions(plugin_counter: Counter, tiny_bundle: Path) -> None:
    """FLASH computes five checksums over an image: of its frames, before and after it is committed. A nibble at a time took ten instructions."""
    assert plugin_counter.marks is not None
    with open_counter(BOARD, plugin=True) as fresh:
        assert fresh.marks is not None
        image = fresh.device.compile(read_bundle(tiny_bundle))
        fresh.device.flash(image)
        fresh.device.measure("loop", iterations=1)
        until_flashed = profile(fresh.marks.log.read_new()[0], fresh.marks.code)
    assert 5 * 2.8 < until_flashed.functions["tinytl_crc32"] / len(image.data) < 5 * 3.3


def test_without_plugins_icount_counts_the_same_within_a_thousandth(
    plugin_counter: Counter, icount_counter: Counter, tiny_bundle: Path
) -> None:
    assert "-icount" in icount_counter.how and "plugin" in plugin_counter.how
    assert loop(icount_counter, 200_000) == pytest.approx(loop(plugin_counter, 200_000), rel=1e-3)
    bundle = read_bundle(tiny_bundle)
    totals = []
    for counter in (plugin_counter, icount_counter):
        counter.device.flash(bundle)
        regions = counter.measure("inference", sample=bundle.check_inputs[0])
        totals.append(sum(region.instructions for region in regions))
        assert (counter.measure("loop", iterations=5)[0].cycles_model is None) == (counter is icount_counter)
    # What begins and ends a region counts 17 instructions more with -icount.
    assert totals[1] == pytest.approx(totals[0], rel=1e-3, abs=18 * len(regions))


def test_marks_that_do_not_match_the_regions_are_refused(plugin_counter: Counter, tmp_path: Path) -> None:
    assert plugin_counter.marks is not None
    (tmp_path / "counts").touch()
    deaf = replace(plugin_counter, marks=replace(plugin_counter.marks, log=MarkLog(tmp_path / "counts")))
    with pytest.raises(BenchError, match="0 marks were counted for 1 regions; expected 2"):
        deaf.measure("loop", iterations=1)
    plugin_counter.marks.log.read_new()


NEWER_API = "TCG plugin requires API version 1, but this QEMU supports only a minimum version of 2"


@pytest.fixture
def newer_qemu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The QEMU that is installed, behind a door that refuses the plugin as one of a newer API does."""
    script = tmp_path / "qemu-system-arm"
    refuses = f'echo "qemu-system-arm: -plugin p.so: Could not load plugin p.so: {NEWER_API}" >&2; exit 1'
    script.write_text(f'#!/bin/sh\ncase "$*" in *-plugin*) {refuses} ;; esac\nexec {shutil.which("qemu-system-arm")} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


@pytest.mark.usefixtures("newer_qemu")
def test_a_newer_plugin_api_falls_back_to_icount_and_says_so(tiny_bundle: Path, tiny_dataset: Dataset) -> None:
    assert plugin_refusal() == NEWER_API
    measured = bench(tiny_bundle, target=f"qemu:{BOARD}", dataset=tiny_dataset, samples=4)
    assert re.fullmatch(r"instructions \(QEMU [\d.]+ -icount, board timer\)", measured.figures["instructions_per_inference"].how)
    document = measured.to_json()
    assert document["instructions_per_inference"] > 0
    assert document["cycles_model"] is None
    why = f"not modelled: QEMU refuses the counting plugin ({NEWER_API}), so instructions alone are counted"
    assert document["how"]["cycles_model"] == document["how"]["milliseconds_model"] == why


@pytest.mark.usefixtures("newer_qemu")
def test_insisting_on_a_plugin_that_does_not_load_is_refused() -> None:
    text = rf"QEMU [\d.]+ refuses the counting plugin: {NEWER_API}\nhint: leave plugin=None to count through -icount"
    with pytest.raises(BenchError, match=text), open_counter(BOARD, plugin=True):
        pass
