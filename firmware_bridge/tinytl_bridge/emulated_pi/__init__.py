# SPDX-License-Identifier: Apache-2.0
"""An emulated Raspberry Pi for continuous integration: Debian's arm64 userland run by QEMU, a program at a time. `set_up(processor)`."""

from tinytl_bridge.emulated_pi.emulator import EmulatedPi
from tinytl_bridge.emulated_pi.processors import PROCESSORS
from tinytl_bridge.emulated_pi.set_up import set_up

__all__ = ["PROCESSORS", "EmulatedPi", "set_up"]
