# SPDX-License-Identifier: Apache-2.0
"""What a machine measured of itself, on the page and in a terminal; details that are not as `bench` writes them are left out."""

import io

import pytest
from machine_measurement import machine_measurement
from rich.console import Console

from tinytl.measurement import Measurement
from tinytl.report import write_bench_report
from tinytl.report.machine import engine_rows, machine_notes
from tinytl_cli.bench_tables import render_measurements

DIGITS = machine_measurement()


def test_rows_are_of_both_engines_the_one_in_use_first():
    rows = engine_rows(DIGITS)
    assert [(row.engine, row.what, row.is_used, row.times_ms[0]) for row in rows] == [
        ("litert", "inference", True, 0.2), ("runtime", "inference", False, 1.2),
        ("litert", "teach step", True, 0.5), ("runtime", "teach step", False, 1.5),
    ]  # fmt: skip
    assert rows[0].per_second == pytest.approx(5000)


def test_notes_say_why_where_and_what_is_missing():
    notes = machine_notes(DIGITS)
    assert dict(notes)["in use"] == "litert, because it is faster."
    assert dict(notes)["features"] == (
        "9,975 of 115,200 differ between the engines, by 2 at most; 1 of 400 samples go to another class; "
        "after teaching litert has 95 of 96 held-out samples right, runtime 96"
    )
    assert dict(notes)["throttled"] == "not throttled, by 5 readings"
    assert ("not had", "inference energy, run power: no meter") in notes


@pytest.mark.parametrize("details", [{}, {"engines": 3}, {"engines": {"runtime": {}}}, {"engines": {"x": {"figures": {}}}, "engine": "x"}])
def test_other_details_give_no_rows(details, tmp_path):
    measurement = Measurement("digits", "host", DIGITS.figures, (), details)
    assert engine_rows(measurement) == [] and machine_notes(measurement) == []
    page = write_bench_report([measurement], tmp_path / "page.html").read_text()
    assert "Time per inference p90" in page and "in use" not in page


def test_an_engine_that_was_asked_for_and_is_not_the_better_one_says_both():
    asked = DIGITS.details | {"engine_reason": "litert, because the agent was started with it."}
    asked["choice"] = DIGITS.details["choice"] | {"reason": "runtime, because litert is no faster."}
    notes = dict(machine_notes(Measurement("digits", "pi:x", DIGITS.figures, (), asked)))
    assert notes["in use"] == "litert, because the agent was started with it."
    assert notes["compared"] == "it would be runtime, because litert is no faster."
    assert "compared" not in dict(machine_notes(DIGITS))


def test_half_of_the_details_gives_half_of_the_notes():
    half = {name: DIGITS.details[name] for name in ("engine", "engines")}
    assert [what for what, _ in machine_notes(Measurement("digits", "pi:x", DIGITS.figures, (), half))] == ["times", "not had"]


def test_the_page_has_the_times_once(tmp_path):
    page = write_bench_report([DIGITS], tmp_path / "page.html").read_text()
    assert "Times of digits on pi:raspberrypi.local" in page and "Raspberry Pi 5 Model B" in page
    assert "Time per inference p90" not in page and "Peak rss" in page


def test_a_terminal_of_100_columns_holds_it():
    screen = io.StringIO()
    render_measurements(Console(file=screen, width=100, highlight=False), [DIGITS])
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[2].split() == ["litert,", "in", "use", "inference", "0.2", "0.3", "0.4", "0.5", "5,000"]
    assert sum("garbage collector off" in line for line in lines) == 1
