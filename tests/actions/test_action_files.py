# SPDX-License-Identifier: Apache-2.0
"""The action and the example workflows as files: they parse, name what is there, and their scripts are clean."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION = ROOT / ".github/actions/bench"
SCRIPTS = sorted(ACTION.glob("*.sh"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.fixture(scope="module")
def action():
    return yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))


def test_each_step_runs_a_script_that_is_there_and_every_script_is_run(action):
    runs = [step["run"] for step in action["runs"]["steps"] if "run" in step]
    named = {name for run in runs for name in re.findall(r'^"\$GITHUB_ACTION_PATH/([\w.]+)"$', run)}
    assert named == {path.name for path in SCRIPTS}
    assert all(os.access(path, os.X_OK) and path.read_text().startswith("#!/usr/bin/env bash\n") for path in SCRIPTS)
    assert [run for run in runs if "GITHUB_ACTION_PATH" not in run] == ["exit 1"]


def test_every_input_and_output_that_is_named_is_there(action):
    text = (ACTION / "action.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.(\w+)", text)) == set(action["inputs"])
    written = set(re.findall(r"(?:'|\\n)(\w+)=%s", (ACTION / "bench.sh").read_text(encoding="utf-8")))
    assert set(re.findall(r"steps\.bench\.outputs\.(\w+)", text)) == written
    assert all(entry.get("required") or "default" in entry for entry in action["inputs"].values())


def test_each_script_reads_only_what_its_step_or_the_runner_gives(action):
    for step in action["runs"]["steps"]:
        found = re.findall(r"\w+\.sh", step.get("run", ""))
        if found:
            code = re.sub(r"(?m)^\s*#.*$", "", (ACTION / found[0]).read_text(encoding="utf-8"))
            read = set(re.findall(r"\$\{?([A-Z_]+)\b|os\.environ\[\"([A-Z_]+)\"\]", code))
            names = {shell or python for shell, python in read} - {"MARKER", "MOST"}  # the script's own, for its Python
            assert {name for name in names if not name.startswith("GITHUB_")} == set(step["env"]), found[0]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_gives_the_action_what_it_takes(path, action):
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    uses = [step for job in jobs.values() for step in job["steps"] if step.get("uses") == "./.github/actions/bench"]
    assert len(uses) == 1
    given = set(uses[0]["with"])
    needed = {name for name, entry in action["inputs"].items() if entry.get("required")}
    assert needed <= given <= set(action["inputs"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_the_baselines_of_a_workflow_are_there_and_of_its_targets(path):
    for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
        for entry in job.get("strategy", {}).get("matrix", {}).get("include", []):
            stored = yaml.safe_load((ROOT / entry["baseline"]).read_text(encoding="utf-8"))
            targets = {each["target"] for each in (stored if isinstance(stored, list) else [stored])}
            assert entry["target"] in targets, entry["baseline"]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck: apt install shellcheck")
def test_the_scripts_are_clean():
    ran = subprocess.run(["shellcheck", *SCRIPTS], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
