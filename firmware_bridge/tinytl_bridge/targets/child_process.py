# SPDX-License-Identifier: Apache-2.0
"""A child process that ends when its parent does, however that ends. Linux alone has this."""

import ctypes
import signal

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends; for `preexec_fn` of a child."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
