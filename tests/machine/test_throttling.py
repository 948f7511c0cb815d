# SPDX-License-Identifier: Apache-2.0
"""Throttling: bits in words, both sources, what happened between two readings; where nothing tells it is never «no»."""

from pathlib import Path

import pytest
from machine_trees import PIS, vcgencmd_script, write_files, write_pi, write_program

from tinytl_bridge.machine.throttling import FLAGS, Throttling, read_throttling

SYSFS = "sys/devices/platform/soc/soc:firmware/get_throttled"


def reading(bits: int | None) -> Throttling:
    return Throttling(bits, "vcgencmd get_throttled" if bits is not None else "there is no program vcgencmd")


@pytest.mark.parametrize("index", range(len(FLAGS)))
def test_each_bit_in_words(index: int, tmp_path: Path) -> None:
    now = read_throttling(write_pi(tmp_path / "now", "pi4", throttled=hex(1 << index)))
    assert (now.now, now.occurred) == ((FLAGS[index],), ())
    since = read_throttling(write_pi(tmp_path / "since", "pi4", throttled=hex(1 << (16 + index))))
    assert (since.now, since.occurred) == ((), (FLAGS[index],))


def test_the_answer_that_many_pis_give() -> None:
    throttling = reading(0x50005)
    assert throttling.words == "now under-voltage, throttled; has occurred under-voltage, throttled (vcgencmd get_throttled)"
    assert throttling.to_json()["bits"] == "0x50005" and throttling.to_json()["now"] == ("under-voltage", "throttled")
    assert reading(0).words == "now nothing; has occurred nothing (vcgencmd get_throttled)"


def test_a_program_on_path_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(tmp_path / "vcgencmd", vcgencmd_script(PIS["pi4"], throttled="0x20002"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert read_throttling() == Throttling(0x20002, "vcgencmd get_throttled")


def test_the_file_of_the_kernel_is_read_where_the_program_fails(tmp_path: Path) -> None:
    write_program(tmp_path / "usr/bin/vcgencmd", "echo 'VCHI initialization failed'; exit 255")
    write_files(tmp_path, {SYSFS: "50005\n"})
    assert read_throttling(tmp_path) == Throttling(0x50005, f"/{SYSFS}")


@pytest.mark.parametrize(
    ("answer", "text", "words"),
    [
        (None, None, f"there is no program vcgencmd, and /{SYSFS} is missing"),
        ("echo throttled=zero", None, f"vcgencmd get_throttled said 'throttled=zero', and /{SYSFS} is missing"),
        ("true", "-1\n", f"`vcgencmd get_throttled` said 'nothing' and ended with 0, and /{SYSFS} holds '-1'"),
        ("kill -9 $$", "ff ff\n", f"`vcgencmd get_throttled` said 'nothing' and ended with -9, and /{SYSFS} holds 'ff ff'"),
    ],
)
def test_where_nothing_tells_it_is_not_known(answer: str | None, text: str | None, words: str, tmp_path: Path) -> None:
    if answer is not None:
        write_program(tmp_path / "usr/bin/vcgencmd", answer)
    if text is not None:
        write_files(tmp_path, {SYSFS: text})
    throttling = read_throttling(tmp_path)
    assert (throttling.bits, throttling.now, throttling.occurred, throttling.how) == (None, None, None, words)
    assert throttling.words == f"not known: {words}" and throttling.to_json()["now"] is None


def test_a_program_that_cannot_run_says_why(tmp_path: Path) -> None:
    path = write_program(tmp_path / "usr/bin/vcgencmd", "")
    path.write_bytes(b"\x7fELF no program")
    assert "`vcgencmd get_throttled` does not run: Exec format error" in read_throttling(tmp_path).how


@pytest.mark.parametrize(
    ("bits", "happened", "words"),
    [
        ((0, 0), False, "not throttled, by 2 readings (vcgencmd get_throttled)"),
        ((0, 0x40000), True, "happened: throttled"),
        ((0, 0x4, 0), True, "happened: throttled"),
        ((0x10001, 0x10000), True, "happened: under-voltage"),
        ((0x80000, 0, 0x80000), True, "happened: soft temperature limit"),
        ((0x10000, 0x30000), True, "happened: frequency capped"),
        ((0x50000, 0x50000), None, "not known: under-voltage, throttled had occurred before already; a restart of the machine forgets it"),
        ((0x10000, 0x10000, 0x10000, 0x10000, 0x10000), False, "not throttled in any of 5 readings; under-voltage had occurred before"),
        ((None, None), None, "not known: there is no program vcgencmd"),
        ((0, None), None, "not known: there is no program vcgencmd"),
        ((None, 0x1), True, "happened: under-voltage"),
    ],
)
def test_what_happened_between_readings(bits: tuple[int | None, ...], happened: bool | None, words: str) -> None:
    first, *during, last = map(reading, bits)
    answer = Throttling.happened_between(first, last, during)
    assert (answer.happened, answer.words) == (happened, words)
    assert bool(answer.flags) is (happened is True) and answer.to_json()["happened"] is happened
