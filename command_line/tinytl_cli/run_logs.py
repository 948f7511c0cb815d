# SPDX-License-Identifier: Apache-2.0
"""What `teach --log` and `evaluate -o` write: one's own run, for `tinytl report`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinytl.errors import ReportError
from tinytl_cli.console import plain, say

if TYPE_CHECKING:
    import numpy as np

    from tinytl.class_match import ClassMatch
    from tinytl.report import Answers, LearningCurve
    from tinytl_bridge.taught import TeachResult
    from tinytl_bridge.wire.results import Evaluation


def expect_folder(file: Path | None) -> None:
    """Refuse a file that could not be written once all is done."""
    if file is not None and not file.parent.is_dir():
        raise ReportError(f"the folder of {file} does not exist", expected="a folder", hint=f"mkdir -p {file.parent}")


def answers(when: str, y: "np.ndarray", result: "Evaluation", match: "ClassMatch") -> "Answers":
    """Return what was answered on a test split, as a report tells it."""
    from tinytl.report import Answers

    return Answers.of(when, y, result.predictions, match)


def learning_curve(taught: "TeachResult", before: "Evaluation | None", after: "Evaluation | None") -> "LearningCurve | None":
    """Return the live curve with the accuracies before and after; None where nothing was taught."""
    from tinytl.report import EvaluationPoint, LearningCurve

    if not taught.samples:
        return None
    ends = ((0, before, taught.source and taught.source.before), (len(taught.samples), after, taught.source and taught.source.after))
    points = tuple(
        EvaluationPoint(samples, seen.accuracy, replayed.accuracy if replayed else None)
        for samples, seen, replayed in ends
        if seen is not None
    )
    return LearningCurve(tuple(s.predicted == s.label for s in taught.samples), tuple(float(s.loss) for s in taught.samples), points)


def write_log(file: Path, kind: str, facts: dict[str, Any], *, seen: "tuple[Answers, ...]", curve: "LearningCurve | None" = None) -> None:
    """Write a run whole or not at all, and say where."""
    from tinytl.files import write_whole
    from tinytl.report import RunLog

    entries = {
        name: value if isinstance(value, (str, int, float, bool, type(None))) else str(plain(value)) for name, value in facts.items()
    }
    log = RunLog("teach" if kind == "teach" else "evaluate", entries, seen, curve)
    write_whole(file, (json.dumps(log.to_json(), indent=2, allow_nan=False) + "\n").encode())
    say(f"written: {file}; tinytl report {file} draws its page")
