# SPDX-License-Identifier: Apache-2.0
"""The README's script and commands run as printed (with fewer epochs, and on the twin), and its links lead somewhere."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the README's fenced blocks of a language, "" for those without one."""
    parts = re.split(r"^```", README, flags=re.MULTILINE)
    return [part.partition("\n")[2] for part in parts[1::2] if part.partition("\n")[0] == language]


def test_the_script_is_30_lines_at_most() -> None:
    (script,) = blocks("python")
    assert len([line for line in script.splitlines() if line.strip()]) <= 30


def test_the_script_does_the_whole_loop(tmp_path: Path) -> None:
    (script,) = blocks("python")
    shortened = script.replace('"qemu:mps2-an386"', '"host"').replace("epochs=60", "epochs=2")
    assert shortened.count('"host"') >= 2 and "epochs=2" in shortened
    ran = subprocess.run([sys.executable, "-c", shortened], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stderr[-2000:]
    before, after, kept = (float(number) for number in re.findall(r"(\d+\.\d) %", ran.stdout)[:3])
    assert after > before
    assert kept > 50
    assert (tmp_path / "digits.tinytl").exists()


def test_every_tinytl_command_of_the_readme_exists() -> None:
    from tinytl_cli import cli

    names = set(re.findall(r"`tinytl ([a-z]+)\b", README)) | set(re.findall(r"^tinytl ([a-z]+)\b", "".join(blocks("")), flags=re.MULTILINE))
    assert names
    assert names <= set(cli.list_commands(click.Context(cli)))


def test_the_shipped_bundle_is_taught_without_tensorflow(tmp_path: Path) -> None:
    """The shell block of the README, on the twin, in an interpreter that refuses to import TensorFlow."""
    (block,) = [block for block in blocks("") if "tinytl teach" in block and "make" not in block]
    guard = "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None; from tinytl_cli import main; main()"
    for command in block.strip().splitlines():
        words = shlex.split(command.replace("qemu:mps2-an386", "host"))[1:]
        ran = subprocess.run(
            [sys.executable, "-c", guard, *words, "--state", str(tmp_path)], capture_output=True, text=True, check=False, timeout=120
        )
        assert ran.returncode == 0, ran.stderr[-2000:]
    assert "accuracy after" in ran.stdout


@pytest.mark.parametrize("target", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_links_lead_to_files(target: str) -> None:
    assert (ROOT / target).exists()


def test_the_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name in re.findall(r"make ([a-z-]+)", README):
        assert re.search(rf"^{name}:", makefile, flags=re.MULTILINE), name


def test_the_commands_on_a_tflite_run_as_printed(tiny_bundle: Path, tmp_path: Path) -> None:
    """With a model of ours under the name that the README gives it, on the twin."""
    import numpy as np

    from tinytl.bundle.bundle import read_bundle

    bundle = read_bundle(tiny_bundle)
    (tmp_path / "kws.tflite").write_bytes(bundle.extractor)
    np.save(tmp_path / "x.npy", bundle.check_inputs[:3].reshape(-1, 12, 12, 1))
    (block,) = [block for block in blocks("") if "kws.tflite" in block]
    for command in block.strip().splitlines():
        words = shlex.split(command.replace("qemu:mps2-an386", "host"))[1:]
        code = "from tinytl_cli import main; main()"
        ran = subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
        assert ran.returncode == 0, ran.stderr[-2000:]
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy").reshape(3, -1), bundle.check_features[:3])
