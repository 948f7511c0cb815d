# SPDX-License-Identifier: Apache-2.0
"""`--logits` on every command that compiles: the same logits, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from test_logits import bare, classifier, held, logistic, samples

from tinytl.errors import TinytlError
from tinytl_cli import cli


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments])


def refusal(*arguments: object) -> str:
    result = invoke(*arguments)
    assert isinstance(result.exception, TinytlError), result.output
    return result.exception.text()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model.tflite").write_bytes(classifier(bare))
    np.save(tmp_path / "x.npy", samples(6))
    return tmp_path / "model.tflite"


def test_run_answers_logits(model: Path) -> None:
    out = model.with_name("y.npy")
    ran = invoke("run", model, "--logits", "--target", "host", "--input", model.with_name("x.npy"), "--output", out, "--json")
    (told,) = json.loads(ran.stdout)["outputs"]
    assert (told["name"], told["zero_point"]) == ("logits_s8", 3) and told["scale"] == pytest.approx(0.1)
    np.testing.assert_array_equal(np.load(out), held(model.read_bytes(), "logits_s8", samples(6)))


def test_inspect_build_flash_and_bench_leave_it_out(model: Path, tmp_path: Path) -> None:
    whole, told = (json.loads(invoke("inspect", model, *options, "--json").stdout) for options in ((), ("--logits",)))
    assert [layer["operator"] for layer in whole["layers"]] == ["fully_connected", "softmax"]
    assert [layer["operator"] for layer in told["layers"]] == ["fully_connected"]
    assert [(each["name"], each["zero_point"]) for each in told["features"]] == [("logits_s8", 3)]
    assert told["image_bytes"] < whole["image_bytes"] and told["members"] == whole["members"]
    assert all(fit["slot_bytes"] < before["slot_bytes"] for fit, before in zip(told["fits"], whole["fits"], strict=True))
    host = ("--target", "host", "--json")
    assert json.loads(invoke("build", model, "--logits", *host).stdout)["bytes"] == told["image_bytes"]
    library = ("--as", "library", "-o", tmp_path / "library")
    assert json.loads(invoke("build", model, "--logits", *library, *host).stdout)["image_bytes"] == told["image_bytes"]
    assert not any("softmax" in path.name for path in (tmp_path / "library").rglob("*.c"))
    flashed = invoke("flash", model, "--logits", "--state", tmp_path / "state", *host)
    assert json.loads(flashed.stdout)["image_bytes"] == told["image_bytes"]
    measured = json.loads(invoke("bench", model, "--logits", *host).stdout)
    assert measured["image_bytes"] == told["image_bytes"] and measured["details"]["logits"] is True


@pytest.mark.parametrize("command", ["inspect", "build", "flash", "run", "bench"])
def test_a_bundle_or_another_end_is_refused(tiny_bundle: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "other.tflite").write_bytes(classifier(logistic))
    rest = ["--logits", "--target", "host"]
    if command == "run":
        rest += ["--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy"]
    assert refusal(command, tiny_bundle, *rest) == (
        "--logits: tiny.tinytl is a bundle, whose head answers logits already; expected a .tflite that ends with a softmax\n"
        "hint: leave --logits out"
    )
    told = refusal(command, tmp_path / "other.tflite", *rest)
    assert told.startswith(
        "--logits: no softmax to leave out: output 'sigmoid' comes from LOGISTIC; expected a graph that ends with a SOFTMAX"
    )


def test_a_suite_is_counted_whole() -> None:
    told = invoke("bench", "--suite", "mlperf-tiny", "--logits", "--target", "host")
    assert told.exit_code == 2
    assert "--logits goes with MODEL: a suite's models are counted whole, as its peers' are" in told.output
