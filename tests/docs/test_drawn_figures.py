# SPDX-License-Identifier: Apache-2.0
"""The pictures of docs/figures: they carry today's facts, and the cut in one of them is the one that the plan makes."""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tinytl import cut
from tinytl_models import build

FOLDER = Path(__file__).resolve().parents[2] / "docs/figures"
draw = SimpleNamespace(**runpy.run_path(str(FOLDER / "draw.py"), run_name="draw"))
FACTS = draw.read_facts()


@pytest.mark.parametrize("name", ["flow", "cut"])
def test_a_picture_carries_the_facts_of_today(name: str) -> None:
    assert draw.written_facts(FOLDER / f"{name}.png") == json.loads(FACTS.text), "python docs/figures/draw.py draws it again"


def test_the_cut_is_the_one_that_the_plan_makes() -> None:
    made = cut(build(draw.MODEL, input_shape=FACTS.input_shape, classes=10), draw.PLAN)
    assert [layer.name for layer in FACTS.frozen] == [name for name in made.frozen_layers if not name.endswith(("_norm", "_relu"))]
    layers = [(layer.name, layer.kind, layer.trained_count) for layer in made.head.layers]
    assert [(layer.name, layer.kind, layer.parameters) for layer in FACTS.trained] == layers
    assert sum(layer.macs for layer in FACTS.frozen) == made.frozen_macs
    assert sum(layer.macs for layer in FACTS.trained) == made.trainable_macs
    assert made.head.feature_shapes == (FACTS.frozen[-1].shape,)


def test_pictures_are_drawn_at_twice_their_shown_width_on_an_opaque_ground(tmp_path: Path) -> None:
    draw.draw(FACTS, tmp_path)
    for name in ("flow", "cut"):
        with Image.open(tmp_path / f"{name}.png") as picture, Image.open(FOLDER / f"{name}.png") as committed:
            assert picture.size[0] == 1800 and picture.size == committed.size
            assert np.asarray(committed.convert("RGBA"))[..., 3].min() == 255, "it is read on dark pages too"
        assert (FOLDER / f"{name}.png").stat().st_size < 200_000
