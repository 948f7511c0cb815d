# SPDX-License-Identifier: Apache-2.0
"""The agent: a Linux machine, a Raspberry Pi for one, as a device. It runs a microcontroller's C session behind TCP or a serial line.

In: bytes of connections. Out: bytes of answers, and the head in files. `server.serve` is the way in.
"""
