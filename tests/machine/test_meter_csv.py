# SPDX-License-Identifier: Apache-2.0
"""Files of power meters: headers as meters write them, units, dates, separators; damage is refused with its line."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytl.errors import BenchError
from tinytl_bridge.machine.meters import read_meter_csv
from tinytl_bridge.machine.meters.csv_header import columns_of

BEGIN = 1_790_000_000


def write(folder: Path, text: str) -> Path:
    path = folder / "meter.csv"
    path.write_text(text, encoding="utf-8")
    return path


def table(header: str, row: str, count: int = 30, *, period: float = 0.1, begin: float = BEGIN) -> str:
    """Rows of `row.format(t=…)`, t in s."""
    return "\n".join([header, *(row.format(t=begin + index * period) for index in range(count))]) + "\n"


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("timestamp_s,power_w", "{t:.3f},2.5"),
        ("Time (s);Power [mW]", "{t:.3f};2500"),
        ("Time\tPower(W)", "{t:.3f}\t2,5"),
        ("time;watts", "{t:.3f};2,5"),
        ("# recorded at home\n\ntime,W", "{t:.3f},2.5"),
        ("\ufefftimestamp,voltage,V,current_A,energy_Ws".replace(",voltage,V", ",Voltage (V)"), "{t:.3f},5,0.5,99"),
        ("timestamp sample_in_packet voltage_V current_A dp_V dn_V temp_C_ema energy_Ws", "{t:.3f} 0 5.0 0.5 1.1 1.2 30 9"),
        ("timestamp   U/V   I/mA", "{t:.3f}    5    500"),
        ('"Time","Current (mA)","Voltage (mV)"', '"{t:.3f}","500","5000"'),
        ("t,power_uw", "{t:.3f},2.5e6"),
        ("n,Time stamp [s],P [µW]", "7,{t:.3f},2500000"),
    ],
)
def test_headers_as_meters_write_them(header: str, row: str, tmp_path: Path) -> None:
    trace = read_meter_csv(write(tmp_path, table(header, row)))
    np.testing.assert_allclose(trace.times_s, BEGIN + np.arange(30) / 10, rtol=0, atol=1e-6)
    np.testing.assert_allclose(trace.watts, 2.5)
    assert trace.clock == "wall" and trace.how.startswith("file of a power meter, 30 samples")
    assert trace.window(BEGIN + 0.25, BEGIN + 2.75).energy_j() == pytest.approx(2.5 * 2.5)


@pytest.mark.parametrize(("name", "factor"), [("timestamp_ms", 1e3), ("time (us)", 1e6), ("time", 1e3), ("time", 1e6), ("time", 1e9), ("t[ns]", 1e9)])  # fmt: skip
def test_units_of_time_by_name_or_size(name: str, factor: float, tmp_path: Path) -> None:
    rows = "".join(f"{int((BEGIN * 10 + index) * factor) // 10},1\n" for index in range(30))
    trace = read_meter_csv(write(tmp_path, f"{name},power_w\n{rows}"))
    np.testing.assert_allclose(trace.times_s, BEGIN + np.arange(30) / 10, rtol=0, atol=1e-5)


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%d %H:%M:%S.%f+00:00", "%Y/%m/%d %H:%M:%S.%f+00:00"])
def test_dates_with_a_zone(form: str, tmp_path: Path) -> None:
    rows = "".join(f"{datetime.fromtimestamp(BEGIN + index / 4, UTC).strftime(form)},1\n" for index in range(30))
    trace = read_meter_csv(write(tmp_path, f"timestamp,power_w\n{rows}"))
    np.testing.assert_allclose(trace.times_s, BEGIN + np.arange(30) / 4, rtol=0, atol=1e-6)


def test_dates_without_a_zone_are_of_this_machine(tmp_path: Path) -> None:
    rows = "".join(f"{datetime.fromtimestamp(BEGIN + index).isoformat(' ')},1\n" for index in range(30))
    assert read_meter_csv(write(tmp_path, f"timestamp,power_w\n{rows}")).times_s[0] == BEGIN


def test_time_from_the_beginning_of_the_record_needs_its_begin(tmp_path: Path) -> None:
    path = write(tmp_path, table("Timestamp(ms),power_mw", "{t:.3f},4", begin=0, period=100))
    with pytest.raises(BenchError, match=r"its time begins with 0 s, which is no wall time.*\nhint: say when its record began"):
        read_meter_csv(path)
    assert read_meter_csv(path, start_s=BEGIN).times_s[-1] == pytest.approx(BEGIN + 2.9)


@settings(max_examples=40, deadline=None)
@given(
    milliwatts=st.integers(1, 20_000),
    period_ms=st.integers(1, 1_000),
    count=st.integers(40, 120),
    window=st.tuples(st.floats(0.0, 0.2), st.floats(0.8, 1.0)),
)
def test_constant_power_of_a_file_is_power_times_time(
    milliwatts: int, period_ms: int, count: int, window: tuple[float, float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = "".join(f"{BEGIN * 1000 + index * period_ms},{milliwatts}\n" for index in range(count))
    trace = read_meter_csv(write(tmp_path_factory.mktemp("csv"), f"time_ms,power_mw\n{rows}"))
    begin, end = trace.times_s[0] + np.array(window) * (trace.times_s[-1] - trace.times_s[0])
    assert trace.window(begin, end).energy_j() == pytest.approx(milliwatts / 1000 * (end - begin), rel=1e-9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "header `` has no column of time"),
        ("power_w\n1\n", "header `power_w` has no column of time; expected time or timestamp"),
        ("time,energy_Ws\n1,1\n", "header `time, energy_Ws` has no power; expected power, or voltage and current"),
        ("time,voltage_v\n1,1\n", "has no power; expected power, or voltage and current"),
        ("time,power\n1,1\n", "column `power` names no unit of power; expected one of w, mw, uw"),
        ("time,voltage_v,current\n1,1,1\n", "column `current` names no unit of current; expected one of a, ma, ua"),
        ("time,power_w,power_mw\n1,1,1\n", "has 2 columns of power; expected one"),
        ("time,power_w\n", "0 samples; expected at least 2"),
        ("time,power_w\n1790000000,1\n1790000001,?\n", "line 3: `1790000001,\\?`: could not convert string to float: '\\?'"),
        ("time,power_w\n1790000000,1\n\n1790000001\n", "line 4: `1790000001`: list index out of range"),
        ("time,power_w\n1790000000,1\n1790000001,nan\n", "line 3: `1790000001,nan`: 'nan' is no finite number"),
        ("time,power_w\n1790000000,1\nyesterday,1\n", "line 3: `yesterday,1`: Invalid isoformat string: 'yesterday'"),
        ("#\ntime,power_w\n1790000000,1\n1790000001,1\n1790000001,1\n", "line 5: time 1790000001.000000 s after 1790000001.000000 s; expected rising"),
        ("time,power_w\n1790000000,1\n1790000001,1\n1790000002,1\n1790000013,1\n", "line 5: no sample for 11 s; expected one every 1 s"),
    ],
)  # fmt: skip
def test_damage_is_refused_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=words):
        read_meter_csv(write(tmp_path, text))


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"No such file or directory.*; expected a CSV of a power meter in UTF-8"):
        read_meter_csv(tmp_path / "none.csv")
    (tmp_path / "noise.csv").write_bytes(np.random.default_rng(0).bytes(500))
    with pytest.raises(BenchError, match=r"noise.csv: .*can't decode"):
        read_meter_csv(tmp_path / "noise.csv")


WORDS = st.sampled_from(["time", "Power", "(W)", "_ms", "voltage", "mA", "current", "I", "/V", "µW", " ", "T", "é", ""])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(WORDS, max_size=3).map("".join), max_size=4))
def test_any_header_is_read_or_refused(names: list[str]) -> None:
    try:
        columns = columns_of(names)
    except BenchError:
        return
    assert columns.time < len(names) and len(columns.factors) in (1, 2)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200), header=st.sampled_from([b"time,power_w\n", b"time;voltage_v;current_a\n", b""]))
def test_any_bytes_are_read_or_refused(data: bytes, header: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bytes") / "meter.csv"
    path.write_bytes(header + data)
    try:
        trace = read_meter_csv(path)
    except BenchError:
        return
    assert np.isfinite(trace.watts).all()
