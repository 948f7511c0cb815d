# SPDX-License-Identifier: Apache-2.0
"""The learner's exp, log, cosine, square root and fused multiply-add against exact arithmetic."""

import ctypes
import math
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tinytl_bridge.paths import runtime_dir
from tinytl_bridge.twin import library

EXP_FROM = -86.0


def elementary(name: str, values: np.ndarray) -> np.ndarray:
    function = getattr(library(), name)
    function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float]
    return np.array([function(float(value)) for value in values])


def test_exp_over_the_used_range() -> None:
    generator = np.random.default_rng(1)
    x = np.concatenate([-np.geomspace(1e-30, 85.99, 20000), -generator.uniform(0, 85.99, 40000)]).astype(np.float32)
    error = np.abs(elementary("tinytl_exp_f32", x) / np.exp(x.astype(np.float64)) - 1)
    assert error.max() < 1.0e-7


def test_exp_at_its_edges() -> None:
    edges = np.array([0.0, -0.0, EXP_FROM, -87.0, -1e30, -math.inf, math.nan], np.float32)
    np.testing.assert_array_equal(elementary("tinytl_exp_f32", edges), [1, 1, 0, 0, 0, 0, 0])
    assert elementary("tinytl_exp_f32", np.nextafter(np.float32(EXP_FROM), np.float32(0))[None])[0] > 0


def test_log_over_the_used_range() -> None:
    generator = np.random.default_rng(2)
    x = np.concatenate([1 + np.geomspace(1e-7, 65534, 30000), generator.uniform(1, 2, 20000), np.geomspace(1e-37, 1e38, 9000)])
    x = x.astype(np.float32)
    exact = np.log(x.astype(np.float64))
    error = np.abs(elementary("tinytl_log_f32", x) - exact)
    assert (error < 6e-8 + 1e-7 * np.abs(exact)).all()
    assert elementary("tinytl_log_f32", np.ones(1, np.float32))[0] == 0.0


def test_cosine_and_square_root() -> None:
    x = np.linspace(0, 1, 20001).astype(np.float32)
    assert np.abs(elementary("tinytl_cos_pi_f32", x) - np.cos(np.pi * x.astype(np.float64))).max() < 1e-6
    y = np.geomspace(1.2e-38, 3.4e38, 40000).astype(np.float32)
    assert np.abs(elementary("tinytl_sqrt_f32", y) / np.sqrt(y.astype(np.float64)) - 1).max() < 2e-7
    assert elementary("tinytl_sqrt_f32", np.zeros(1, np.float32))[0] == 0.0


FUSED = """
#include "learn/arithmetic/fused.h"
void exact(const float *a, const float *b, const float *c, float *out, int count)
{
    for (int i = 0; i < count; i++)
        out[i] = tinytl_fused_exact(a[i], b[i], c[i]);
}
void library(const float *a, const float *b, const float *c, float *out, int count)
{
    for (int i = 0; i < count; i++)
        out[i] = fmaf(a[i], b[i], c[i]);
}
"""


@pytest.fixture(scope="module")
def exact_fused(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("fused")
    (folder / "fused.c").write_text(FUSED)
    flags = ["-std=c99", "-O2", "-ffp-contract=off", "-fPIC", "-shared", f"-I{runtime_dir()}"]
    subprocess.run(["cc", *flags, folder / "fused.c", "-lm", "-o", folder / "fused.so"], check=True)
    return ctypes.CDLL(str(Path(folder / "fused.so")))


def hard_operands() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random ones, and products that end a hair beside the middle between two floats."""
    generator = np.random.default_rng(3)
    a, b, c = (generator.normal(0, 1, 20000) * 2.0 ** generator.integers(-60, 60, 20000) for _ in range(3))
    c[::2] = -(a * b)[::2] * (1 + generator.normal(0, 1e-7, 10000))
    near = 1 + np.arange(1, 5001) * 2.0**-23
    above = np.where(np.arange(5000) % 3, 1.0, -1.0)  # the product is half a unit of `near`, plus or minus 2^-70
    a = np.concatenate([a, np.full(5000, 1 + 2.0**-23), np.full(5000, 2.0**-100)])
    b = np.concatenate([b, above * (1 - 2.0**-23) * 2.0**-24, np.full(5000, 2.0**-48)])
    c = np.concatenate([c, near, np.arange(5000) * 2.0**-149])
    return a.astype(np.float32), b.astype(np.float32), c.astype(np.float32)


def test_exact_fused_rounds_once(exact_fused: ctypes.CDLL) -> None:
    a, b, c = hard_operands()
    out = np.empty_like(a)
    pointers = [array.ctypes.data_as(ctypes.POINTER(ctypes.c_float)) for array in (a, b, c, out)]
    exact_fused.exact(*pointers, len(a))
    for place in range(len(a)):
        true = Fraction(float(a[place])) * Fraction(float(b[place])) + Fraction(float(c[place]))
        got, distance = out[place], abs(Fraction(float(out[place])) - true)
        for neighbour in (np.nextafter(got, np.float32(-np.inf)), np.nextafter(got, np.float32(np.inf))):
            other = abs(Fraction(float(neighbour)) - true)
            even = int(got.view(np.uint32)) % 2 == 0
            assert distance < other or (distance == other and even)
    twice = (a.astype(np.float64) * b + c).astype(np.float32)
    assert (twice != out).any(), "the operands must catch an implementation that rounds twice"


def random_floats(generator: np.random.Generator, count: int, exponents: tuple[int, int]) -> np.ndarray:
    """Random bits, with biased exponents in a range: 0 is zero and the subnormals, 255 infinity and NaN."""
    bits = generator.integers(0, 2**32, count, dtype=np.uint32) & np.uint32(0x807FFFFF)
    bits &= np.where(generator.random(count) < 0.3, np.uint32(0xFFFFF000), np.uint32(0xFFFFFFFF))  # short mantissas: exact cancellation
    return (bits | generator.integers(*exponents, count).astype(np.uint32) << 23).view(np.float32)


def test_exact_fused_is_that_of_a_library_that_rounds_once(exact_fused: ctypes.CDLL) -> None:
    """glibc's is correctly rounded. Everywhere between the subnormals and infinity, and where product and addend nearly cancel."""
    generator = np.random.default_rng(11)
    wide = [random_floats(generator, 400_000, (0, 256)) for _ in range(3)]
    near = [random_floats(generator, 800_000, (100, 150)), random_floats(generator, 800_000, (100, 150))]
    addend = -(near[0].astype(np.float64) * near[1]) * 2.0 ** generator.integers(-45, 45, 800_000)
    bits = addend.astype(np.float32).view(np.uint32) ^ generator.integers(0, 4, 800_000, dtype=np.uint32)
    a, b, c = (np.concatenate(pair) for pair in zip(wide, (*near, bits.view(np.float32)), strict=True))
    found, expected = np.empty_like(a), np.empty_like(a)
    for call, out in ((exact_fused.exact, found), (exact_fused.library, expected)):
        call(*(array.ctypes.data_as(ctypes.POINTER(ctypes.c_float)) for array in (a, b, c, out)), len(a))
    same = (found.view(np.uint32) == expected.view(np.uint32)) | (np.isnan(found) & np.isnan(expected))
    assert same.all(), [array[~same][:3] for array in (a, b, c, found, expected)]
