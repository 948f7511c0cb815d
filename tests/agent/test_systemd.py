# SPDX-License-Identifier: Apache-2.0
"""The agent's service unit: what systemd itself says of it, how it is installed and removed, and, under a real manager, what it may do."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinytl import errors
from tinytl.errors import DeviceError
from tinytl_bridge.agent import durable_folder, systemd, systemd_unit
from tinytl_bridge.agent.systemd import UNIT, agent_command, install_unit, namespaces_allowed, uninstall_unit
from tinytl_bridge.agent.systemd_unit import MARK, quoted, unit_text

HERE = Path(__file__).resolve().parent
MOST_EXPOSURE = 2.5
PYTHON = "/usr/bin/python3"
USER = 4711
GROUP = 4712
"""As `video` and `dialout` own a Pi's cameras and serial ports."""
ODD = ["a b", "50%", "%h", "$HOME", "${HOME}", 'say "yes"', "back\\slash", "it's", "ünï", "#;", ""]

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian's package systemd)")


def analyze(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--user", "--no-pager", *map(str, arguments)], env={"XDG_RUNTIME_DIR": str(folder), "HOME": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@needs_systemd
@pytest.mark.parametrize("namespaces", [True, False])
def test_systemd_reads_each_line(tmp_path: Path, namespaces: bool) -> None:
    (tmp_path / UNIT).write_text(
        unit_text([sys.executable if not namespaces else PYTHON, *ODD], [Path("/var/a b%")], namespaces=namespaces)
    )
    ran = analyze(tmp_path, "verify", tmp_path / UNIT)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@needs_systemd
def test_a_program_in_an_odd_folder_is_found_by_systemd(tmp_path: Path) -> None:
    program = tmp_path / "50% of $HOME, #1; ünï" / "py thon"
    program.parent.mkdir()
    program.symlink_to(sys.executable)
    (tmp_path / UNIT).write_text(unit_text([str(program)], [], namespaces=False))
    ran = analyze(tmp_path, "verify", tmp_path / UNIT)
    assert (ran.returncode, ran.stderr) == (0, "")
    (tmp_path / UNIT).write_text((tmp_path / UNIT).read_text().replace("50%%", "50%%%%"))
    assert analyze(tmp_path, "verify", tmp_path / UNIT).returncode != 0, "another folder is not found"


@needs_systemd
def test_exposure(tmp_path: Path) -> None:
    """0 is none, 10 all; without the namespaces that some kernels refuse, more."""
    found = {}
    for namespaces in (True, False):
        (tmp_path / UNIT).write_text(unit_text([PYTHON], [Path("/var")], namespaces=namespaces))
        ran = analyze(tmp_path, "security", "--offline=true", "--threshold=100", tmp_path / UNIT)
        assert ran.returncode == 0, ran.stderr
        (level,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", ran.stdout)
        found[namespaces] = float(level)
    assert found[True] <= MOST_EXPOSURE
    assert found[False] > found[True]


@needs_systemd
def test_what_is_still_exposed_is_what_the_agent_needs(tmp_path: Path) -> None:
    (tmp_path / UNIT).write_text(unit_text([PYTHON], [Path("/var")]))
    ran = analyze(tmp_path, "security", "--offline=true", "--json=short", tmp_path / UNIT)
    exposed = {row["json_field"] for row in json.loads(ran.stdout) if float(row["exposure"] or 0) > 0}
    assert exposed <= {
        "UserOrDynamicUser", "PrivateDevices", "DeviceAllow", "ProtectClock", "IPAddressDeny", "PrivateNetwork", "MemoryDenyWriteExecute",
        "ProcSubset", "ProtectHome", "PrivateMounts", "RootDirectoryOrRootImage", "SystemCallFilter_resources", "SystemCallFilter_debug",
        "RestrictAddressFamilies_AF_INET_INET6", "RestrictAddressFamilies_AF_UNIX",
    }, exposed  # fmt: skip


@pytest.mark.parametrize("word", ["a\nExecStartPre=/bin/rm", "a\tb", "\x7f"])
def test_a_control_character_is_refused(word: str) -> None:
    with pytest.raises(DeviceError, match=r"has a control character; expected a path or word that a unit file can hold"):
        quoted(word)


def test_paths_that_the_service_would_not_see() -> None:
    with pytest.raises(DeviceError, match=r"heads in a service unit is not absolute; expected a path from / on"):
        unit_text([PYTHON], [Path("heads")])
    with pytest.raises(
        DeviceError,
        match=r"/tmp/heads lies in a temporary folder, of which the service has its own; expected .* elsewhere\nhint: .*--state",
    ):
        unit_text([PYTHON], [Path("/tmp/heads")])
    for name in ('py"thon', "py'thon", "py\\thon"):
        with pytest.raises(
            DeviceError, match=r"/usr/py.*thon cannot be started by systemd; expected a path without quotes and backslashes"
        ):
            unit_text([f"/usr/{name}"], [])
    with pytest.raises(DeviceError, match=r"/var/tmp/python lies in a temporary folder"):
        unit_text(["/var/tmp/python"], [])


def test_the_command_starts_the_command_line(tmp_path: Path) -> None:
    """By this Python, from any folder, whatever lies there."""
    (tmp_path / "tinytl_cli.py").write_text("raise SystemExit('the wrong one')")
    command = agent_command(["--help"])
    assert command[0] == sys.executable and command[-2:] == ["agent", "--help"]
    ran = subprocess.run([*command[:-2], "--version"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0 and "tinytl" in ran.stdout


@pytest.fixture
def no_manager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A place without managers: their sockets are elsewhere."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)


@pytest.mark.usefixtures("no_manager")
def test_without_a_manager_the_commands_are_told(tmp_path: Path) -> None:
    report = install_unit([PYTHON, "-c", "1"], [Path("/var")], unit_dir=tmp_path / "units", user_id=USER)
    assert report.path == tmp_path / "units" / UNIT
    assert report.path.read_text() == unit_text([PYTHON, "-c", "1"], [Path("/var")], namespaces=namespaces_allowed())
    assert report.done == [f"{report.path} is written"]
    commands = f"systemctl --user daemon-reload && systemctl --user enable {UNIT} && systemctl --user start {UNIT}"
    assert any(line.endswith(f"; when you are logged in as this user: {commands}") for line in report.left)
    assert report.left[-1] == "it runs while you are logged in; to start it with the machine: loginctl enable-linger"
    again = install_unit([PYTHON, "-c", "1"], [Path("/var")], unit_dir=tmp_path / "units", user_id=USER)
    assert again.done == [f"{report.path} is as it was"]
    other = install_unit([PYTHON, "-c", "2"], [Path("/var")], unit_dir=tmp_path / "units", user_id=USER)
    assert other.done == [f"{report.path} is written"] and any(f"systemctl --user restart {UNIT}" in line for line in other.left)
    removed = uninstall_unit(Path("/var/heads"), unit_dir=tmp_path / "units")
    assert removed.done == [f"{report.path} is removed", "models and heads stay in /var/heads; `rm -r` it if nobody needs them"]
    assert any(f"systemctl --user disable --now {UNIT}" in line for line in removed.left)
    assert list((tmp_path / "units").iterdir()) == []
    assert uninstall_unit(Path("/var/heads"), unit_dir=tmp_path / "units").done[0] == f"{report.path} is not there: nothing to remove"


def test_without_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    report = install_unit([PYTHON], [Path("/var")], unit_dir=tmp_path / "units", user_id=USER)
    assert any(line.startswith("systemctl is not there; ") for line in report.left)


@pytest.mark.usefixtures("no_manager")
def test_a_unit_that_is_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / UNIT).write_text("[Service]\nExecStart=/bin/true\n")
    for action in (
        lambda: install_unit([PYTHON], [], unit_dir=tmp_path, user_id=USER),
        lambda: uninstall_unit(tmp_path, unit_dir=tmp_path),
    ):
        with pytest.raises(
            DeviceError, match=rf"{UNIT} was not written by tinytl; expected no unit of this name, or ours\nhint: move it away"
        ):
            action()
    assert (tmp_path / UNIT).read_text() == "[Service]\nExecStart=/bin/true\n"
    (tmp_path / UNIT).unlink()
    (tmp_path / UNIT).symlink_to("/dev/null")
    with pytest.raises(DeviceError, match=rf"{UNIT} is a symbolic link to /dev/null; expected a unit that tinytl wrote"):
        install_unit([PYTHON], [], unit_dir=tmp_path, user_id=USER)


def test_root_and_missing_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DeviceError, match=r"root cannot install the agent; expected the user who owns its heads\nhint: run it again without sudo"
    ):
        install_unit([PYTHON], [], unit_dir=tmp_path, user_id=0)
    with pytest.raises(DeviceError, match=r"/var/not there is not there; expected a folder"):
        install_unit([PYTHON], [Path("/var/not there")], unit_dir=tmp_path, user_id=USER)
    (tmp_path / "file").write_text("")
    with pytest.raises(DeviceError, match=rf"{tmp_path}/file/{UNIT} cannot be (read|written)"):
        install_unit([PYTHON], [], unit_dir=tmp_path / "file", user_id=USER)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("kernel/unprivileged_userns_clone", "0"), ("user/max_user_namespaces", "0"), ("kernel/apparmor_restrict_unprivileged_userns", "1")],
)
def test_kernels_that_allow_no_user_namespaces(tmp_path: Path, name: str, value: str) -> None:
    assert namespaces_allowed(tmp_path)
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text("2\n")
    assert namespaces_allowed(tmp_path)
    (tmp_path / name).write_text(value + "\n")
    assert not namespaces_allowed(tmp_path)
    assert "PrivateUsers" not in unit_text([PYTHON], [], namespaces=False) and "CapabilityBoundingSet" not in unit_text(
        [PYTHON], [], namespaces=False
    )


PROBE = """
import ctypes, json, os, socket, sys, time
def tried(action):
    try:
        return [True, str(action())]
    except OSError as error:
        return [False, error.strerror]
home, state = os.path.expanduser("~"), sys.argv[1]
found = {
    "arguments": sys.argv[2:],
    "state": tried(lambda: open(state + "/head", "w").write("1")),
    "home": tried(lambda: open(home + "/x", "w")),
    "system": tried(lambda: open("/etc/x", "w")),
    "secrets": tried(lambda: os.listdir(home + "/.ssh")),
    "camera": tried(lambda: open(home + "/camera").read()),
    "tmp": tried(lambda: os.listdir("/tmp")),
    "cpuinfo": tried(lambda: len(open("/proc/cpuinfo").read())),
    "callback": tried(lambda: ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 5)()),
    "tcp": tried(lambda: socket.create_server(("127.0.0.1", 0)).getsockname()[0]),
    "netlink": tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)),
    "namespace": [ctypes.CDLL(None).unshare(0x10000000) == 0, ""],
    "status": [line.split() for line in open("/proc/self/status") if line.startswith(("NoNewPrivs", "CapEff", "CapBnd"))],
}
json.dump(found, open(state + "/found.json.part", "w"))
os.rename(state + "/found.json.part", state + "/found.json")
time.sleep(600)
"""
DRIVER = """
import json, os, pathlib, subprocess, sys, time
from tinytl_bridge.agent.systemd import install_unit, uninstall_unit
probe, state, odd = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), json.loads(sys.argv[3])
def show(): return subprocess.run(["systemctl", "--user", "is-active", "tinytl-agent"], capture_output=True, text=True).stdout.strip()
def process(): return subprocess.run(["systemctl", "--user", "show", "-P", "MainPID", "tinytl-agent"], capture_output=True, text=True).stdout.strip()
told = []
for words in (odd, odd, ["other"]):
    report = install_unit(["/usr/bin/python3", "-P", str(probe), str(state), *words], [state])
    told.append([report.done, report.left, show(), process()])
    while not (state / "found.json").exists() and len(told) == 1 and show() == "active": time.sleep(0.1)
    if len(told) == 1: (state / "found.json").rename(state / "first.json")
report = uninstall_unit(state)
told.append([report.done, report.left, show(), str(report.path.exists())])
print(json.dumps(told))
"""


def manager_reason() -> str:
    """Why no real manager can be started here, nothing if it can."""
    if sys.platform != "linux" or not Path("/lib/systemd/systemd").exists() or not shutil.which("setpriv"):
        return "needs systemd and setpriv"
    if (
        os.geteuid() != 0
        or subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/run"], capture_output=True, check=False).returncode
    ):
        return "needs root, to make a user, a mount namespace and a control group"
    return ""


@pytest.fixture
def home() -> Iterator[Path]:
    """The home of a user who is not root, outside /tmp, with a copy of what installs: root's Python and checkout are root's alone."""
    if reason := manager_reason():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="tinytl-home-", dir="/var/lib"))
    yield folder
    shutil.rmtree(folder)
    for group in Path("/sys/fs/cgroup").glob(f"*/tinytl_manager_{USER}"):
        for each in sorted((path for path in [group, *group.rglob("*")] if path.is_dir()), reverse=True):
            each.rmdir()


@pytest.mark.long
def test_under_a_real_manager(home: Path) -> None:
    """Installed, installed again, changed and removed by a user who is not root; the service writes its folder and nothing else."""
    state, probe = home / "he ads 50%$HOME", home / "probe.py"
    for folder in (state, home / ".ssh"):
        folder.mkdir()
    probe.write_text(PROBE)
    (home / "driver.py").write_text(DRIVER)
    for package, files in {"tinytl": [errors], "tinytl_bridge": [], "tinytl_bridge/agent": [systemd, systemd_unit, durable_folder]}.items():
        (home / package).mkdir()
        (home / package / "__init__.py").touch()
        for module in files:
            shutil.copy(str(module.__file__), home / package)
    subprocess.run(["chown", "-R", f"{USER}:{USER}", home], check=True)
    (home / "camera").write_text("picture")
    (home / "camera").chmod(0o640)
    os.chown(home / "camera", 0, GROUP)
    ran = subprocess.run(
        ["unshare", "-m", "sh", HERE / "user_manager.sh", home, str(USER), str(GROUP), PYTHON, home / "driver.py", probe, state, json.dumps(ODD)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    first, again, changed, removed = json.loads(ran.stdout.splitlines()[-1])
    assert first[2] == again[2] == changed[2] == "active" and removed[2] == "inactive" and removed[3] == "False"
    assert first[3] == again[3] != changed[3], "the same unit goes on, another one is started anew"
    assert first[0][1:] == ["systemctl --user daemon-reload", f"systemctl --user enable {UNIT}", f"systemctl --user start {UNIT}"]
    assert [line.split(";")[0] for line in first[1]] == ["it runs while you are logged in"]
    assert f"systemctl --user restart {UNIT}" in changed[0] and removed[1] == []
    found = json.loads((state / "first.json").read_text())
    assert found["arguments"] == ODD
    read_only = [False, "Read-only file system"]
    assert found["state"] == [True, "1"] and found["home"] == found["system"] == read_only
    assert found["secrets"] == [False, "Permission denied"] and found["tmp"] == [True, "[]"]
    assert found["camera"] == [True, "picture"], "what belongs to a group of the user"
    assert found["cpuinfo"][0] and found["callback"] == [True, "5"] and found["tcp"] == [True, "127.0.0.1"]
    assert not found["netlink"][0] and not found["namespace"][0]
    assert dict(found["status"]) == {"NoNewPrivs:": "1", "CapEff:": "0" * 16, "CapBnd:": "0" * 16}
    assert (state / "head").exists() and not (home / ".config/systemd/user/default.target.wants" / UNIT).exists()


def test_the_mark_names_the_commands() -> None:
    assert unit_text([PYTHON], []).startswith(MARK + "\n[Unit]\n") and "--uninstall" in MARK
    assert systemd.UNIT == "tinytl-agent.service"
