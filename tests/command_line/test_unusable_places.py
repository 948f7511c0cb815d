# SPDX-License-Identifier: Apache-2.0
"""Full disks, files where folders should be, planted links: a plain error, and nothing half-written stays. The disks are real."""

import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tinytl.errors import DeviceError
from tinytl_bridge.device import connect
from tinytl_bridge.targets.state_folder import state_folder

DISK_BYTES = 256 << 10
_ANOTHER = "hint: give another folder with --state FOLDER or TINYTL_STATE_DIR"


@dataclass(frozen=True)
class SmallDisk:
    """A folder that takes 256 KB, by a file system of its own, or where nobody may mount one by a limit of the process."""

    folder: Path
    limit: Callable[[], None] | None
    reason: str


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if mount and subprocess.run(command, capture_output=True, check=False).returncode == 0:
        yield SmallDisk(folder, None, "No space left on device")
        subprocess.run(["umount", folder], check=True)
    else:
        yield SmallDisk(folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (DISK_BYTES, DISK_BYTES)), "File too large")


def run(*arguments: str, limit: Callable[[], None] | None = None, stdout: int | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from tinytl_cli import main; main()", *arguments]
    out = subprocess.PIPE if stdout is None else stdout
    return subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=False, timeout=120, preexec_fn=limit)


def test_a_full_disk_is_told_and_keeps_no_half_memory(small_disk: SmallDisk) -> None:
    state = small_disk.folder / "state"
    ended = run("info", "--target", "host", "--state", str(state), limit=small_disk.limit)
    path = state / "host-3000000.nv"
    assert ended.stderr == (
        f"error: memory of target 'host', 50,331,648 bytes, cannot be kept in {path}: {small_disk.reason}; "
        f"expected a disk with room that may be written\n{_ANOTHER}\n"
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert [each.name for each in state.iterdir()] == ["host-3000000.lock"]


def test_a_full_disk_keeps_no_half_image(small_disk: SmallDisk) -> None:
    (small_disk.folder / "filler").write_bytes(bytes(DISK_BYTES - (8 << 10)))
    before = sorted(small_disk.folder.iterdir())
    limit = small_disk.limit and (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 10, 8 << 10)))
    ended = run("build", "digits", "--target", "host", "-o", str(small_disk.folder / "d.image"), limit=limit)
    assert ended.stderr.endswith(
        f"error: {small_disk.folder / 'd.image'} cannot be written: {small_disk.reason}; expected a folder that exists and may be written\n"
    )
    assert (ended.returncode, sorted(small_disk.folder.iterdir())) == (1, before)


def test_a_full_stdout_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        ended = run("models", "--json", stdout=full.fileno())
    assert (ended.returncode, ended.stderr) == (1, "error: No space left on device\nhint: free some space, or write to another disk\n")


def test_a_reader_that_left_is_no_traceback() -> None:
    command = [sys.executable, "-c", "from tinytl_cli import main; main()", "models", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == (b"", 1)
    process.stderr.close()


def test_a_state_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state"
    file.write_text("mine")
    ended = run("info", "--target", "host", "--state", str(file))
    assert ended.stderr == f"error: state folder {file}: {file} is a file; expected a folder\n{_ANOTHER}\n"
    ended = run("info", "--target", "qemu:mps2-an386", "--state", str(file / "below"))
    assert ended.stderr == f"error: state folder {file / 'below'}: {file} is a file; expected a folder\n{_ANOTHER}\n"
    assert (ended.returncode, file.read_text()) == (1, "mine")


def test_a_state_folder_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(DeviceError) as refused:
        state_folder(Path("/proc/1/state"))
    text = "state folder /proc/1/state cannot be made: No such file or directory; expected a disk with room that may be written\n"
    assert str(refused.value) == text + _ANOTHER


def test_state_is_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect("host", state_dir=tmp_path / "a" / "state"):
        pass
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a").rglob("*")}
    assert modes == {"state": 0o700, "host-3000000.nv": 0o600, "host-3000000.lock": 0o600}
    own = tmp_path / "tinytl"
    own.mkdir(0o755)
    monkeypatch.delenv("TINYTL_STATE_DIR", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert (state_folder(None), stat.S_IMODE(own.stat().st_mode)) == (own, 0o700)
    chosen = tmp_path / "chosen"
    chosen.mkdir(0o755)
    state_folder(chosen)
    assert stat.S_IMODE(chosen.stat().st_mode) == 0o755, "what a person made stays as it is"


def test_a_planted_link_is_refused(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.mkdir()
    link.symlink_to(victim)
    with pytest.raises(DeviceError) as refused:
        connect("host", state_dir=link)
    text = f"state folder {link} is a symbolic link to {victim}; expected no link\nhint: --state {victim}, if that is the folder you mean"
    assert str(refused.value) == text
    for ending in ("nv", "new", "lock"):
        state, kept = tmp_path / f"with-{ending}", tmp_path / f"kept-{ending}"
        state.mkdir()
        kept.write_bytes(b"kept")
        planted = state / f"host-3000000.{ending}"
        planted.symlink_to(kept)
        with pytest.raises(DeviceError) as refused:
            connect("host", state_dir=state)
        assert str(refused.value) == (
            f"memory of target 'host', {planted} is a symbolic link to {kept}; expected no link\n"
            "hint: remove it, or give another folder with --state FOLDER or TINYTL_STATE_DIR"
        )
        assert kept.read_bytes() == b"kept"
