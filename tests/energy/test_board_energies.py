# SPDX-License-Identifier: Apache-2.0
"""Published energies of boards, the coin cell, and the command that prints them."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from published import published_file
from tinytl.model_file import compile_model, read_model
from tinytl_bench.energy.boards import _FILE, find_energy_board, list_energy_boards
from tinytl_bench.energy.retraining import CR2032_NJ, in_joules, retraining
from tinytl_cli import cli

PAGE = (Path(__file__).resolve().parents[2] / "docs/energy.md").read_text(encoding="utf-8")


def test_pj_per_mac_of_an_m4_an_m7_and_an_m33() -> None:
    boards = {(board.core, board.clock_mhz): board.pj_per_mac for board in list_energy_boards()}
    macs = 264_192 + 12_501_632 + 2_656_768
    assert boards == {
        ("Cortex-M4", 120): pytest.approx((203.368 + 6919.375 + 1820.454) * 1e6 / macs),
        ("Cortex-M7", 280): pytest.approx((165.728 + 5090.283 + 1375.599) * 1e6 / macs),
        ("Cortex-M33", 96): pytest.approx((31.8347 + 965.5817 + 245.3412) * 1e6 / macs),
    }
    assert find_energy_board("nucleo-l4r5zi").calibration.how == (
        "nJ (calibrated: 579.9 pJ per MAC, Cortex-M4 at 120 MHz, MLPerf Tiny v1.2, mlcommons/tiny_results_v1.2)"
    )


def test_every_board_cites_its_source() -> None:
    for name, board in tomllib.loads(_FILE.read_text()).items():
        if name == "boards":
            for each in board.values():
                assert each["repository"] == f"mlcommons/tiny_results_{each['version']}" and len(each["commit"]) == 40
                assert each["folder"].startswith("closed/")


def test_macs_of_the_published_models_are_what_the_compiler_counts() -> None:
    files = {"ad": "ad01_int8", "ic": "pretrainedResnet_quant", "kws": "kws_ref_model"}
    for name, macs in tomllib.loads(_FILE.read_text())["macs"].items():
        image = compile_model(read_model(published_file(f"mlperf_tiny/{files[name]}.tflite")))
        assert sum(operator.macs for operator in image.operators) == macs


def test_a_coin_cell_and_the_sentence() -> None:
    assert pytest.approx(2430e9) == CR2032_NJ
    answer = retraining(900, taught_nj=1000.0, inference_nj=250.0)
    assert answer.inferences == 3600 and answer.energy_nj == 900_000
    assert answer.text == "one retraining of 900 samples costs as much as 3,600 inferences, 0.000037 % of a CR2032 (900 µJ)"
    assert retraining(9, taught_nj=2.7e9, inference_nj=None).text == "one retraining of 9 samples: 24.3 J, 1.0 % of a CR2032"


@pytest.mark.parametrize(
    ("nanojoules", "text"), [(0.5, "0.5 nJ"), (843.0, "843 nJ"), (122_538, "122.5 µJ"), (1_331_000, "1.331 mJ"), (2430e9, "2,430 J")]
)
def test_units(nanojoules: float, text: str) -> None:
    assert in_joules(nanojoules) == text


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["energy", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_prints_units_and_assumptions() -> None:
    text = run("digits")
    assert "Energy of digits, plan last-dense, one sample, nJ (model: full)" in text
    assert "forward nJ" in text and "memory nJ" in text
    assert "one inference: 171.8 nJ" in text and "one taught sample: 1.331 µJ" in text
    assert "one retraining of 900 samples costs as much as 6,976 inferences, 0.000049 % of a CR2032 (1.198 mJ)" in text
    assert "assumed: a CR2032 holds 2,430 J: 225 mAh to 2.0 V at nominal 3 V" in text


def test_as_json_every_energy_has_its_unit_in_its_name() -> None:
    document = json.loads(run("digits", "--model", "board:nucleo-u385rg-q", "--samples", "10", "--json"))
    assert document["unit"] == "nJ" and document["energy_model"] == "board:nucleo-u385rg-q"
    assert document["forward_nj"] == pytest.approx(sum(layer["forward_nj"] for layer in document["layers"]))
    assert document["retraining"]["samples"] == 10
    assert document["retraining"]["energy_nj"] == pytest.approx(10 * document["taught_nj"])
    assert document["retraining"]["inferences"] == pytest.approx(10 * document["taught_nj"] / document["inference_nj"])
    assert "80.6 pJ per MAC" in document["how"]


def test_the_page_on_energy_shows_these_boards_and_this_answer() -> None:
    for board in list_energy_boards():
        cells = f"{board.core}, {board.clock_mhz} MHz, {board.source.split(', ')[0].removeprefix('MLPerf Tiny ')}"
        assert f"| `{board.name}` | {cells} |" in PAGE
        assert f"| {board.pj_per_mac:.1f} | {board.lowest:.0f} – {board.highest:.0f} |" in PAGE
    printed = run("digits", "--model", "board:nucleo-l4r5zi").splitlines()
    for line in PAGE.split("…\n", 1)[1].split("```")[0].splitlines():
        assert line in printed


def test_a_shape_that_is_none() -> None:
    result = CliRunner().invoke(cli, ["energy", "ds-cnn", "--input", "28x28"])
    assert result.exit_code == 2 and "'28x28' is no shape; expected HEIGHTxWIDTHxCHANNELS, e.g. 224x224x3" in result.output
