# SPDX-License-Identifier: Apache-2.0
"""Remembered pairings: kept, found, forgotten; the file is its owner's, whole, and never silently taken for empty."""

import json
import multiprocessing
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from tinytl_bridge.pairing.errors import PairingError, Reason
from tinytl_bridge.pairing.pairings import Pairing, Pairings

DESK = Pairing(bytes(range(16)), bytes(range(32)), "desk")
LAPTOP = Pairing(bytes(16), bytes(32), "laptop «ä»")


def test_pairings_are_kept_found_and_forgotten(tmp_path: Path) -> None:
    assert Pairings(tmp_path / "state").all() == []
    Pairings(tmp_path / "state").add(DESK)
    Pairings(tmp_path / "state").add(LAPTOP)
    pairings = Pairings(tmp_path / "state")
    assert pairings.all() == [DESK, LAPTOP]
    assert pairings.find(LAPTOP.id) == LAPTOP and pairings.find(b"x" * 16) is None
    assert pairings.forget(DESK.id) and not pairings.forget(DESK.id)
    assert pairings.all() == [LAPTOP]


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    Pairings(tmp_path / "state").add(DESK)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state/pairings.json").stat().st_mode & 0o777 == 0o600


def test_a_new_pairing_with_the_agent_at_an_address_replaces_the_old_one(tmp_path: Path) -> None:
    pairings = Pairings(tmp_path)
    old, new, other = (
        replace(DESK, address="pi.local:7707"),
        replace(LAPTOP, address="pi.local:7707"),
        Pairing(b"o" * 16, bytes(32), "o", "pi2:7707"),
    )
    for each in (old, other, new):
        pairings.add(each)
    assert pairings.all() == [other, new]
    assert pairings.find_address("pi.local:7707") == new and pairings.find_address("pi") is None


def test_an_agents_pairings_have_no_address_to_take_from_each_other(tmp_path: Path) -> None:
    pairings = Pairings(tmp_path)
    pairings.add(DESK)
    pairings.add(LAPTOP)
    assert pairings.find_address("") is None
    assert len(pairings.all()) == 2


def test_a_key_is_never_shown() -> None:
    assert repr(DESK) == f"Pairing(id={DESK.id!r}, name='desk', address='')"


def entry(**changed: object) -> str:
    return json.dumps({"format": "tinytl-pairings", "format_version": 1, "pairings": [DESK.to_json() | changed]})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is damaged: Expecting value: line 1 column 1 (char 0)"),
        ("[" * 100_000, "is damaged: nested too deeply"),
        ("[]", "is damaged: not of format 'tinytl-pairings'"),
        ('{"format": "tinytl-pairings", "format_version": 2}', "is damaged: of version 2, not 1"),
        ('{"format": "tinytl-pairings", "format_version": 1}', "is damaged: no list of pairings"),
        (entry(id="00"), "is damaged: pairing 1: its id has 1 bytes, not 16"),
        (entry(key="zz"), "is damaged: pairing 1: its key is not hexadecimal"),
        (entry(name=3), "is damaged: pairing 1: not four texts: id, key, name, address"),
        (entry(more=""), "is damaged: pairing 1: not four texts: id, key, name, address"),
    ],
)
def test_a_damaged_file_is_an_error_and_stays(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "pairings.json"
    path.write_text(text)
    path.chmod(0o600)
    for use in (lambda: Pairings(tmp_path).all(), lambda: Pairings(tmp_path).add(LAPTOP), lambda: Pairings(tmp_path).forget(DESK.id)):
        with pytest.raises(PairingError) as caught:
            use()
        assert str(caught.value) == (
            f"pairings in {path}: the file {told}; expected as tinytl wrote it\n"
            f"hint: put back a copy of it, or move it away (mv {path} {path}.bad) and pair again"
        )
        assert caught.value.reason is Reason.BAD_FILE
    assert path.read_text() == text


def test_every_cut_of_the_file_is_an_error(tmp_path: Path) -> None:
    Pairings(tmp_path).add(DESK)
    path = tmp_path / "pairings.json"
    whole = path.read_bytes().rstrip()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(PairingError, match="is damaged"):
            Pairings(tmp_path).all()


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    Pairings(tmp_path).add(DESK)
    path = tmp_path / "pairings.json"
    path.chmod(0o640)
    with pytest.raises(PairingError) as caught:
        Pairings(tmp_path).find(DESK.id)
    assert str(caught.value) == (
        f"pairings in {path}: the file may be read or written by others; expected as tinytl wrote it\n"
        f"hint: chmod 600 {path}; if others were on this machine, pair again"
    )


def test_bytes_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "pairings.json"
    path.write_bytes(b"\xff")
    path.chmod(0o600)
    with pytest.raises(PairingError, match="cannot be read: 'utf-8' codec can't decode byte 0xff"):
        Pairings(tmp_path).all()


def test_a_folder_that_cannot_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PairingError) as caught:
        Pairings(tmp_path / "file/state").add(DESK)
    assert str(caught.value) == (
        f"pairings in {tmp_path}/file/state/pairings.json cannot be written: Not a directory; "
        "expected a folder on a disk with room that may be written"
    )


def test_what_was_remembered_stays_when_writing_fails(tmp_path: Path) -> None:
    pairings = Pairings(tmp_path)
    pairings.add(DESK)
    kept = (tmp_path / "pairings.json").read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(PairingError, match=r"cannot be written: .*File too large"):
            pairings.add(LAPTOP)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "pairings.json").read_bytes() == kept
    assert {each.name for each in tmp_path.iterdir()} <= {"pairings.json", "pairings.lock"}


def _add_some(folder: Path, number: int) -> None:
    for each in range(5):
        Pairings(folder).add(Pairing(bytes([number, each] * 8), bytes(32), "one of many"))


def test_processes_do_not_lose_each_others_pairings(tmp_path: Path) -> None:
    workers = [multiprocessing.get_context("fork").Process(target=_add_some, args=(tmp_path, number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(Pairings(tmp_path).all()) == 15
