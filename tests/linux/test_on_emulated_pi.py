# SPDX-License-Identifier: Apache-2.0
"""The emulated Pi itself: its answers are the twin's byte for byte, LiteRT's int8 too, counts repeat, and it ends for certain."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tinytl_models
from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.errors import DeviceError
from tinytl_bench import bench
from tinytl_bench.compare import compare_measurements, load_baseline
from tinytl_bench.counting import Counter, open_pi_counter
from tinytl_bridge import connect
from tinytl_bridge.device import Device
from tinytl_bridge.emulated_pi import PROCESSORS, set_up
from tinytl_bridge.engines.litert import litert_extractor
from tinytl_bridge.targets.qemu_pi import QemuPiTarget

NEEDED = ("qemu-aarch64", "apt-get", "dpkg-deb", "aarch64-linux-gnu-gcc")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not all(shutil.which(name) for name in NEEDED), reason=f"needs {', '.join(NEEDED)}"),
]
BUNDLE = Path(tinytl_models.__file__).parent / "bundles/digits.tinytl"
BASELINE = Path(__file__).parents[2] / "benchmarks/baselines/digits-pi-a72.json"
STEPS = 100
LITERT = """
import sys
import numpy as np
from tinytl.bundle.bundle import read_bundle
from tinytl_bridge.engines.litert import litert_extractor

bundle = read_bundle(sys.argv[1])
extractor = litert_extractor(bundle, num_threads=1)
sys.stdout.buffer.write(b"".join(extractor.extract(sample).tobytes() for sample in bundle.check_inputs))
"""


@pytest.fixture(scope="module")
def digits() -> Bundle:
    return read_bundle(BUNDLE)


def story(device: Device, bundle: Bundle) -> list[bytes]:
    """Everything that a device answers to the same commands: logits, features, losses, the head, its checksum."""
    device.flash(bundle)
    told: list[bytes] = []
    samples = bundle.check_inputs
    for sample in samples:
        answer = device.infer_prepared(sample)
        told += [answer.logits.tobytes(), device.outputs(count=bundle.head.feature_count).tobytes()]
    for step in range(STEPS):
        taught = device.teach_prepared(samples[step % len(samples)], step % len(bundle.manifest["labels"]))
        told.append(np.float32(taught.loss).tobytes())
    told.append(device.head_parameters().tobytes())
    device.save()
    return [*told, device.status().head_crc32.to_bytes(4, "little")]


@pytest.mark.parametrize("processor", PROCESSORS)
def test_answers_are_the_twins_byte_for_byte(processor: str, digits: Bundle, tmp_path: Path) -> None:
    with connect("host", state_dir=tmp_path / "host") as device:
        expected = story(device, digits)
    with connect(f"qemu-pi:{processor}", state_dir=tmp_path / "pi") as device:
        assert device.info.board == "linux-aarch64"
        assert story(device, digits) == expected
        saved = device.status().head_crc32
    if processor == "cortex-a72":
        with connect(f"qemu-pi:{processor}", state_dir=tmp_path / "pi") as device:
            assert device.status().head_crc32 == saved, "the store is in the state folder"


@pytest.mark.parametrize("processor", PROCESSORS)
def test_litert_gives_the_same_int8_features_there(processor: str, digits: Bundle) -> None:
    pi = set_up(processor)
    ran = subprocess.run(pi.python("-c", LITERT, str(BUNDLE)), env=pi.environment(dict(os.environ)), capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()[-500:]
    here = litert_extractor(digits, num_threads=1)
    assert ran.stdout == b"".join(here.extract(sample).tobytes() for sample in digits.check_inputs)


def counts(counter: Counter, bundle: Bundle) -> list[int]:
    counter.device.flash(bundle)
    regions = counter.measure("inference", sample=bundle.check_inputs[0])
    regions += counter.measure("step", label=1)
    counter.device.rollback("factory")
    return [region.instructions for region in regions]


def test_counts_repeat_to_the_instruction(digits: Bundle) -> None:
    runs = []
    for _ in range(2):
        with open_pi_counter("cortex-a72") as counter:
            runs += [counts(counter, digits), counts(counter, digits)]
    assert all(run == runs[0] for run in runs) and all(count > 10_000 for count in runs[0])


def test_bench_holds_the_stored_baseline() -> None:
    measured = bench(BUNDLE, target="qemu-pi:cortex-a72", samples=200)
    compare_measurements(load_baseline(BASELINE, target="qemu-pi:cortex-a72"), measured)
    assert not any(figure.unit == "ms" for figure in measured.figures.values()), "time there says nothing"
    assert measured.details["missing"]["cycles_model"].endswith("this core is a cortex-a72")


def processes_of(folder: Path) -> list[str]:
    """Command lines of the processes that were given a folder."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it ended meanwhile
    return [line for line in lines if str(folder) in line]


def test_it_ends_with_its_connection(tmp_path: Path) -> None:
    with connect("qemu-pi:cortex-a72", state_dir=tmp_path):
        assert len(processes_of(tmp_path)) == 1
    assert processes_of(tmp_path) == []


def test_an_emulator_that_does_not_start_is_told_in_its_words(tmp_path: Path) -> None:
    target = QemuPiTarget("cortex-a72", state_dir=tmp_path, emulator_arguments=("-plugin", "/no/plugin.so"))
    with pytest.raises(
        DeviceError, match=r"(?s)the emulated Pi ended \(exit code 1\): .*/no/plugin\.so.*hint: connect again; its log is .*agent\.log"
    ):
        Device(target)


def test_a_pi_that_dies_is_told(tmp_path: Path) -> None:
    target = QemuPiTarget("cortex-a72", state_dir=tmp_path)
    with Device(target) as device:
        assert target._process is not None
        target._process.kill()
        with pytest.raises(DeviceError, match=r"the emulated Pi ended \(exit code -9\)"):
            device.status()
