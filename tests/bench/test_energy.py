# SPDX-License-Identifier: Apache-2.0
"""Energy models: the thesis's own figures, and the full model from its definition."""

import pytest

from tinytl.energy import (
    Calibration,
    Work,
    calibrated_inference_nj,
    full_inference_nj,
    full_step_nj,
    full_taught_sample_nj,
    head_nj,
    operator_nj,
    thesis_energy_nj,
)
from tinytl.errors import BenchError

WORK = Work(
    frozen_macs=1000,
    trainable_macs=100,
    gradient_macs=140,
    constant_bytes=400,
    activation_bytes=800,
    parameters=110,
    trained=110,
    replays=3,
)


@pytest.mark.parametrize(
    ("macs", "energy_nj"),
    [(263_424, 843.0), (38_300_000, 122_500.0), (24_500_000, 78_300.0)],
    ids=["small model, FC, 10 classes", "EfficientNetB0, FC + last block", "EfficientNetB2, FC + top conv"],
)
def test_the_thesis_figures_come_out(macs: int, energy_nj: float) -> None:
    assert thesis_energy_nj(macs) == pytest.approx(energy_nj, rel=2e-3)


def test_full_model_by_its_definition() -> None:
    inference_pj = 1000 * 0.3 + 100 * 4.6 + (400 + 800) / 4 * 5 + 110 * 5
    assert full_inference_nj(WORK) == pytest.approx(inference_pj / 1000)
    # forward, update, and the input gradient of the second layer alone; parameters read twice and written once
    step_pj = (100 + 100 + 40) * 4.6 + 3 * 110 * 5
    assert full_step_nj(WORK) == pytest.approx(4 * step_pj / 1000)
    assert operator_nj(1000, 1200) + head_nj(WORK) == pytest.approx(full_inference_nj(WORK))
    assert full_taught_sample_nj(WORK) == pytest.approx(operator_nj(1000, 1200) + full_step_nj(WORK))


def test_a_measured_board_beside_the_models() -> None:
    calibration = Calibration(553.0, "STM32L4R5, MLPerf Tiny v1.2")
    assert calibrated_inference_nj(WORK, calibration) == pytest.approx(1100 * 0.553)
    assert calibration.how == "nJ (calibrated: 553 pJ per MAC, STM32L4R5, MLPerf Tiny v1.2)"


@pytest.mark.parametrize("pj_per_mac", [0.0, -1.0, float("nan"), float("inf")])
def test_a_calibration_that_is_no_energy_is_refused(pj_per_mac: float) -> None:
    with pytest.raises(BenchError, match=rf"calibration of {pj_per_mac:g} pJ per MAC; expected a finite number above 0"):
        Calibration(pj_per_mac, "nobody")
