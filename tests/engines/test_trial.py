# SPDX-License-Identifier: Apache-2.0
"""The trial of LiteRT in another process: what works, what crashes, hangs or refuses there, and where no process can be had."""

import pytest
from crashing_litert import CRASH, HANG, REFUSAL, litert_that

from tinytl.bundle.shipped import find_bundle
from tinytl_bridge.engines.trial import Trial, tried_litert

DIGITS = find_bundle("digits")


@pytest.mark.long  # test_extractor_choice.py has one that works, and one that crashes, every day
def test_an_extractor_that_runs_works():
    assert tried_litert(DIGITS) == Trial(True)


@pytest.mark.long
def test_a_crash_ends_the_other_process_alone_and_names_its_signal(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(litert_that(CRASH, tmp_path)))
    trial = tried_litert(DIGITS)
    assert not trial.works and trial.was_had
    assert trial.reason == "it crashed on this model in its trial in another process (SIGSEGV)"


def test_a_trial_that_hangs_is_ended(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(litert_that(HANG, tmp_path)))
    trial = tried_litert(DIGITS, timeout_s=0.5)
    assert (trial.works, trial.reason) == (False, "its trial in another process did not end within 0.5 s")


def test_what_is_raised_there_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(litert_that(REFUSAL, tmp_path)))
    assert tried_litert(DIGITS).reason == "its trial in another process failed: RuntimeError: no such kernel"


@pytest.mark.long
def test_a_damaged_bundle_is_told(tmp_path):
    (tmp_path / "damaged").write_bytes(b"no bundle")
    assert tried_litert(tmp_path / "damaged").reason.startswith("its trial in another process failed: ")


@pytest.mark.parametrize("python", ["/nowhere/python", "/etc/passwd"])
def test_where_no_process_can_be_started_nothing_is_known(python):
    trial = tried_litert(DIGITS, python=python)
    assert (trial.works, trial.was_had) == (False, False)
    assert trial.reason.startswith("it cannot be tried in another process first: ")
