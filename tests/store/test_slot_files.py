# SPDX-License-Identifier: Apache-2.0
"""The agent's slots on real disks: what lies in the folder, who may read it, what a full disk does, how much one commit costs."""

import errno
import itertools
import os
import resource
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from lossy_disk import RecordedFolder
from test_slot_files_cut import IMAGES, SIZES, Story, Teller, WatchedSlots, plain_life

from tinytl.errors import DeviceError
from tinytl_bridge.agent.slot_files import LOCK_NAME, SLOT_NAMES, SlotFiles
from tinytl_bridge.connection import Connection
from tinytl_bridge.targets.host import HostTarget
from tinytl_bridge.targets.state_folder import state_folder
from tinytl_bridge.wire.link import Refusal

HERE = Path(__file__).resolve()


def test_slots_are_the_bytes_of_a_memory_file(tmp_path: Path) -> None:
    """The same life on the mapped file of a twin and on slots leaves the same bytes."""
    plain_life(teller := Teller(tmp_path / "slots"))
    teller.connection.close()

    class OnFile(Teller):
        def __init__(self, folder: Path) -> None:
            super().__init__(folder / "unused")
            self.connection.close()
            self.connection = Connection(HostTarget(state_dir=folder, mailbox=False, arena_bytes=65536, **SIZES))

        def answered(self) -> None:
            """Nothing is recorded."""

    (tmp_path / "file").mkdir()
    plain_life(on_file := OnFile(tmp_path / "file"))
    on_file.connection.close()
    expected = next((tmp_path / "file").glob("host-*.nv")).read_bytes()
    offset = 0
    for name, size in zip(SLOT_NAMES, (SIZES["model_slot_bytes"],) * 2 + (SIZES["head_slot_bytes"],) * 2, strict=True):
        kept = (tmp_path / "slots" / name).read_bytes()
        assert kept == expected[offset : offset + size].rstrip(b"\xff") and kept
        offset += size


def test_only_the_owner_reads_them(tmp_path: Path) -> None:
    old_mask = os.umask(0)
    try:
        plain_life(teller := Teller(state_folder(tmp_path / "agent")))
    finally:
        os.umask(old_mask)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in teller.folder.path.iterdir()}
    teller.connection.close()
    assert modes == dict.fromkeys((*SLOT_NAMES, LOCK_NAME), 0o600)
    assert stat.S_IMODE(teller.folder.path.stat().st_mode) == 0o700


def test_a_new_folder_is_on_the_disk_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each folder above is synced: files in a folder whose own name a power cut takes away are gone."""
    synced, fsync = set(), os.fsync

    def watched(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    slots = SlotFiles(state_folder(tmp_path / "one/two/agent"), **SIZES)
    slots.open()
    slots.close()
    assert {path.stat().st_ino for path in (tmp_path, tmp_path / "one", tmp_path / "one/two", tmp_path / "one/two/agent")} <= synced


def test_one_agent_at_a_time(tmp_path: Path) -> None:
    first, second = SlotFiles(tmp_path, **SIZES), SlotFiles(tmp_path, **SIZES)
    first.open()
    with pytest.raises(DeviceError, match=r"the agent's store in .* is in use by another process\nhint: stop that agent"):
        second.open()
    closing = threading.Thread(target=first.close)  # an agent may be stopped by another thread than started it
    closing.start()
    closing.join()
    second.open()
    second.close()


@pytest.mark.parametrize("name", [LOCK_NAME, *SLOT_NAMES])
def test_a_symbolic_link_is_refused(tmp_path: Path, name: str) -> None:
    folder, elsewhere = tmp_path / "agent", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.write_text("precious")
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(DeviceError, match=rf"the agent's store, {folder / name} is a symbolic link to {elsewhere}; expected no link"):
        SlotFiles(folder, **SIZES).open()
    assert elsewhere.read_text() == "precious"


def test_a_link_in_the_place_of_a_new_file_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    teller = Teller(tmp_path / "agent")
    (tmp_path / "agent/model-a.new").symlink_to(elsewhere)
    teller.flash(1)
    teller.connection.close()
    assert elsewhere.read_text() == "precious"
    assert not (tmp_path / "agent/model-a").is_symlink()


def test_what_is_no_slot_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "head-a")
    with pytest.raises(DeviceError, match=r"head-a is no plain file; expected a slot of the agent's store"):
        SlotFiles(tmp_path, **SIZES).open()
    (tmp_path / "head-a").unlink()
    (tmp_path / "head-a").write_bytes(bytes(4097))
    with pytest.raises(DeviceError, match=r"head-a holds 4,097 bytes; expected at most 4,096, a slot of this agent"):
        SlotFiles(tmp_path, **SIZES).open()
    (tmp_path / "head-a").unlink()
    SlotFiles(tmp_path, **SIZES).open()


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "agent").write_text("")
    with pytest.raises(DeviceError, match=r"the agent's store cannot be kept in .*/agent: File exists; expected a disk with room"):
        SlotFiles(tmp_path / "agent", **SIZES).open()


def full_disk(folder: Path, fill: Callable[[], Callable[[], None]], *errors: int) -> None:
    """Save and flash on a disk that is full: refused, and nothing is lost; then there is room again.

    fill: fills the disk and returns what makes room. errors: any of them is what the system says.
    """
    teller = Teller(folder)
    teller.flash(1)
    teller.save()
    teller.save()
    before = {name: (folder / name).read_bytes() for name in SLOT_NAMES if (folder / name).exists()}
    make_room = fill()
    for attempt in (teller.save, lambda: teller.flash(2), teller.save):
        with pytest.raises(Refusal, match="non-volatile memory did not take the write at offset"):
            attempt()
        assert teller.slots.failure is not None and teller.slots.failure.errno in errors
        assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != LOCK_NAME and path.name != "filler"} == before
        teller.inputs = 12
        teller.teach(1)
        assert teller.connection.rollback("previous") == 1, "the head before the last one is there too"
        assert teller.connection.rollback("saved") == 2
    teller.connection.power_cycle()
    status = teller.connection.status()
    assert (status.model_status, status.head_status, status.store_sequence) == ("ok", "saved", 2)
    make_room()
    teller.save()
    assert teller.slots.failure is None
    teller.flash(2)
    teller.save()
    teller.connection.power_cycle()
    assert teller.connection.status().head_status == "saved"
    teller.connection.close()


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> Callable[[], None]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    try:
        full_disk(tmp_path, fill, errno.EFBIG)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def on_a_full_file_system(folder: Path) -> None:
    """Fill the file system of a folder to its last byte."""

    def fill() -> Callable[[], None]:
        with (folder / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            file.writelines(itertools.repeat(bytes(4096)))
        return (folder / "filler").unlink

    full_disk(folder, fill, errno.ENOSPC)


def test_a_full_file_system(tmp_path: Path) -> None:
    """A real one, of 64 KB of memory, in a mount namespace of its own."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no mount namespace may be made here")
    script = f"import sys; sys.path[:0] = {[*sys.path]!r}; import pathlib, test_slot_files as t; t.on_a_full_file_system(pathlib.Path('{tmp_path}'))"
    commands = 'mount -t tmpfs -o size=64k,mode=700 tmpfs "$1" && exec "$2" -c "$3"'
    ran = subprocess.run(
        ["unshare", "-rm", "sh", "-ec", commands, "sh", tmp_path, sys.executable, script],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]


def test_an_interruption_in_a_commit_is_no_answer_that_it_was_saved(tmp_path: Path) -> None:
    """Ctrl-C while the disk is waited for: ctypes would take the exception for success."""

    class Interrupted(RecordedFolder):
        armed = False

        def _sync(self, descriptor: int) -> None:
            if self.armed:
                raise KeyboardInterrupt
            super()._sync(descriptor)

    teller = Teller(tmp_path, Interrupted)
    teller.flash(1)
    teller.save()
    teller.folder.armed = True
    with pytest.raises(KeyboardInterrupt):
        teller.save()
    teller.folder.armed = False
    assert teller.connection.status().store_sequence == 1
    assert not list(tmp_path.glob("*.new")) and not (tmp_path / "head-b").exists()
    teller.save()
    teller.connection.close()


def test_a_commit_writes_its_slot_once(tmp_path: Path) -> None:
    """However many pieces a transfer has: two syncs and the slot's own bytes."""
    teller = Teller(tmp_path)
    for command, name in ((lambda: teller.flash(1), "model-a"), (teller.save, "head-a"), (teller.save, "head-b")):
        before = len(teller.folder.log)
        command()
        operations = teller.folder.log[before:]
        assert [operation[0] for operation in operations] == ["create", "write", "sync", "rename", "sync folder"]
        assert len(operations[1][2]) == (tmp_path / name).stat().st_size
    assert (tmp_path / "model-a").stat().st_size <= len(IMAGES[1]) + 32
    teller.connection.close()


def test_nothing_is_written_before_a_commit(tmp_path: Path) -> None:
    """A transfer that is refused at its end touches no file; the next commit removes the slot that it erased."""
    folder = RecordedFolder(tmp_path)
    slots = WatchedSlots(folder, Story())
    assert len(slots.open()) == 2 * sum(SIZES.values())
    slots.close()
    teller = Teller(tmp_path)
    for number in (1, 2):
        teller.flash(number)
    before = len(teller.folder.log)
    with pytest.raises(Refusal):
        teller.flash(1, spoiled=True)
    assert len(teller.folder.log) == before and (tmp_path / "model-a").exists()
    teller.inputs = 9
    teller.save()
    assert [operation[:2] for operation in teller.folder.log[before : before + 2]] == [("unlink", "model-a"), ("sync folder",)]
    teller.connection.close()
