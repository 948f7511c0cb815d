# SPDX-License-Identifier: Apache-2.0
"""The engine of an agent's extractor: tried once before it runs here, told with its reason, its first fault logged."""

import json

import numpy as np
import pytest
from crashing_litert import CRASH, litert_that

from tinytl.bundle.shipped import find_bundle
from tinytl.data import load_dataset
from tinytl.errors import DeviceError
from tinytl.model_file import read_model
from tinytl_bridge.agent import extractor_choice
from tinytl_bridge.agent.extractor_choice import ExtractorChoice
from tinytl_bridge.agent.fault_log import FaultLog
from tinytl_bridge.agent.kept_files import KeptFiles
from tinytl_bridge.device import Device
from tinytl_bridge.engines import EngineChoice, runtime_extractor
from tinytl_bridge.engines.trial import tried_litert
from tinytl_bridge.targets.host import HostTarget

PATH = find_bundle("digits")
BUNDLE = read_model(PATH).bundle


@pytest.fixture
def files(tmp_path):
    kept = KeptFiles(tmp_path / "files")
    kept.keep("model", PATH.read_bytes())
    return kept


@pytest.fixture
def target(tmp_path):
    return HostTarget(state_dir=tmp_path)


def choice_of(wanted, target, files, tmp_path):
    return ExtractorChoice(wanted, target, files, tmp_path)


def stored(tmp_path, **changed):
    document = {"bundle_id": BUNDLE.bundle_id.hex(), "engine": "litert", "reason": "it is faster.", "num_threads": 1} | changed
    (tmp_path / "engine.json").write_text(json.dumps(document))


def test_litert_opens_with_the_threads_that_were_fastest_after_one_trial(target, files, tmp_path, monkeypatch):
    trials = []
    monkeypatch.setattr(extractor_choice, "tried_litert", lambda path: trials.append(path) or tried_litert(path))
    stored(tmp_path)
    choice = choice_of("auto", target, files, tmp_path)
    facts = choice.facts()
    assert (facts["engine"], facts["engine_reason"], facts["engine_threads"]) == ("litert", "it is faster.", 1)
    assert facts["engine_version"].startswith("ai-edge-litert")
    choice.renew()
    choice.litert(BUNDLE, 1)
    assert trials == [files.path("model")]


@pytest.mark.parametrize(
    "changed", [{"bundle_id": "00"}, {"engine": "gpu"}, {"reason": 3}, {"num_threads": 0}, {"num_threads": "2"}, {"num_threads": True}]
)
def test_a_choice_for_another_bundle_or_a_damaged_one_counts_for_nothing(target, files, tmp_path, changed):
    stored(tmp_path, **changed)
    facts = choice_of("auto", target, files, tmp_path).facts()
    assert facts == {"engine": "runtime", "engine_reason": "runtime, because the engines were not compared on this machine."}


@pytest.mark.parametrize("text", ["", "[]", "3", "null", "[" * 100_000, '{"bundle_id": 3, "engine": 4}'], ids=range(6))
def test_a_file_that_is_no_choice_counts_for_nothing(target, files, tmp_path, text):
    (tmp_path / "engine.json").write_text(text)
    assert choice_of("auto", target, files, tmp_path).facts()["engine"] == "runtime"


def test_a_crash_in_the_trial_means_runtime_and_the_reason_is_told(target, files, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(litert_that(CRASH, tmp_path / "crashing")))
    choice = choice_of("litert", target, files, tmp_path)
    told = "runtime, because litert cannot be had: it crashed on this model in its trial in another process (SIGSEGV)."
    assert choice.facts() == {"engine": "runtime", "engine_reason": told} and target.extract is None
    with pytest.raises(DeviceError, match="crashed on this model"):
        choice.litert(BUNDLE, None)


@pytest.mark.parametrize(("wanted", "engine"), [("auto", "runtime"), ("litert", "litert")])
def test_where_no_process_can_be_started_litert_runs_only_if_it_was_asked_for(target, files, tmp_path, monkeypatch, wanted, engine):
    monkeypatch.setattr(extractor_choice, "tried_litert", lambda path: tried_litert(path, python="/nowhere/python"))
    stored(tmp_path)
    facts = choice_of(wanted, target, files, tmp_path).facts()
    assert facts["engine"] == engine
    if wanted == "auto":
        assert "it cannot be tried in another process first: No such file or directory" in facts["engine_reason"]


def test_what_a_measurement_chose_is_kept_for_its_bundle(target, files, tmp_path):
    choice = choice_of("auto", target, files, tmp_path)
    choice.take(EngineChoice("runtime", "runtime, because it is right."), BUNDLE)
    again = choice_of("auto", target, files, tmp_path)
    assert again.facts()["engine_reason"] == "runtime, because it is right." and again.measured_threads(BUNDLE) is None


def test_a_damaged_bundle_keeps_no_agent_from_working(target, tmp_path):
    files = KeptFiles(tmp_path / "files")
    files.keep("model", PATH.read_bytes()[:1000])
    facts = choice_of("litert", target, files, tmp_path).facts()
    assert facts["engine"] == "runtime" and facts["engine_reason"].startswith("runtime, because litert cannot be had: ")


class Failing:
    """An extractor that fails from its third sample on."""

    def __init__(self):
        self._real, self._samples = runtime_extractor(BUNDLE), 0
        self.bundle_id = self._real.bundle_id
        self.input_bytes, self.feature_count = self._real.input_bytes, self._real.feature_count

    def extract(self, sample):
        self._samples += 1
        if self._samples > 2:
            raise RuntimeError(f"sample {self._samples}")
        return self._real.extract(sample)


def test_a_fault_is_logged_once_and_the_session_goes_on_in_its_own_kernels(tmp_path, target, caplog):
    task = load_dataset("uci-digits")
    target.extract = FaultLog(Failing())
    with Device(target) as device:
        device.flash(read_model(PATH))
        answers = [device.infer(sample).logits for sample in task.x_test[:6]]
        extraction = target.extraction
        assert (extraction.extracted, extraction.declined, extraction.fault) == (2, 4, "RuntimeError: sample 6")
        target.extract = None
        assert np.array_equal(answers, [device.infer(sample).logits for sample in task.x_test[:6]])
    assert [record.getMessage() for record in caplog.records if record.name == "tinytl.agent"] == [
        "the engine failed, so its samples run in the runtime's kernels: RuntimeError: sample 3"
    ]
