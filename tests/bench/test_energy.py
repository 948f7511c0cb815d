# SPDX-License-Identifier: Apache-2.0
"""Energy models: the thesis's own figures, and the full model from its definition."""

import pytest

from tinytl.energy import Work, full_inference_nj, full_step_nj, head_nj, operator_nj, thesis_energy_nj


@pytest.mark.parametrize(
    ("macs", "energy_nj"),
    [(263_424, 843.0), (38_300_000, 122_500.0), (24_500_000, 78_300.0)],
    ids=["small model, FC, 10 classes", "EfficientNetB0, FC + last block", "EfficientNetB2, FC + top conv"],
)
def test_the_thesis_figures_come_out(macs: int, energy_nj: float) -> None:
    assert thesis_energy_nj(macs) == pytest.approx(energy_nj, rel=2e-3)


def test_full_model_by_its_definition() -> None:
    work = Work(frozen_macs=1000, trainable_macs=100, first_layer_macs=60, constant_bytes=400, activation_bytes=800, parameters=110, replays=3)
    inference_pj = 1000 * 0.3 + 100 * 4.6 + (400 + 800) / 4 * 5 + 110 * 5
    assert full_inference_nj(work) == pytest.approx(inference_pj / 1000)
    # forward, update, and the input gradient of the second layer alone; parameters read twice and written once
    step_pj = (100 + 100 + 40) * 4.6 + 3 * 110 * 5
    assert full_step_nj(work) == pytest.approx(4 * step_pj / 1000)
    assert operator_nj(1000, 1200) + head_nj(100, 110) == pytest.approx(full_inference_nj(work))
