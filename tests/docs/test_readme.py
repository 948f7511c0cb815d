# SPDX-License-Identifier: Apache-2.0
"""The README's script and commands run as printed, with fewer epochs and on the twin; links, files, functions and options of the pages exist."""

import pydoc
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


@pytest.mark.long
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


PAGES = ("README.md", "DESIGN.md", "docs/measured.md")
LINKS = [(page, link) for page in PAGES for link in re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("page", "target"), LINKS)
def test_links_lead_to_files(page: str, target: str) -> None:
    assert ((ROOT / page).parent / target).exists()


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page: str) -> None:
    """A name without its folder is looked for everywhere in the tree."""
    tops = ("command_line", "toolchain", "models", "firmware_bridge", "benchmarks", "tests", "docs")
    files = [f"/{path.relative_to(ROOT)}" for path in (*ROOT.glob("*.*"), *(path for top in tops for path in (ROOT / top).rglob("*.*")))]
    names = set(re.findall(r"`([\w./-]+\.(?:py|c|h|def|toml|md))`", (ROOT / page).read_text(encoding="utf-8")))
    assert not [name for name in names if not any(file.endswith(f"/{name}") for file in files)]


@pytest.mark.parametrize("page", PAGES)
def test_modules_and_functions_that_a_page_names_exist(page: str) -> None:
    names = re.findall(r"`(tinytl(?:_bridge|_bench|_models|_cli)?(?:\.\w+)+)(?:\(\))?`", (ROOT / page).read_text(encoding="utf-8"))
    for name in names:
        assert pydoc.locate(name), name


def command_of(words: list[str]) -> tuple[str, click.Command] | None:
    """Return name and command that some words begin with, of a group its sub-command; None where they begin with none."""
    from tinytl_cli import cli

    context = click.Context(cli)
    command = cli.get_command(context, words[0]) if words and words[0] in cli.list_commands(context) else None
    if isinstance(command, click.Group) and len(words) > 1:
        below = command.get_command(context, words[1])
        return (f"{words[0]} {words[1]}", below) if below else None
    return (words[0], command) if command else None


def code_of(page: str) -> list[str]:
    """Return a page's code: what stands in backticks, and each line of its fenced blocks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks_of_page = re.findall(r"^```\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    spans: list[str] = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return [*spans, *"".join(blocks_of_page).splitlines()]


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_a_page_have_the_options_that_it_shows(page: str) -> None:
    """Of `tinytl teach --resume` and of `teach --resume` alike."""
    checked = 0
    for code in code_of(page):
        words = code.removeprefix("tinytl ").split()
        if found := command_of(words):
            name, command = found
            options = {text for parameter in command.params for text in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
            for option in (word for word in words if word.startswith("--")):
                assert option in options, f"tinytl {name} {option}: {code}"
                checked += 1
    assert checked > 5 or page == "DESIGN.md"


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


@pytest.mark.long
def test_the_commands_on_a_keras_model_run_as_printed(tmp_path: Path) -> None:
    """With a small model and its data under the names that the README gives them, for the board that it names."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(2)
    layers = keras.layers
    model = keras.Sequential([keras.Input((12, 12, 1)), layers.Conv2D(4, 3, strides=2, activation="relu"),
                              layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(2)])  # fmt: skip
    y = np.arange(64) % 2
    x = (np.random.default_rng(1).integers(0, 100, (64, 12, 12)) + 120 * y[:, None, None]).astype(np.uint8)
    model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x[..., None] / 255, y, epochs=60, verbose=0)
    assert model.evaluate(x[..., None] / 255, y, verbose=0) < 0.1, "it must know its data, as a model that is brought does"
    model.save(tmp_path / "mine.keras")
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    (block,) = [block for block in blocks("") if "mine.keras" in block]
    for command in block.strip().splitlines():
        code = "from tinytl_cli import main; main()"
        words = shlex.split(command)[1:]
        ran = subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
        assert ran.returncode == 0, ran.stderr[-2000:]
    assert (tmp_path / "mine.tinytl").exists()
