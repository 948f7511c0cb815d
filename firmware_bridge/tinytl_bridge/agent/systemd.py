# SPDX-License-Identifier: Apache-2.0
"""Installing the agent as a systemd user service, and taking it away again.

In: what the agent is started with and the folders that it writes. Out: a unit file, running where a user's manager is there, and a report
of what was done and of what is left to do by hand, with the commands. A unit that is not ours is never touched.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tinytl.errors import DeviceError
from tinytl_bridge.agent.durable_folder import DurableFolder
from tinytl_bridge.agent.systemd_unit import MARK, unit_text

UNIT = "tinytl-agent.service"
_TIMEOUT_S = 60
_UNIT_BYTES = 1 << 16
_START = "from tinytl_cli import main; main()"


@dataclass
class UnitReport:
    """What became of the unit. path: its file. done: sentences. left: sentences with the commands that a person must run."""

    path: Path
    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def agent_command(arguments: Sequence[str]) -> list[str]:
    """Return what starts `tinytl agent` with these arguments by this very Python, whatever folder it is started in."""
    return [sys.executable, "-P", "-c", _START, "agent", *arguments]


def install_unit(
    command: Sequence[str], writable: Sequence[Path], *, unit_dir: Path | None = None, user_id: int | None = None
) -> UnitReport:
    """Write the agent's user unit, enable and start it; once more changes nothing, other arguments restart it.

    Args:
        command: an absolute path and its arguments, as `agent_command` gives. writable: folders that the agent writes, which are there.
        unit_dir: where user units lie; None: `~/.config/systemd/user`. user_id: who it is for; None: who runs this.

    Raises:
        DeviceError: it is for root; a path that the service would not see; another unit has its name; the file cannot be written.
    """
    if (os.geteuid() if user_id is None else user_id) == 0:
        raise DeviceError("root cannot install the agent", expected="the user who owns its heads", hint="run it again without sudo")
    for folder in writable:
        if not folder.is_dir():
            raise DeviceError(f"{folder} is not there", expected="a folder: the service may write there and cannot make it")
    report = UnitReport(_folder_of(unit_dir) / UNIT)
    allowed = namespaces_allowed()
    text = unit_text(command, writable, namespaces=allowed)
    before = _ours(report.path)
    if before != text:
        _write(report.path, text)
    report.done.append(f"{report.path} is {'as it was' if before == text else 'written'}")
    if not allowed:
        report.left.append(
            "this kernel allows no user namespaces: the service sees /home and /tmp, and may write what its user may; "
            "`sysctl kernel.unprivileged_userns_clone user.max_user_namespaces` shows why"
        )
    started = ["restart" if before not in ("", text) else "start", UNIT]
    _manage(report, ["daemon-reload"], ["enable", UNIT], started)
    _say_whether_it_lingers(report)
    return report


def uninstall_unit(state_dir: Path, *, unit_dir: Path | None = None) -> UnitReport:
    """Stop, disable and remove the agent's unit; what it learned stays.

    Args:
        state_dir: where its heads are, for the report. unit_dir: as for `install_unit`.

    Raises:
        DeviceError: the unit is not ours, or cannot be removed.
    """
    report = UnitReport(_folder_of(unit_dir) / UNIT)
    if _ours(report.path):
        _manage(report, ["disable", "--now", UNIT])
        try:
            report.path.unlink()
            (report.path.parent / "default.target.wants" / UNIT).unlink(missing_ok=True)
        except OSError as error:
            raise DeviceError(f"{error.filename} cannot be removed: {error.strerror}", hint="remove it by hand") from error
        report.done.append(f"{report.path} is removed")
        _manage(report, ["daemon-reload"])
    else:
        report.done.append(f"{report.path} is not there: nothing to remove")
    report.done.append(f"models and heads stay in {state_dir}; `rm -r` it if nobody needs them")
    return report


def namespaces_allowed(sysctl: Path = Path("/proc/sys")) -> bool:
    """Return whether a user's service may have a view of the file system of its own. sysctl: folder of the kernel's settings."""
    forbidding = {
        "kernel/unprivileged_userns_clone": "0",
        "user/max_user_namespaces": "0",
        "kernel/apparmor_restrict_unprivileged_userns": "1",
    }
    return not any((sysctl / name).is_file() and (sysctl / name).read_text().strip() == value for name, value in forbidding.items())


def _folder_of(unit_dir: Path | None) -> Path:
    named = os.environ.get("XDG_CONFIG_HOME")
    return unit_dir or (Path(named) if named else Path.home() / ".config") / "systemd" / "user"


def _ours(path: Path) -> str:
    """Return the text of our unit, nothing where there is none."""
    hint = f"move it away (systemctl --user cat {UNIT} shows it), then run this again"
    if path.is_symlink():
        raise DeviceError(f"{path} is a symbolic link to {os.readlink(path)}", expected="a unit that tinytl wrote", hint=hint)
    try:
        text = path.read_text()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceError(f"{path} cannot be read: {error}", expected="a unit that tinytl wrote", hint=hint) from error
    if not text.startswith(MARK):
        raise DeviceError(f"{path} was not written by tinytl", expected="no unit of this name, or ours", hint=hint)
    return text


def _write(path: Path, text: str) -> None:
    folder = DurableFolder(path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder.open()
        folder.replace(path.name, text.encode())
    except OSError as error:
        raise DeviceError(f"{path} cannot be written: {error.strerror}", expected="a folder for units that may be written") from error
    finally:
        folder.close()


def _manage(report: UnitReport, *commands: Sequence[str]) -> None:
    """Have the user's manager do one command after another; from the first one that fails on, they are left to a person."""
    for number, command in enumerate(commands):
        why = _failure(["systemctl", "--user", *command])
        if why:
            rest = " && ".join(" ".join(["systemctl", "--user", *each]) for each in commands[number:])
            log = f"; its log: journalctl --user --unit {UNIT}" if command[0] in ("start", "restart") else ""
            report.left.append(f"{why}; when you are logged in as this user: {rest}{log}")
            return
        report.done.append(f"systemctl --user {' '.join(command)}")


def _failure(command: Sequence[str]) -> str:
    """Run a command; return why it failed, nothing if it did not."""
    if shutil.which(command[0]) is None:
        return f"{command[0]} is not there"
    try:
        ran = subprocess.run(command, env=_environment(), capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"`{' '.join(command)}` did not end within {_TIMEOUT_S} s"
    said = ran.stderr.strip().splitlines()
    return f"`{' '.join(command)}` failed ({said[0] if said else f'exit {ran.returncode}'})" if ran.returncode else ""


def _environment() -> dict[str, str]:
    """The environment with the manager's socket, which is missing after `su` and in cron."""
    own = f"/run/user/{os.geteuid()}"
    return os.environ | ({"XDG_RUNTIME_DIR": own} if "XDG_RUNTIME_DIR" not in os.environ and Path(own).is_dir() else {})


def _say_whether_it_lingers(report: UnitReport) -> None:
    """Services of a user start at login and stop at logout, unless the user lingers."""
    try:
        shown = subprocess.run(
            ["loginctl", "show-user", str(os.geteuid()), "--property=Linger", "--value"],
            capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        shown = ""
    if shown == "yes":
        report.done.append("it starts with the machine (lingering is on)")
    else:
        report.left.append("it runs while you are logged in; to start it with the machine: loginctl enable-linger")
