# SPDX-License-Identifier: Apache-2.0
"""Frames: what goes in comes out, what is damaged does not."""

import ctypes
import subprocess
from pathlib import Path

import pytest
from cobs import cobs
from hypothesis import given
from hypothesis import strategies as st

from tinytl.errors import DeviceError
from tinytl_bridge.paths import runtime_dir
from tinytl_bridge.wire.protocol import Frame, decode, encode, parse_info, parse_status

FRAMES = st.builds(Frame, st.integers(0, 255), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=1024))


@given(FRAMES)
def test_round_trip(frame: Frame) -> None:
    wire = encode(frame)
    assert wire[0] == wire[-1] == 0
    assert 0 not in wire[1:-1]
    assert decode(wire[1:-1]) == frame


@given(FRAMES, st.data())
def test_a_flipped_bit_is_found(frame: Frame, data: st.DataObject) -> None:
    wire = bytearray(encode(frame)[1:-1])
    place = data.draw(st.integers(0, len(wire) - 1))
    wire[place] ^= 1 << data.draw(st.integers(0, 7))
    assert decode(bytes(wire)) is None


@given(st.binary(max_size=64))
def test_noise_is_no_frame(noise: bytes) -> None:
    assert decode(noise.replace(b"\0", b"\1")) is None


def test_answers_of_another_firmware_are_refused() -> None:
    with pytest.raises(DeviceError, match=r"the answer to HELLO has 3 bytes; expected 64\nhint: the firmware is of another version"):
        parse_info(b"abc")
    with pytest.raises(DeviceError, match="the answer to STATUS has 0 bytes"):
        parse_status(b"", ())


@pytest.fixture(scope="module")
def stuffing(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    library = tmp_path_factory.mktemp("cobs") / "cobs.so"
    runtime = runtime_dir()
    subprocess.run(["cc", "-shared", "-fPIC", f"-I{runtime}", "-o", str(library), f"{runtime}/link/cobs.c"], check=True)
    return ctypes.CDLL(str(library))


@given(
    plain=st.one_of(st.binary(max_size=1200), st.integers(0, 1040).map(lambda n: b"\1" * n), st.integers(0, 1040).map(lambda n: b"\0" * n))
)
def test_the_devices_stuffing_is_the_packages(stuffing: ctypes.CDLL, plain: bytes) -> None:
    buffer = ctypes.create_string_buffer(len(plain) + len(plain) // 254 + 2)
    count = stuffing.tinytl_cobs_encode(plain, len(plain), buffer)
    assert buffer.raw[:count] == cobs.encode(plain)
    assert stuffing.tinytl_cobs_decode(buffer, count) == len(plain)
    assert buffer.raw[: len(plain)] == plain


@given(st.binary(min_size=1, max_size=300))
def test_the_devices_unstuffing_takes_anything(stuffing: ctypes.CDLL, noise: bytes) -> None:
    buffer = ctypes.create_string_buffer(noise, len(noise) + 8)
    count = stuffing.tinytl_cobs_decode(buffer, len(noise))
    try:
        assert buffer.raw[:count] == cobs.decode(noise)
    except cobs.DecodeError:
        assert count == 0


def test_runtime_dir_is_a_folder() -> None:
    assert Path(runtime_dir(), "link/cobs.c").exists()
