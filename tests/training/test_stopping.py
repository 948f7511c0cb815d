# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C in `pretrain` keeps what was learned, and the training goes on as if nothing had been: real signals, equal weights."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinytl.data import Dataset
from tinytl.errors import ModelError
from tinytl.training.pretraining import Run, load_model, load_run, pretrain
from tinytl.training.stopped import TRAINING_FILE

EPOCHS = 8
HINT = "hint: repeat the command that was stopped with --resume; without --resume it is trained anew"


@pytest.fixture(scope="module")
def vectors() -> Dataset:
    generator = np.random.default_rng(0)
    y = np.arange(800) % 3
    x = (generator.normal(size=(800, 5)) + np.eye(5)[y] * 3).astype(np.float32)
    return Dataset("vectors", x[:600], y[:600], x[600:], y[600:], ("a", "b", "c"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With dropout and batch-norm: both have a state beside their weights."""
    import keras

    layers = keras.layers
    path = tmp_path_factory.mktemp("model") / "mine.keras"
    stack = [keras.Input((5,)), layers.Dense(16, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.3), layers.Dense(3)]
    keras.Sequential(stack).save(path)
    return path


def trained(model: Path, data: Dataset, out: Path, **changes: Any) -> Run:
    return pretrain(model, data, out, **({"epochs": EPOCHS, "batch_size": 32, "learning_rate": 0.01, "patience": EPOCHS} | changes))


def interrupting(epoch: int) -> Callable[[str, int, int], None]:
    """Send this process a SIGINT shortly after an epoch has ended: in the midst of the next one.

    By the system's timer: a thread could wait for the processor until the training is over.
    """

    def report(_stage: str, done: int, _total: int) -> None:
        if done == epoch:
            interrupt_soon()

    return report


def interrupt_soon() -> None:
    """Send this process a SIGINT after 20 ms; in the background, where a shell starts processes deaf to it, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.02)


@pytest.fixture(scope="module")
def stopped(model: Path, vectors: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(model, vectors, tmp_path_factory.mktemp("stopped") / "run", progress=interrupting(3))


def weights(run: Run) -> list[np.ndarray]:
    return list(load_model(run).get_weights())


@pytest.mark.long
def test_a_stopped_run_can_be_used(stopped: Run, vectors: Dataset) -> None:
    done = stopped.settings["stopped_after"]
    assert 3 <= done < EPOCHS
    assert load_run(stopped.path) == stopped
    assert {len(row) for row in stopped.history.values()} == {done}
    predicted = load_model(stopped).predict(vectors.x_test, verbose=0).argmax(axis=1)
    assert stopped.accuracy == pytest.approx(np.mean(predicted == vectors.y_test))


def test_a_resumed_run_equals_an_unbroken_one(stopped: Run, model: Path, vectors: Dataset, tmp_path: Path) -> None:
    whole = trained(model, vectors, tmp_path / "whole")
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", stopped.path, copy], check=True)
    resumed = trained(model, vectors, copy, resume=True)
    assert all(np.array_equal(one, two) for one, two in zip(weights(resumed), weights(whole), strict=True))
    assert (resumed.history, resumed.accuracy, resumed.settings) == (whole.history, whole.accuracy, whole.settings)
    assert not (copy / TRAINING_FILE).exists()


def test_before_an_epoch_is_done_nothing_is_kept(model: Path, vectors: Dataset, tmp_path: Path) -> None:
    interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        trained(model, vectors, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def refusal(model: Path, data: Dataset, out: Path, **changes: Any) -> str:
    with pytest.raises(ModelError) as refused:
        trained(model, data, out, resume=True, **changes)
    return str(refused.value)


def test_there_must_be_something_to_go_on_with(stopped: Run, model: Path, vectors: Dataset, tmp_path: Path) -> None:
    missing = refusal(model, vectors, tmp_path / "none")
    assert missing == f"no run in {tmp_path / 'none'} to go on with; expected one that was stopped\nhint: tinytl pretrain without --resume"
    trained(model, vectors, tmp_path / "whole", epochs=1)
    assert refusal(model, vectors, tmp_path / "whole") == (
        f"run {tmp_path / 'whole'} is finished: there is nothing to go on with; expected one that was stopped\n"
        "hint: without --resume it is trained anew"
    )


@pytest.mark.parametrize(
    ("changes", "found", "wanted"),
    [({"batch_size": 8}, "batch_size 32", "8"), ({"seed": 5}, "seed 1", "5"), ({"augment": False}, "augment True", "False")],
)
def test_settings_must_be_those_of_before(
    stopped: Run, model: Path, vectors: Dataset, changes: dict[str, Any], found: str, wanted: str
) -> None:
    assert refusal(model, vectors, stopped.path, **changes) == (
        f"run {stopped.path} was stopped with {found}, and is to go on with {wanted}; expected the same model, samples and settings\n{HINT}"
    )


def test_samples_must_be_those_of_before(stopped: Run, model: Path, vectors: Dataset) -> None:
    changed = Dataset("vectors", vectors.x_train + 1, vectors.y_train, vectors.x_test, vectors.y_test, vectors.classes)
    text = refusal(model, changed, stopped.path)
    pattern = (
        r"run \S+ was stopped with crc32 of the samples \d+, and is to go on with \d+; expected the same model, samples and settings\n"
    )
    assert re.fullmatch(pattern + re.escape(HINT), text)


def test_a_damaged_state_is_refused(stopped: Run, model: Path, vectors: Dataset, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", stopped.path, copy], check=True)
    file = copy / TRAINING_FILE
    file.write_bytes(file.read_bytes()[:-200])
    text = refusal(model, vectors, copy)
    assert text.startswith(f"{file} cannot be read: ")
    assert text.endswith("; expected what a stopped training left\nhint: without --resume it is trained anew")


def read_until(terminal: int, words: str) -> str:
    """Return what a program writes to its terminal, up to some words, or to its end."""
    text = ""
    while words not in text:
        try:
            text += os.read(terminal, 4096).decode(errors="replace")
        except OSError:  # the other end is closed
            break
    return text


@pytest.mark.long
def test_ctrl_c_at_the_command_line(model: Path, vectors: Dataset, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=vectors.x_train, y=vectors.y_train)
    options = ["--model", str(model), "--data", str(tmp_path / "d.npz"), "--out", str(tmp_path / "run"), "--epochs", "60", "--json"]
    hears = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # in the background, too
    command = [sys.executable, "-c", f"{hears}; from tinytl_cli import main; main()", "pretrain", *options]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    told = read_until(ours, "held-out accuracy")
    process.send_signal(signal.SIGINT)
    out = process.communicate(timeout=120)[0]
    told += read_until(ours, "stopped\r\n")
    os.close(ours)
    done = load_run(tmp_path / "run").settings["stopped_after"]
    assert process.returncode == 1
    assert '"stopped": true' in out
    assert f"after epoch {done} of 60: the run holds what was learned so far; --resume goes on with it" in " ".join(told.split())
    assert "Traceback" not in told
    assert "oneDNN" not in told, "TensorFlow's chatter stays off stderr"
    ended = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False, timeout=300)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False)
    assert "stopped_after" not in load_run(tmp_path / "run").settings
