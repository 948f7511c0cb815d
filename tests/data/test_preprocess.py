# SPDX-License-Identifier: Apache-2.0
"""Samples become model inputs: sizes, colours, ranges, and TFLite's rounding."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tinytl.data import fit_samples, prepare_samples, quantize_samples
from tinytl.errors import DataError


def test_pixels_are_scaled_to_the_range() -> None:
    x = np.array([0, 51, 255], np.uint8).reshape(1, 1, 3, 1)
    fitted = fit_samples(x, shape=(1, 3, 1), value_range=(-1.0, 1.0))
    assert fitted.dtype == np.float32
    assert fitted.reshape(-1).tolist() == pytest.approx([-1.0, -0.6, 1.0])


def test_images_are_resized_bilinearly_as_pillow_does() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 6), np.uint8)
    fitted = fit_samples(image[None, :, :, None], shape=(28, 20, 1), value_range=(0.0, 255.0))
    expected = np.asarray(Image.fromarray(image).resize((20, 28), Image.Resampling.BILINEAR))
    assert np.array_equal(fitted[0, :, :, 0], expected)


def test_grey_becomes_rgb_and_back() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 1), np.uint8)
    rgb = fit_samples(grey, shape=(4, 4, 3), value_range=(0.0, 255.0))
    assert np.array_equal(rgb, np.repeat(grey, 3, axis=3))
    assert np.array_equal(fit_samples(rgb.astype(np.uint8), shape=(4, 4, 1), value_range=(0.0, 255.0)), grey)


def test_numbers_other_than_pixels_pass_unscaled() -> None:
    vectors = np.array([[1.5, -2.0]])
    assert fit_samples(vectors, shape=(2,), value_range=(0.0, 1.0)).tolist() == [[1.5, -2.0]]
    features = np.full((1, 49, 10, 1), -128, np.int8)
    assert fit_samples(features, shape=(49, 10, 1), value_range=(0.0, 1.0)).min() == -128.0


def test_an_axis_of_one_at_the_end_may_be_there_or_not() -> None:
    steps = np.arange(24, dtype=np.int8).reshape(2, 4, 3)
    for x, shape in ((steps, (4, 3, 1)), (steps[..., None], (4, 3)), (steps, (4, 3))):
        assert np.array_equal(fit_samples(x, shape=shape, value_range=(0.0, 1.0)), steps.reshape(2, *shape))


def test_pixels_of_a_sequence_are_scaled() -> None:
    rows = np.array([[[0, 255], [51, 102]]], np.uint8)
    for x in (rows, rows[..., None]):
        assert np.allclose(fit_samples(x, shape=(2, 2), value_range=(-1.0, 1.0)), [[[-1, 1], [-0.6, -0.2]]])


def test_floats_are_pixels_where_it_is_said() -> None:
    given, told = {"shape": [2, 2, 1], "scale": 1.0, "zero_point": -128}, {"range": [0.0, 255.0], "resize": "bilinear"}
    pixels = np.array([[[0, 255], [51, 102]]], np.uint8)
    floats = pixels / np.float32(255)
    wanted = prepare_samples(pixels, given, told)
    np.testing.assert_array_equal(prepare_samples(floats, given, told | {"floats": "unit"}), wanted)
    assert prepare_samples(floats, given, told).max() == -127
    with pytest.raises(DataError, match=r"float samples hold -2, and the model's range was given for floats in 0 … 1; expected 0 to 1"):
        prepare_samples(floats - 2, given, told | {"floats": "unit"})


@pytest.mark.parametrize(
    ("x", "shape", "resize", "text"),
    [
        (np.zeros((1, 3)), (4,), None, "samples have shape 3; expected 4, the model's input"),
        (np.zeros((1, 4, 4, 1), np.uint8), (16,), None, "images of shape 4×4×1 cannot become model input of shape 16; expected a model"),
        (
            np.zeros((1, 4, 4, 1), np.uint8),
            (5, 5),
            "bilinear",
            "input of shape 5×5; expected images of 5×5, or a model that takes H×W×1 or H×W×3, which is resized to",
        ),
        (np.zeros((1, 4, 4, 1), np.uint8), (5, 5, 1), None, "images of 4×4; expected 5×5\nhint: allow resizing with resize='bilinear'"),
        (np.zeros((1, 4, 4, 1), np.uint8), (5, 5, 1), "cubic", "resize 'cubic'; expected 'bilinear' or None"),
        (np.zeros((1, 4, 4, 2), np.uint8), (4, 4, 1), None, "images have shape (1, 4, 4, 2); expected (N, H, W, 1) or (N, H, W, 3)"),
    ],
)
def test_samples_that_do_not_fit(x: np.ndarray, shape: tuple[int, ...], resize: str | None, text: str) -> None:
    with pytest.raises(DataError) as refused:
        fit_samples(x, shape=shape, value_range=(0.0, 1.0), resize=resize)
    assert text in str(refused.value)


def test_rounding_is_half_away_from_zero_and_saturates() -> None:
    x = np.array([0.25, -0.25, 0.75, -0.75, 0.24, 99.0, -99.0], np.float32)
    assert quantize_samples(x, scale=0.5, zero_point=3).tolist() == [4, 2, 5, 1, 3, 127, -128]


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=20), st.floats(2**-7, 4.0, width=32), st.integers(-128, 127))
def test_quantized_numbers_are_within_half_a_step(values: list[float], scale: float, zero_point: int) -> None:
    x = np.array(values, np.float32)
    real = (quantize_samples(x, scale=scale, zero_point=zero_point).astype(np.float64) - zero_point) * scale
    low, high = (-128 - zero_point) * scale, (127 - zero_point) * scale
    assert np.all(np.abs(real - np.clip(x, low, high)) <= scale * 0.5001 + 1e-6)


@pytest.mark.parametrize(
    ("x", "scale", "text"),
    [
        ([np.nan], 1.0, "samples to quantize hold NaN or infinity; expected finite numbers"),
        ([0.0], 0.0, "input scale 0.0; expected a positive"),
    ],
)
def test_what_cannot_be_quantized(x: list[float], scale: float, text: str) -> None:
    with pytest.raises(DataError) as refused:
        quantize_samples(np.array(x, np.float32), scale=scale, zero_point=0)
    assert text in str(refused.value)


def test_int8_samples_are_the_input_only_where_it_is_said() -> None:
    given, x = {"shape": [2, 3], "scale": 0.5, "zero_point": 4}, np.arange(-6, 6, dtype=np.int8).reshape(2, 2, 3)
    real = {"range": [0.0, 1.0], "resize": None}
    assert prepare_samples(x, given, real | {"int8": "input"}) is x
    np.testing.assert_array_equal(prepare_samples(x, given, real), 2 * x + 4)
    np.testing.assert_array_equal(prepare_samples((x - np.float32(4)) / 2, given, real | {"int8": "input"}), x)
    with pytest.raises(DataError, match=r"samples have shape 3×2; expected 2×3, the model's input"):
        prepare_samples(x.reshape(2, 3, 2), given, real | {"int8": "input"})


def test_whole_data_sets_are_prepared_in_blocks() -> None:
    """A set of N bytes needs its int8 and little more; the bytes are those of each sample alone."""
    images = np.random.default_rng(0).integers(0, 256, (20_000, 28, 28, 1)).astype(np.uint8)
    shape_and_scale = {"shape": [28, 28, 1], "scale": 0.0078, "zero_point": 3}
    preprocessing = {"range": [-1.0, 1.0], "resize": "bilinear"}
    tracemalloc.start()
    prepared = prepare_samples(images, shape_and_scale, preprocessing)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * images.nbytes
    for number in (0, 333, 334, 19_999):  # 334 samples are a block
        alone = prepare_samples(images[number : number + 1], shape_and_scale, preprocessing)
        assert np.array_equal(prepared[number], alone[0])
    quantized = quantize_samples(np.linspace(-3, 3, 600_000, dtype=np.float32), scale=0.02, zero_point=1)
    assert np.array_equal(quantized[:5], quantize_samples(np.linspace(-3, 3, 600_000, dtype=np.float32)[:5], scale=0.02, zero_point=1))
    assert prepare_samples(images[:0], shape_and_scale, preprocessing).shape == (0, 28, 28, 1)
