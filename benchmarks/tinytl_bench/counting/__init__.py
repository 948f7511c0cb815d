# SPDX-License-Identifier: Apache-2.0
"""Counting instructions on emulated boards and Pis: a QEMU plugin between marks, or `-icount` and the board's timer without one."""

from tinytl_bench.counting.counter import Counter, Region, open_counter, open_pi_counter

__all__ = ["Counter", "Region", "open_counter", "open_pi_counter"]
