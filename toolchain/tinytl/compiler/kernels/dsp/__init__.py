# SPDX-License-Identifier: Apache-2.0
"""The dsp kernel family (Cortex-M4, M7, M33): what each of its kernels can take, packs and costs (SPEC.md section 2.7).

One module a kernel; each offers `candidates(program, operator)`: the ways to run a portable operator of the program, every
one proven exact by `rescaling`.
"""
