# SPDX-License-Identifier: Apache-2.0
"""Targets: where a bundle runs. One class each behind one interface, found by the part of the name before the colon."""

from tinytl_bridge.targets.base import Target
from tinytl_bridge.targets.registry import open_target

__all__ = ["Target", "open_target"]
