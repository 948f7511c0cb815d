# SPDX-License-Identifier: Apache-2.0
"""Measurements in Markdown: the verdict and what moved first, the rest behind a fold; odd names make no mark-up."""

import json
from dataclasses import replace

import pytest
from machine_measurement import machine_measurement

from tinytl.measurement import Figure, Measurement
from tinytl_bench.markdown import markdown_of


def measurement(*, bundle="digits", details=None, **changed):
    figures = {
        "accuracy": Figure(0.97, "fraction", "device, 200 test samples"),
        "instructions_per_inference": Figure(1_000_000, "instructions", "instructions (QEMU 7.2 plugin)"),
        "arena_bytes": Figure(23_472, "B", "image plan"),
        "image_bytes": Figure(80_000, "B", "image plan"),
        "energy_nj_thesis": Figure(9.2, "nJ", "nJ (model: thesis)"),
    }
    figures |= {name: replace(figures[name], value=value) for name, value in changed.items()}
    return Measurement(bundle, "qemu:mps2-an386", figures, (), details or {})


@pytest.fixture
def baseline(tmp_path):
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(measurement().to_json()))
    return path


def table_of(*measured, baseline=None):
    return markdown_of(measured, baseline, tolerance=0.03).replace("\N{NO-BREAK SPACE}", " ")


def test_without_a_baseline_figures_come_first_and_their_origins_are_folded():
    assert table_of(measurement()) == (
        "### `digits` on `qemu:mps2-an386`\n\n"
        "| figure | value |\n| :-- | --: |\n| Accuracy | 97.0 % |\n| Instructions per inference | 1,000,000 |\n"
        "| Arena | 23,472 B |\n| Image | 80,000 B |\n| Energy thesis | 9.2 nJ (modelled) |\n\n"
        "<details><summary>Where the figures come from</summary>\n\n"
        "- Accuracy: device, 200 test samples\n- Instructions per inference: instructions (QEMU 7.2 plugin)\n- Arena, Image: image plan\n"
        "- Energy thesis: nJ (model: thesis)\n\n</details>\n"
    )


def test_what_failed_stands_first_then_what_moved_then_names_of_the_rest(baseline):
    told = table_of(measurement(arena_bytes=23_000, image_bytes=100_000), baseline=baseline)
    above, _, folded = told.partition("<details>")
    assert above == (
        "### `digits` on `qemu:mps2-an386`\n\n❌ **1 of 5 figures moved past its tolerance.**\n\n"
        "| figure | baseline | now | change |\n| :-- | --: | --: | --: |\n"
        "| Image | 80,000 | 100,000 | +25.0 %, **too much** |\n| Arena | 23,472 | 23,000 | -2.0 % |\n\n"
        "Unchanged: Accuracy, Instructions per inference, Energy thesis.\n\n"
    )
    assert folded.startswith("<summary>All figures</summary>\n\n| figure | value |")


def test_a_sample_more_that_is_wrong_is_no_unchanged_accuracy(baseline):
    told = table_of(measurement(accuracy=0.969), baseline=baseline)
    assert "✅ All 5 figures that are compared lie within their tolerance." in told
    assert "| Accuracy | 0.9700 | 0.9690 | -0.10 points |" in told


def test_where_nothing_moved_there_is_no_table_above_the_fold(baseline):
    above = table_of(measurement(), baseline=baseline).partition("<details>")[0]
    assert above.count("\n") == 6 and "|" not in above and "✅" in above


def test_a_comparison_that_cannot_be_had_says_why(tmp_path, baseline):
    told = table_of(replace(measurement(), target="host"), baseline=baseline)
    assert "**Not compared:** baseline" in told and "has no target 'host'; expected qemu:mps2-an386" in told
    assert "| Image | 80,000" in told


def test_odd_names_make_no_markup_and_call_nobody():
    odd = measurement(bundle="a`b|c\n# d <script> @somebody", details={"not_storable": "hot | *very* @you <b>"})
    told = table_of(odd)
    assert told.startswith("### `a'b¦c # d <script> @somebody` on `qemu:mps2-an386`\n")
    assert "**Not stored, and not to be trusted:** hot \\| \\*very\\* @<!-- -->you &lt;b&gt;." in told


def test_a_machine_shows_both_engines_and_what_it_is():
    told = table_of(machine_measurement())
    assert told.partition("<details>")[0] == (
        "### `digits` on `pi:raspberrypi.local`\n\n"
        "| engine | of one | p50 ms | p90 ms | p99 ms |\n| :-- | --: | --: | --: | --: |\n"
        "| **litert**, in use | inference | 0.2 | 0.3 | 0.4 |\n| runtime | inference | 1.2 | 1.3 | 1.4 |\n"
        "| **litert**, in use | teach step | 0.5 | 0.6 | 0.7 |\n| runtime | teach step | 1.5 | 1.6 | 1.7 |\n\n"
        "| figure | value |\n| :-- | --: |\n| Peak rss | 90,000,000 B |\n\n"
    )
    assert "- machine: Raspberry Pi 5 Model B Rev 1.0, 4 × Cortex-A76, 2,400 MHz, governor ondemand, Linux 6.6.31, 64 bits\n" in told
    assert "- temperature: 48.0 °C before, 61.5 °C after (thermal zone cpu-thermal)\n" in told
