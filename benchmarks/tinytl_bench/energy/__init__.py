# SPDX-License-Identifier: Apache-2.0
"""Energy of a model layer by layer, and what one retraining costs. In: a model. Out: an `EnergyReport`; `of_model` is its one verb."""

from tinytl_bench.energy.report import EnergyReport, of_model

__all__ = ["EnergyReport", "of_model"]
