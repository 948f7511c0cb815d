# SPDX-License-Identifier: Apache-2.0
"""From files to a page: a demo's story.json, runs as `teach --log` and `evaluate -o` write them, or measurements of `bench -o`.

In: JSON files. Out: one HTML file, by `write_report`, `write_run_report` or `write_bench_report`. Nothing of a file is
believed before it is checked.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinytl.errors import BenchError, ReportError
from tinytl.measurement import Measurement
from tinytl.report.pages import write_bench_report, write_report, write_run_report
from tinytl.report.run_log import FORMAT as RUN_FORMAT
from tinytl.report.run_log import RunLog
from tinytl.report.story import FORMAT, Story
from tinytl.typed_json import decode

_KINDS = "a story.json, or what tinytl teach --log, evaluate -o or bench -o wrote"


def report_from_files(files: Sequence[Path | str], out: Path | str) -> Path:
    """Write one page from one story, or from any number of runs, or of measurement files.

    Args:
        files: JSON files. out: HTML file; its folder exists.

    Returns:
        The path of the page.

    Raises:
        ReportError: a file is missing, no JSON, of no kind, a story among others, or runs among measurements.
            BundleError: the folder cannot be written.
    """
    documents = [(Path(file), _document(Path(file))) for file in files]
    stories = [path for path, document in documents if isinstance(document, dict) and document.get("format") == FORMAT]
    if stories and len(documents) > 1:
        raise ReportError(
            f"{stories[0]} is a story, given with {len(documents) - 1} other files",
            expected="one story alone, or measurements",
        )
    if stories:
        return write_report(Story.from_json(documents[0][1]), out)
    runs = [path for path, document in documents if isinstance(document, dict) and document.get("format") == RUN_FORMAT]
    if runs and len(runs) < len(documents):
        raise ReportError(
            f"{runs[0]} is a run, given with {len(documents) - len(runs)} other files", expected="runs alone, or measurements"
        )
    if runs:
        return write_run_report([RunLog.from_json(document) for _, document in documents], out)
    return write_bench_report([measurement for path, document in documents for measurement in _measurements(path, document)], out)


def _document(path: Path) -> Any:
    try:
        return decode(path.read_bytes())
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror or error}", expected=_KINDS) from error
    except ValueError as error:
        raise ReportError(f"{path} is not JSON: {error}", expected=_KINDS) from error


def _measurements(path: Path, document: Any) -> list[Measurement]:
    try:
        return [Measurement.from_json(record) for record in (document if isinstance(document, list) else [document])]
    except BenchError as error:
        raise ReportError(f"{path}: {error.what}", expected=error.expected, hint=f"give {_KINDS}") from error
