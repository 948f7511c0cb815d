# SPDX-License-Identifier: Apache-2.0
"""`tinytl bench` on a real agent: both engines on its own machine, the choice that lasts, a meter beside it, a throttled machine."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from crashing_litert import CRASH, litert_that
from running_agent import running_agent

from tinytl.bundle.shipped import find_bundle
from tinytl.data import load_dataset
from tinytl.errors import BenchError, DeviceError
from tinytl.measurement import Measurement
from tinytl.model_file import read_model
from tinytl_bench import bench
from tinytl_bench.agent_bench import measure_on_agent
from tinytl_bridge import connect
from tinytl_bridge.agent.measuring import samples_file
from tinytl_bridge.targets.pi import PiTarget

DIGITS = read_model(find_bundle("digits"))
BUNDLE = find_bundle("digits")


@pytest.fixture(scope="module")
def task():
    whole = load_dataset("mnist-5k")
    return replace(whole, x_train=whole.x_train[:240], y_train=whole.y_train[:240])


def measured(agent, task, **more):
    return bench(BUNDLE, target=agent.target, dataset=task, samples=20, **more)


@pytest.fixture(scope="module")
def benched(tmp_path_factory, task):
    """An agent that had learned, and was measured then: what it told before and after, after a kill too."""
    state = tmp_path_factory.mktemp("benched") / "state"
    told = {}
    with running_agent(state) as agent:
        with connect(agent.target) as device:
            device.flash(DIGITS)
            told["factory"] = device.status().head_crc32
            device.teach(task.x_train[:3], task.y_train[:3], classes=task.classes)
            told["taught"] = device.status().head_crc32
        told["measurement"] = measured(agent, task)
        told["log"] = agent.log.read_text()
        with connect(agent.target) as device:
            told["head"], told["facts"] = device.status().head_crc32, device.target.facts()
        agent.end(signal.SIGKILL)
    with running_agent(state) as agent, connect(agent.target) as device:
        told["restarted"] = device.target.facts()
    return told


def test_figures_are_the_machines_own_and_say_how_they_were_had(benched):
    figures, details = benched["measurement"].figures, benched["measurement"].details
    for name in ("p50", "p90", "p99", "mean"):
        for what in ("inference", "teach_step"):
            figure = figures[f"milliseconds_per_{what}_{name}"]
            assert figure.unit == "ms" and 0 < figure.value < 1000
            assert figure.how == f"engine {details['engine']}: wall clock, 200 calls after 20 of warm-up, garbage collector off"
    assert figures["milliseconds_per_inference_p50"].value <= figures["milliseconds_per_inference_p99"].value
    assert figures["accuracy"].value > 0.8 and "20 test samples" in figures["accuracy"].how
    assert figures["peak_rss_bytes"].value > 20 << 20
    assert "no meter" in details["missing"]["inference_energy_j"]
    assert benched["measurement"] == Measurement.from_json(json.loads(json.dumps(benched["measurement"].to_json())))


def test_both_engines_stand_in_the_details_with_what_differs(benched):
    details = benched["measurement"].details
    assert set(details["engines"]) == {"runtime", "litert"}
    comparison = details["choice"]["comparison"]
    assert (comparison["data"], comparison["held_out"] > 40) == ("240 training samples of mnist-5k", True)
    assert comparison["features"]["samples"] == 240
    assert comparison["taught"] + comparison["held_out"] == 240
    assert details["machine"]["cpu"]["cores"] >= 1


def test_the_choice_is_told_and_outlives_a_kill(benched):
    choice, facts, restarted = benched["measurement"].details["choice"], benched["facts"], benched["restarted"]
    assert (facts["engine"], facts["engine_reason"]) == (choice["engine"], choice["reason"])
    assert facts["engine"] == benched["measurement"].details["engine"]
    assert f"measured runtime and litert on 240 training samples of mnist-5k: {choice['reason']}\n" in benched["log"]
    assert f"engine {choice['reason']}\n" in benched["log"]
    assert (restarted["engine"], restarted["engine_reason"]) == (facts["engine"], facts["engine_reason"])
    if facts["engine"] == "litert":
        assert facts["engine_threads"] == restarted["engine_threads"] == choice["comparison"]["litert"]["num_threads"]


def test_the_head_is_the_factorys_since_a_bench_flashes_and_teaches_beside_it(benched):
    assert benched["taught"] != benched["factory"]
    assert benched["head"] == benched["factory"]


@pytest.mark.long
def test_the_measuring_itself_leaves_a_taught_head_alone(tmp_path, task):
    few = replace(task, x_train=task.x_train[:3], y_train=task.y_train[:3])
    with running_agent(tmp_path / "state") as agent, connect(agent.target) as device:
        device.flash(DIGITS)
        device.teach(task.x_train[:3], task.y_train[:3], classes=task.classes)
        before = device.status()
        figures = measure_on_agent(device, device.target, few, energy_csv=None, progress=lambda *_: None)
        after = device.status()
    assert (after.head_crc32, after.steps) == (before.head_crc32, before.steps)
    reason = figures.details["choice"]["reason"]
    assert reason.startswith("runtime, because the engines cannot be compared: 3 samples are too few"), reason
    assert set(figures.details["engines"]) == {"runtime", "litert"}


@pytest.mark.long
def test_a_crash_of_litert_leaves_the_agent_up_and_runtime_in_use(tmp_path, task, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(litert_that(CRASH, tmp_path / "crashing")))
    reason = "runtime, because litert cannot be had: it crashed on this model in its trial in another process (SIGSEGV)."
    with running_agent(tmp_path / "state", "--engine", "litert") as agent, connect(agent.target) as device:
        device.flash(DIGITS)
        assert device.target.facts()["engine_reason"] == reason
        device.infer(task.x_test[0])
        few = replace(task, x_train=task.x_train[:30], y_train=task.y_train[:30])
        figures = measure_on_agent(device, device.target, few, energy_csv=None, progress=lambda *_: None)
        assert set(figures.details["engines"]) == {"runtime"}
        assert figures.details["choice"]["reason"] == reason
        assert device.target.facts()["engine"] == "runtime"


def throttled_by(program, tmp_path, monkeypatch):
    """Have the machine look like a Pi: its program `vcgencmd` is on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "vcgencmd").write_text(f"#!/bin/sh\n{program}\n")
    (folder / "vcgencmd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.long
def test_a_throttled_run_is_told_and_not_stored(tmp_path, monkeypatch):
    throttled_by('[ "$1" = get_throttled ] && echo throttled=0x50005', tmp_path, monkeypatch)
    with running_agent(tmp_path / "state") as agent:
        out, markdown = tmp_path / "m.json", tmp_path / "t.md"
        command = ["bench", "digits", "--target", agent.target, "--samples", "5", "-o", str(out), "--markdown", str(markdown)]
        ran = subprocess.run([sys.executable, "-m", "tinytl_cli", *command], capture_output=True, text=True, timeout=200, check=False)
    assert ran.returncode == 1 and not out.exists()
    refusal = f"the measurement on {agent.target} is not stored: the machine was throttled: under-voltage, throttled"
    assert refusal in ran.stderr and "stronger power supply" in ran.stderr
    assert "throttled    happened: under-voltage, throttled" in ran.stdout
    assert "the machine was throttled: under-voltage, throttled" in markdown.read_text()


METER = """
import sys, time
path, pid, period = sys.argv[1], int(sys.argv[2]), 0.05

def worked():
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100

with open(path, "w") as file:
    file.write("timestamp_s,power_w\\n")
    at, before, then = time.time(), worked(), time.time()
    while True:
        time.sleep(period)
        now, after = time.time(), worked()
        power = 2.0 + 3.0 * min(1.0, (after - before) / (now - then))
        while at <= now:
            file.write(f"{at:.4f},{power:.4f}\\n")
            at += period
        file.flush()
        before, then = after, now
"""
"""A power meter as a process of its own, with 20 samples a second: 2 W at rest, up to 5 W while the agent works."""


@contextmanager
def meter(path, agent):
    process = subprocess.Popen([sys.executable, "-c", METER, str(path), str(agent.process.pid)])
    try:
        while not path.exists() or path.stat().st_size < 100:
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.long
def test_a_meter_beside_the_agent_tells_the_energy_of_an_inference(tmp_path, task):
    path = tmp_path / "meter.csv"
    with running_agent(tmp_path / "state") as agent, meter(path, agent):
        measurement = measured(agent, task, energy_csv=path)
    figures, energy = measurement.figures, measurement.figures["inference_energy_j"]
    idle_w, run_w = figures["idle_power_w"].value, figures["run_power_w"].value
    assert 1.99 < idle_w < 2.5 and idle_w + 0.3 < run_w <= 5
    seconds = float(re.search(r"samples in ([\d.]+) s of", energy.how)[1])
    inferences = int(re.search(r"([\d,]+) inferences of engine (\w+) in them", energy.how)[1].replace(",", ""))
    assert energy.value == pytest.approx((run_w - idle_w) * seconds / inferences, rel=0.01)
    assert figures["inference_energy_uncertainty_j"].value > 0 and energy.unit == "J"
    assert "inference_energy_j" not in measurement.details["missing"]


@pytest.mark.long
def test_an_agent_that_is_told_to_end_does_not_wait_for_a_measurement(tmp_path, task):
    with running_agent(tmp_path / "state") as agent, connect(agent.target) as device:
        device.flash(DIGITS)
        device.teach(task.x_train[:3], task.y_train[:3], classes=task.classes)
        sequence = device.save()
        samples = samples_file(device.prepare(task.x_train[:240]), task.y_train[:240])
        device.target.send_file("samples", samples)
        busy = threading.Thread(target=lambda: _refused(lambda: device.target.call("busy", seconds=60, timeout_s=60)))
        busy.start()
        time.sleep(2)
        begin = time.monotonic()
        assert agent.end() == 0 and time.monotonic() - begin < 15
        busy.join()
        assert "ended in the midst of a measurement" in agent.log.read_text()
    with running_agent(tmp_path / "state") as agent, connect(agent.target) as device:
        assert device.status().store_sequence == sequence


def _refused(call):
    with pytest.raises(DeviceError):
        call()


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    with running_agent(tmp_path_factory.mktemp("asked") / "state") as running:
        yield running


def archive(compressed, shape):
    buffer, save = io.BytesIO(), np.savez_compressed if compressed else np.savez
    save(buffer, samples=np.zeros(shape, np.int8), labels=np.zeros(shape[0], np.uint16))
    return buffer.getvalue()


def test_what_does_not_fit_is_refused_in_words(agent):
    with connect(agent.target) as device:
        with pytest.raises(DeviceError, match="the agent has no bundle or no samples to measure on"):
            device.target.call("measure")
        device.flash(DIGITS)
        with pytest.raises(DeviceError, match=r"count 0; expected a whole number from 1 to 100,000"):
            device.target.call("measure", count=0)
        with pytest.raises(DeviceError, match=r"threads 1000000; expected a whole number from 0 to 64"):
            device.target.call("measure", threads=1_000_000)
        with pytest.raises(DeviceError, match=r"inferences for 'long' s; expected more than 0, at most 60"):
            device.target.call("busy", seconds="long")
        for compressed, shape in ((True, (1, 784)), (False, (20_001, 1))):
            device.target.send_file("samples", archive(compressed, shape))
            with pytest.raises(DeviceError, match="is compressed" if compressed else "N at most 20,000"):
                device.target.call("measure")
        device.target.send_file("samples", b"no archive at all")
        with pytest.raises(DeviceError, match="the samples to measure on cannot be read"):
            device.target.call("measure")


def test_a_meters_file_that_fits_nothing_is_refused_before_anything_is_flashed(tmp_path):
    nowhere = "pi:127.0.0.1:9"  # who would connect would find nobody
    with pytest.raises(BenchError, match=r"energy file .*none\.csv: there is none"):
        bench(BUNDLE, target=nowhere, energy_csv=tmp_path / "none.csv")
    for target in ("host", "qemu:mps2-an386", "qemu-pi:cortex-a72"):
        with pytest.raises(BenchError, match=f"a power meter's file for '{target}'; expected a bundle on pi:HOST"):
            bench(BUNDLE, target=target, energy_csv=tmp_path / "none.csv")


def test_another_program_waits_while_one_holds_the_session(agent, tmp_path):
    with connect(agent.target) as device:
        other = PiTarget(f"127.0.0.1:{agent.port}", name=agent.target, state_dir=tmp_path / "host")
        other.start()
        assert other.call("about")["engine"] == "runtime"
        with pytest.raises(DeviceError, match="another program holds the agent's session, so 'file-begin' waits"):
            other.send_file("model", BUNDLE.read_bytes())
        assert device.status().stack_bytes == 0  # the holder's session is as it was
        other.stop()
