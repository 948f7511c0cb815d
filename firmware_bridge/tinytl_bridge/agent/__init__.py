# SPDX-License-Identifier: Apache-2.0
"""The agent of a Linux board: the device's own session on a Raspberry Pi, its store in files, its service unit."""
