# SPDX-License-Identifier: Apache-2.0
"""Engines: what runs a bundle's extractor on a larger machine, `runtime` or `litert`; compared on samples, and chosen by that.

The head is the runtime's with either. Features that differ lead to another head, so the choice looks at accuracy before it looks at time.
"""

from tinytl_bridge.engines.choice import UNMEASURED, EngineChoice, choose_engine, measured_choice
from tinytl_bridge.engines.comparison import EngineComparison, compare_engines
from tinytl_bridge.engines.litert import LitertExtractor, litert_extractor
from tinytl_bridge.engines.runtime import RuntimeExtractor, runtime_extractor

ENGINES = ("runtime", "litert")

__all__ = [
    "ENGINES",
    "UNMEASURED",
    "EngineChoice",
    "EngineComparison",
    "LitertExtractor",
    "RuntimeExtractor",
    "choose_engine",
    "compare_engines",
    "litert_extractor",
    "measured_choice",
    "runtime_extractor",
]
