# SPDX-License-Identifier: Apache-2.0
"""Pairing codes: read as shown and as people type them; the key is scrypt's, with the memory and the cost that the format says."""

import hashlib
import re
import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from two_sides import PATIENT

from tinytl_bridge.pairing.codes import COST, Code, code_key, new_code, read_code
from tinytl_bridge.pairing.errors import PairingError, Reason

TEN_BYTES = st.binary(min_size=10, max_size=10)
SALT = bytes(range(16))


@PATIENT
@given(TEN_BYTES)
def test_a_code_is_80_bits_none_lost(value: bytes) -> None:
    text = new_code(lambda count: value[:count])
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", text)
    assert read_code(text) == value


def test_a_code_written_down() -> None:
    """40 bits of Crockford's base32 are eight characters: 00 44 32 14 C7 is 0 1 2 3 4 5 6 7."""
    assert new_code(lambda count: bytes.fromhex("00443214c7") + bytes.fromhex("ffffffffff")) == "0123-4567-ZZZZ-ZZZZ"


def test_codes_are_drawn_anew() -> None:
    assert new_code() != new_code()


@PATIENT
@given(TEN_BYTES, st.randoms(use_true_random=False))
def test_a_code_is_read_as_people_type_it(value: bytes, random: object) -> None:
    typed = "".join(
        {"0": random.choice("0Oo"), "1": random.choice("1IilL")}.get(each, random.choice([each, each.lower()]))
        + random.choice(["", "", " ", "-", "–"])
        for each in new_code(lambda count: value).replace("-", "")
    )
    assert read_code(f" {typed}\n") == value


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        ("ABCD-EFGH-JKMN-PQR", "a pairing code of 15 characters; expected 16: XXXX-XXXX-XXXX-XXXX, as the agent shows it"),
        ("ABCD-EFGH-JKMN-PQRST", "a pairing code of 17 characters; expected 16: XXXX-XXXX-XXXX-XXXX, as the agent shows it"),
        ("", "a pairing code of 0 characters; expected 16: XXXX-XXXX-XXXX-XXXX, as the agent shows it"),
        ("ABCD-EFGU", "character 8 of the pairing code, 'U', is none of a code's; expected XXXX-XXXX-XXXX-XXXX, as the agent shows it\nhint: digits and letters without U"),
        ("ABCD.EFGH", "character 5 of the pairing code, '.', is none of a code's; expected XXXX-XXXX-XXXX-XXXX, as the agent shows it\nhint: digits and letters without U"),
        ("\u0661", "character 1 of the pairing code, '\u0661', is none of a code's; expected XXXX-XXXX-XXXX-XXXX, as the agent shows it\nhint: digits and letters without U"),
    ],
)  # fmt: skip
def test_what_is_no_code_is_refused_by_character_and_length(typed: str, what: str) -> None:
    with pytest.raises(PairingError) as caught:
        read_code(typed)
    assert str(caught.value) == what and caught.value.reason is Reason.BAD_CODE


@PATIENT
@given(st.text())
def test_any_text_is_ten_bytes_or_a_pairing_error(typed: str) -> None:
    with suppress(PairingError):
        assert len(read_code(typed)) == 10


def test_a_code_does_not_show_itself() -> None:
    assert repr(Code(bytes(10))) == "Code()"


def test_the_key_is_scrypts_at_the_cost_of_the_format() -> None:
    assert COST == 2**14
    expected = hashlib.scrypt(b"0123456789", salt=SALT, n=2**14, r=8, p=1, maxmem=64 << 20, dklen=32)
    assert code_key(b"0123456789", SALT) == expected


MEMORY = """
import re
from pathlib import Path
from tinytl_bridge.pairing.codes import code_key

def most_kib():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

code_key(b"0123456789", bytes(16), cost=2)
before = most_kib()
code_key(b"0123456789", bytes(16))
print(most_kib() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's peak in /proc")
def test_the_key_takes_16_mib_and_no_more() -> None:
    ran = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    assert 12 << 10 < int(ran.stdout) < 18 << 10
