# SPDX-License-Identifier: Apache-2.0
"""Which freeze plan reaches what after deployment. `study_task` is the way in; tables and the plot take what it returns."""

from tinytl_bench.studies.plans.outcomes import HostOutcome, PlanOutcome, TaskStudy, read_study, write_study
from tinytl_bench.studies.plans.settings import RATES, StudySettings
from tinytl_bench.studies.plans.study import study_task
from tinytl_bench.studies.plans.tasks import TASKS, find_task

__all__ = [
    "RATES", "TASKS", "HostOutcome", "PlanOutcome", "StudySettings", "TaskStudy", "find_task", "read_study", "study_task", "write_study",
]  # fmt: skip
