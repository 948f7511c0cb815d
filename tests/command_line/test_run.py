# SPDX-License-Identifier: Apache-2.0
"""`tinytl run` and its kin on a plain .tflite: files in, files out, and every refusal with its text and no file."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tinytl.bundle.bundle import read_bundle
from tinytl.errors import TinytlError
from tinytl_cli import cli
from two_ended_model import expected, samples, two_ended


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments])


def refusal(*arguments: object) -> str:
    result = invoke(*arguments)
    assert isinstance(result.exception, TinytlError), result.output
    return result.exception.text()


@pytest.fixture
def two_ends(tmp_path: Path) -> Path:
    np.savez(tmp_path / "x.npz", **samples(7))
    (tmp_path / "two.tflite").write_bytes(two_ended())
    return tmp_path / "two.tflite"


@pytest.fixture
def plain(tiny_bundle: Path, tmp_path: Path) -> Path:
    (tmp_path / "plain.tflite").write_bytes(read_bundle(tiny_bundle).extractor)
    np.save(tmp_path / "x.npy", read_bundle(tiny_bundle).check_inputs[:4].reshape(-1, 12, 12, 1))
    return tmp_path / "plain.tflite"


def test_one_input_one_output(plain: Path, tiny_bundle: Path) -> None:
    out = plain.with_name("y.npy")
    result = invoke("run", plain, "--target", "host", "--input", plain.with_name("x.npy"), "--output", out, "--json")
    told = json.loads(result.stdout)
    assert (told["model"], told["kind"], told["samples"]) == ("plain", "tflite", 4)
    assert told["outputs"][0]["shape"] == [4, 3, 3, 12] and told["outputs"][0]["dtype"] == "int8"
    np.testing.assert_array_equal(np.load(out).reshape(4, -1), read_bundle(tiny_bundle).check_features[:4])


def test_several_ends_are_named_in_npz_files(two_ends: Path) -> None:
    out = two_ends.with_name("y.npz")
    result = invoke("run", two_ends, "--target", "host", "--input", two_ends.with_name("x.npz"), "--output", out)
    assert result.exit_code == 0 and max(len(line) for line in result.stdout.splitlines()) <= 100
    with np.load(out) as answered:
        assert answered.files == ["sum", "wide"]
        for name, answer in expected(samples(7)).items():
            np.testing.assert_array_equal(answered[name], answer)


def test_a_bundle_gives_logits_or_all(tiny_bundle: Path, plain: Path) -> None:
    source, alone, whole = plain.with_name("x.npy"), plain.with_name("y.npy"), plain.with_name("y.npz")
    for out in (alone, whole):
        assert invoke("run", tiny_bundle, "--target", "host", "--input", source, "--output", out).exit_code == 0
    with np.load(whole) as answered:
        assert answered.files[0] == "logits" and len(answered.files) == 2
        assert np.load(alone).shape == (4, 4)
        np.testing.assert_array_equal(np.load(alone), answered["logits"])


@pytest.mark.parametrize(
    ("source", "out", "text"),
    [
        ("none.npz", "y.npz", r"there is no file '.*none.npz'; expected a .npz with the arrays 'a', 'b'"),
        ("two.tflite", "y.npz", r"two.tflite cannot be read: .*; expected a .npz with the arrays 'a', 'b'"),
        ("one.npy", "y.npz", r"one.npy holds one array; the model has 2 inputs; expected a .npz with the arrays 'a', 'b'"),
        ("other.npz", "y.npz", r"other.npz holds the arrays 'a', 'c'; expected a .npz with the arrays 'a', 'b'\nhint: tinytl inspect"),
        ("cut.npz", "y.npz", r"cut.npz cannot be read: .*; expected a .npz"),
        ("pickled.npz", "y.npz", r"pickled.npz cannot be read: Object arrays cannot be loaded"),
        ("x.npz", "y.npy", r"the model has 2 outputs \('sum', 'wide'\); a .npy holds one array; expected a .npz\nhint: --output .*y.npz"),
        ("x.npz", "y.csv", r"the output '.*y.csv' ends with '.csv'; expected .npy or .npz"),
        ("x.npz", "none/y.npz", r"the output's folder '.*none' does not exist; expected a folder\nhint: mkdir -p .*none"),
    ],
)
def test_refusals_leave_no_file(two_ends: Path, source: str, out: str, text: str) -> None:
    folder = two_ends.parent
    np.save(folder / "one.npy", np.zeros(3))
    np.savez(folder / "other.npz", a=np.zeros(1), c=np.zeros(1))
    np.savez(folder / "pickled.npz", a=np.array([{}]), b=np.array([{}]))
    (folder / "cut.npz").write_bytes((folder / "x.npz").read_bytes()[:300])
    told = refusal("run", two_ends, "--target", "host", "--input", folder / source, "--output", folder / out)
    import re

    assert re.search(text, told), told
    assert not (folder / out).exists()


def test_an_old_answer_stays_when_the_new_one_fails(two_ends: Path) -> None:
    out = two_ends.with_name("y.npz")
    out.write_bytes(b"old")
    given = samples(7)
    given["a"][0, 0, 0, 0] = np.nan
    np.savez(two_ends.with_name("bad.npz"), **given)
    told = refusal("run", two_ends, "--target", "host", "--input", two_ends.with_name("bad.npz"), "--output", out)
    assert told.startswith("input 'a': sample 0 holds nan at (0, 0, 0); expected finite numbers")
    assert out.read_bytes() == b"old"
    assert {path.name for path in two_ends.parent.iterdir()} == {"two.tflite", "x.npz", "bad.npz", "y.npz"}


def test_inspect_and_build_and_flash_take_a_tflite(plain: Path, tmp_path: Path) -> None:
    told = json.loads(invoke("inspect", plain, "--json").stdout)
    assert told["kind"] == "tflite" and told["frozen_macs"] == 8640 and told["energy"] == {}
    assert {fit["board"] for fit in told["fits"]} == {"mps2-an385", "mps2-an386", "mps2-an386-large", "mps2-an500", "mps3-an547"}
    assert "What fits where" in invoke("inspect", plain).stdout
    built = json.loads(invoke("build", plain, "--target", "host", "--json").stdout)
    assert Path(built["image"]).stat().st_size == built["bytes"] == told["image_bytes"]
    state = ("--target", "host", "--state", tmp_path / "state")
    assert json.loads(invoke("flash", plain, *state, "--json").stdout)["image_bytes"] == told["image_bytes"]
    assert json.loads(invoke("info", *state, "--json").stdout)["model_status"] == "ok"
    assert "has no head: it came from a plain .tflite" in refusal("infer", *state, "--input", plain.with_name("x.npy"))


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"something else")
    told = refusal("run", tmp_path / "x.bin", "--target", "host", "--input", "x.npy", "--output", "y.npy")
    assert told.startswith(f"{tmp_path / 'x.bin'} is no model that tinytl knows; expected an int8 .tflite or a .tinytl bundle\nhint: ")
