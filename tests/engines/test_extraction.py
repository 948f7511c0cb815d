# SPDX-License-Identifier: Apache-2.0
"""A session whose features come from an extractor in Python: the head that it teaches is the twin's, byte for byte, for equal features."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from digit_samples import digits, prepared

from tinytl.compiler import compile_bundle
from tinytl.errors import DeviceError
from tinytl.tflite.interpreter import Interpreter
from tinytl_bridge.device import Device
from tinytl_bridge.engines import LitertExtractor, litert_extractor
from tinytl_bridge.evaluating import evaluate_prepared
from tinytl_bridge.targets.extraction import Extractor
from tinytl_bridge.targets.host import HostTarget
from tinytl_bridge.twin import TwinModel

SLOTS = {"model_slot_bytes": 256 << 10, "head_slot_bytes": 64 << 10, "arena_bytes": 256 << 10}


class ReferenceExtractor:
    """LiteRT's reference kernels, which answer the runtime's bytes."""

    def __init__(self) -> None:
        self._interpreter = Interpreter(digits().extractor)
        self.bundle_id, self.input_bytes, self.feature_count = digits().bundle_id, 784, 288

    def extract(self, sample: np.ndarray) -> np.ndarray:
        (features,) = self._interpreter.run(sample[np.newaxis])
        return features.reshape(-1)


class FailingExtractor(ReferenceExtractor):
    """Fails at every sample."""

    def extract(self, sample: np.ndarray) -> np.ndarray:
        raise OSError(12, "no memory left")


def device(folder: Path, extract: Extractor | None) -> Device:
    """Connect to a twin that holds the bundle's factory head."""
    connected = Device(HostTarget(state_dir=folder, extract=extract, **SLOTS))
    connected.flash(digits())
    return connected


def counts(connected: Device) -> tuple[int, int, str | None]:
    target = connected.target
    assert isinstance(target, HostTarget) and target.extraction is not None
    return target.extraction.extracted, target.extraction.declined, target.extraction.fault


def test_equal_features_teach_the_twins_head(tmp_path: Path) -> None:
    samples, labels = prepared(150)
    heads, answers = [], []
    for name, extract in (("kernels", None), ("reference", ReferenceExtractor())):
        with device(tmp_path / name, extract) as connected:
            answers.append([connected.teach_prepared(sample, int(label)) for sample, label in zip(samples, labels, strict=True)])
            answers[-1].append(connected.infer_prepared(samples[0]).predicted)
            heads.append(connected.head_parameters().tobytes())
            connected.save()
            if extract is not None:
                assert counts(connected) == (151, 0, None)
    assert heads[0] == heads[1]
    assert answers[0] == answers[1]
    stores = [next((tmp_path / name).glob("*.nv")).read_bytes() for name in ("kernels", "reference")]
    assert stores[0] == stores[1]


def test_litert_teaches_what_its_features_teach_the_twin(tmp_path: Path) -> None:
    samples, labels = prepared(150)
    extractor = litert_extractor(digits())
    twin = TwinModel(compile_bundle(digits()).data)
    factory = twin.parameters.tobytes()
    for sample, label in zip(samples, labels, strict=True):
        twin.put_features(extractor.extract(sample))
        assert twin.step(int(label)).status == "ok"
    with device(tmp_path, extractor) as connected:
        for sample, label in zip(samples, labels, strict=True):
            connected.teach_prepared(sample, int(label))
        head = connected.head_parameters().tobytes()
        assert counts(connected) == (150, 0, None)
    assert head == twin.parameters.tobytes() != factory


def test_features_reach_every_command(tmp_path: Path) -> None:
    samples, labels = prepared(20)
    extractor, roomy = litert_extractor(digits()), replace(digits(), manifest=digits().manifest | {"class_capacity": 12})
    with device(tmp_path, extractor) as connected:
        connected.flash(roomy)
        connected.infer_prepared(samples[3])
        assert np.array_equal(connected.outputs(count=288), extractor.extract(samples[3]))
        evaluated = evaluate_prepared(connected.session, samples, labels, mailbox=connected.target.mailbox(), report=lambda *_: None)
        assert counts(connected)[0] == 21
        assert evaluated.predictions.tolist() == [connected.infer_prepared(sample).predicted for sample in samples]
        connected.grow_prepared(samples[4], 10, "mark")
        assert np.array_equal(connected.outputs(count=288), extractor.extract(samples[4]))
        assert counts(connected) == (42, 0, None)


def test_an_extractor_is_set_and_taken_away_while_the_session_runs(tmp_path: Path) -> None:
    samples, _ = prepared(20)
    litert = litert_extractor(digits())
    twin = TwinModel(compile_bundle(digits()).data)
    with device(tmp_path, None) as connected:
        target = connected.target
        assert isinstance(target, HostTarget) and target.extract is None
        for extract, expected in ((litert, litert.extract(samples[0])), (None, twin.invoke(samples[0])[0].reshape(-1))):
            target.extract = extract
            connected.infer_prepared(samples[0])
            assert target.extract is extract
            assert np.array_equal(connected.outputs(count=288), expected)
        target.extract = litert
        connected.power_cycle()
        connected.infer_prepared(samples[0])
        assert np.array_equal(connected.outputs(count=288), litert.extract(samples[0]))


def other_bundle() -> Extractor:
    return LitertExtractor(digits().extractor, bundle_id=bytes(16))


def other_size() -> Extractor:
    extractor = ReferenceExtractor()
    extractor.input_bytes = 785
    return extractor


def other_features() -> Extractor:
    extractor = ReferenceExtractor()
    extractor.extract = lambda sample: np.zeros(287, np.int8)  # type: ignore[method-assign]
    return extractor


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (other_bundle, None),
        (other_size, None),
        (other_features, None),
        (FailingExtractor, "OSError: [Errno 12] no memory left"),
    ],
)
def test_the_kernels_run_where_the_extractor_does_not(tmp_path: Path, make: type[Extractor], fault: str | None) -> None:
    samples, _ = prepared(20)
    twin = TwinModel(compile_bundle(digits()).data)
    with device(tmp_path, make()) as connected:
        connected.infer_prepared(samples[0])
        assert counts(connected) == (0, 1, fault)
        assert np.array_equal(connected.outputs(count=288), twin.invoke(samples[0])[0].reshape(-1))


def test_features_of_a_wrong_size_are_not_put_into_the_twin() -> None:
    twin = TwinModel(compile_bundle(digits()).data)
    for features, said in ((np.zeros(289, np.int8), r"int8 \(289,\)"), (np.zeros(288, np.uint8), r"uint8 \(288,\)")):
        with pytest.raises(DeviceError, match=rf"^features are {said}; expected int8 \(288,\)$"):
            twin.put_features(features)
