# SPDX-License-Identifier: Apache-2.0
"""The targets by name: `host`, `qemu:BOARD[?link=uart]`, `pi:HOST[:PORT]`, `qemu-pi:PROCESSOR`, `serial:PORT[?baud=N]`, or any
pyserial URL.

In: a name as a person gives it. Out: a `Target` that is not started yet. A new kind of target is one class and one line here.
"""

import os
import re
from pathlib import Path

from tinytl.errors import DeviceError
from tinytl_bridge.target_names import parse_target
from tinytl_bridge.targets.base import Target

_LIKE_A_PORT = re.compile(r"(/dev/|tty|cu\.|COM\d)", re.IGNORECASE)
KNOWN = ("host", "qemu:BOARD", "pi:HOST", "qemu-pi:PROCESSOR", "serial:PORT", "a pyserial URL such as socket://HOST:PORT")


def open_target(name: str, *, state_dir: Path | None = None) -> Target:
    """Return the target of that name, not yet started.

    Raises:
        DeviceError: no target has such a name; lists the known ones.
    """
    from tinytl_bridge.targets.host import HostTarget
    from tinytl_bridge.targets.qemu import QemuTarget
    from tinytl_bridge.targets.serial_port import SerialTarget

    address = parse_target(name)
    if name == "host":
        return HostTarget(state_dir=state_dir)
    if address.emulated_board is not None:
        key, _, link = address.options.partition("=")
        if "?" in name and key != "link":
            what = f"option {address.options!r} of target {name!r} is unknown"
            raise DeviceError(what, expected="link=ring, link=uart", hint=f"qemu:{address.place}?link=uart")
        return QemuTarget(address.place, state_dir=state_dir, link=link if address.options else "ring")
    if address.kind == "pi":
        from tinytl_bridge.targets.pi import PiTarget

        return PiTarget(address.place, name=name, state_dir=state_dir, code=os.environ.get("TINYTL_PAIRING_CODE"))
    if address.emulated_pi is not None:
        from tinytl_bridge.targets.qemu_pi import QemuPiTarget

        return QemuPiTarget(address.emulated_pi, state_dir=state_dir)
    if address.kind == "serial" and address.place:
        return SerialTarget(name.partition(":")[2], name=name)
    if address.place.startswith("//"):
        return SerialTarget(name, name=name)
    hint = f"did you mean serial:{name}?" if _LIKE_A_PORT.match(name) else "tinytl info --target host"
    raise DeviceError(f"target {name!r} is unknown", expected=", ".join(KNOWN), hint=hint)
