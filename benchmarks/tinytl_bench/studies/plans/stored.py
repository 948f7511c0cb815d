# SPDX-License-Identifier: Apache-2.0
"""A folder of studies: a JSON file a task, one page of tables and one plot of all that are there, in the order of the tasks."""

from pathlib import Path

from tinytl.errors import BenchError
from tinytl.files import write_whole
from tinytl_bench.studies.plans.curves import draw_curves
from tinytl_bench.studies.plans.outcomes import TaskStudy, read_study, write_study
from tinytl_bench.studies.plans.tables import markdown
from tinytl_bench.studies.plans.tasks import TASKS

PAGE, PLOT = "README.md", "curves.png"


def expect_folder(folder: Path) -> None:
    """Refuse a folder that could not be written once all is taught. Raises BenchError."""
    if not folder.is_dir():
        raise BenchError(f"the folder {folder} does not exist", expected="a folder", hint=f"mkdir -p {folder}")


def read_studies(folder: Path) -> tuple[TaskStudy, ...]:
    """Return the studies that a folder holds, in the order of the tasks. Raises BenchError."""
    files = (folder / f"{task}{suffix}.json" for task in TASKS for suffix in ("", "-int8", "-equal", "-int8-equal"))
    return tuple(read_study(file) for file in files if file.is_file())


def store(study: TaskStudy, folder: Path) -> tuple[Path, ...]:
    """Write a study and, with those that the folder holds already, the page and the plot; return what was written."""
    path = folder / f"{study.name}.json"
    write_study(study, path)
    studies = read_studies(folder)
    write_whole(folder / PAGE, markdown(studies).encode())
    write_whole(folder / PLOT, draw_curves([candidate for candidate in studies if not candidate.special] or studies))
    return path, folder / PAGE, folder / PLOT
