# SPDX-License-Identifier: Apache-2.0
"""Heads of many devices: out of a device into a file, averaged, and back. Nothing here needs a network or another library."""

from tinytl_bridge.fleet.averaging import Averaged, average_heads
from tinytl_bridge.fleet.device_heads import give_head, head_of
from tinytl_bridge.fleet.head_file import HeadFile, LayerWords, read_head, write_head

__all__ = ["Averaged", "HeadFile", "LayerWords", "average_heads", "give_head", "head_of", "read_head", "write_head"]
