# SPDX-License-Identifier: Apache-2.0
"""Measure a bundle on a target, compare with a baseline, run the demo. `bench` is the way in."""

from tinytl_bench.measuring import bench

__all__ = ["bench"]
