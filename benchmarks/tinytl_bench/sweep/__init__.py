# SPDX-License-Identifier: Apache-2.0
"""Which split, for one's own data and board: every freeze plan of a model, tried on the twin and on the host. `run_sweep` is the way in."""

from tinytl_bench.sweep.picking import Pick
from tinytl_bench.sweep.results import Row
from tinytl_bench.sweep.settings import Budget, SweepSettings
from tinytl_bench.sweep.stored import Sweep, export_pick, read_sweep
from tinytl_bench.sweep.sweep import run_sweep

__all__ = ["Budget", "Pick", "Row", "Sweep", "SweepSettings", "export_pick", "read_sweep", "run_sweep"]
