# SPDX-License-Identifier: Apache-2.0
"""The text of the agent's systemd user unit: what it runs, and all that it may not do.

In: a command and the folders that it writes. Out: the unit file. A user's manager has no privileges, so these are left out: DeviceAllow,
DevicePolicy and IPAddressDeny (they need BPF rights; who may open a camera or a serial port is left to the groups `video` and `dialout`),
User and DynamicUser, ProtectClock (it is a device rule), PrivateIPC (its mount is refused), and network-online.target (there is none).
Left out since the agent needs it: PrivateDevices (cameras, serial gadgets, meters), ProcSubset (`/proc/cpuinfo`), MemoryDenyWriteExecute
(ctypes and XNNPACK write code), PrivateNetwork, and without @resources glibc cannot ask for its limits (prlimit64). All that changes the
view of the file system, and the bounding set, needs PrivateUsers: a user namespace, which some kernels refuse.
"""

from collections.abc import Sequence
from pathlib import Path

from tinytl.errors import DeviceError

MARK = "# Written by `tinytl agent --install`; `tinytl agent --uninstall` removes it."
"""First line of each unit that is ours."""
MEMORY_MAX = "1G"
_HIDDEN = (
    ".ssh", ".gnupg", ".aws", ".kube", ".netrc", ".git-credentials", ".password-store", ".mozilla", ".config/chromium",
    ".config/google-chrome", ".local/share/keyrings",
)  # fmt: skip
_PRIVATE = ("/tmp", "/var/tmp")
_NAMESPACES = """\
PrivateUsers=yes
PrivateTmp=yes
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={writable}
InaccessiblePaths={hidden}
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectProc=invisible
CapabilityBoundingSet=
"""
_UNIT = """\
{mark}
[Unit]
Description=tinytl agent: a model that keeps learning on this machine
Documentation=man:systemd.exec(5)

[Service]
Type=exec
ExecStart=:{command}
Restart=on-failure
RestartSec=5
TimeoutStopSec=15
UMask=0077
MemoryMax={memory_max}
TasksMax=128

NoNewPrivileges=yes
AmbientCapabilities=
{namespaces}LockPersonality=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service perf_event_open
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
KeyringMode=private

[Install]
WantedBy=default.target
"""


def quoted(word: str) -> str:
    """Return a word as a unit file takes it: in quotes, with %, backslash and quote escaped. `$` stays: ExecStart= begins with a colon.

    Raises:
        DeviceError: it has a control character, which no systemd reads alike.
    """
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in word):
        raise DeviceError(f"{word!r} has a control character", expected="a path or word that a unit file can hold", hint="rename it")
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def unit_text(command: Sequence[str], writable: Sequence[Path], *, namespaces: bool = True) -> str:
    """Return a unit file.

    Args:
        command: an absolute path and its arguments. writable: folders that it may write in, which must be there when it starts.
        namespaces: whether the file system is hidden and made read-only, which takes a user namespace.

    Raises:
        DeviceError: the program has a quote or backslash, which systemd refuses; a path is not absolute, lies in a folder that the
            service does not see, or has a control character.
    """
    if set(command[0]) & set("\"'\\"):
        raise DeviceError(f"{command[0]} cannot be started by systemd", expected="a path without quotes and backslashes")
    for path in (Path(command[0]), *writable):
        if not path.is_absolute():
            raise DeviceError(f"{path} in a service unit is not absolute", expected="a path from / on")
        if namespaces and any(path.is_relative_to(folder) for folder in _PRIVATE):
            raise DeviceError(
                f"{path} lies in a temporary folder, of which the service has its own",
                expected="Python and the state folder elsewhere", hint="install tinytl in your home, or give --state FOLDER",
            )  # fmt: skip
    hidden = " ".join(f"-%h/{name}" for name in _HIDDEN)
    folders = " ".join(quoted(str(folder)) for folder in writable)
    return _UNIT.format(
        mark=MARK, command=" ".join(map(quoted, command)), memory_max=MEMORY_MAX,
        namespaces=_NAMESPACES.format(writable=folders, hidden=hidden) if namespaces else "",
    )  # fmt: skip
