# SPDX-License-Identifier: Apache-2.0
"""Pairing of a host with an agent over a network, and the sealed channel between them (SPEC.md, «Pairing»).

In and out: bytes that somebody else carries; nothing here opens a socket, reads a clock or draws a random number that was not handed in.
A person reads the agent's code once; from then on both sides remember a key. No secret is ever on the wire.
"""
