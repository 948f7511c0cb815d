# SPDX-License-Identifier: Apache-2.0
"""The report: one self-contained HTML page of a run or of measurements, and the plots.

`write_report(story, path)` tells one run; `write_bench_report(measurements, path)` sets several measurements side by side;
`write_run_report(logs, path)` tells one's own runs;
`report_from_files` does either from JSON files; `write_learning_curve(story, path)` draws the README's picture.
"""

from tinytl.report.files import report_from_files
from tinytl.report.pages import write_bench_report, write_report, write_run_report
from tinytl.report.pictures import write_learning_curve
from tinytl.report.run_log import Answers, RunLog
from tinytl.report.story import (
    Accuracies,
    BoardFacts,
    BundleFacts,
    Confusion,
    Epoch,
    EvaluationPoint,
    Example,
    FlashRegion,
    LearningCurve,
    MemoryMap,
    Picture,
    Story,
)

__all__ = [
    "Accuracies",
    "Answers",
    "BoardFacts",
    "BundleFacts",
    "Confusion",
    "Epoch",
    "EvaluationPoint",
    "Example",
    "FlashRegion",
    "LearningCurve",
    "MemoryMap",
    "Picture",
    "RunLog",
    "Story",
    "report_from_files",
    "write_bench_report",
    "write_learning_curve",
    "write_report",
    "write_run_report",
]
