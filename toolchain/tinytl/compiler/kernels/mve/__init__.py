# SPDX-License-Identifier: Apache-2.0
"""The mve kernel family (Cortex-M55, M85): what each of its kernels can take, packs and costs (SPEC.md section 2.8).

One module a kernel; each offers `candidates(program, operator)`: the ways to run a portable operator of the program, every
one exact.
"""
