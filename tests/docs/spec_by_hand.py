# SPDX-License-Identifier: Apache-2.0
"""The image and the head states of SPEC.md 2.10 as a reader would write them: by SPEC.md's tables of fields and its text.

Nothing of the compiler or the learner is used. Offsets are those of the list in 2.10. `taught` computes one step in exact arithmetic with
the roundings that 2.6 asks for.
"""

import json
import math
import struct
import zlib
from fractions import Fraction

from spec_tables import pack, tables

NONE = 0xFFFFFFFF
WEIGHTS = [0.5, -0.25, 0.0, 1.0, -0.5, 0.25, 1.0, 0.0]
BIASES = [0.25, -0.25]
METADATA = {
    "features": [], "head": {"layers": [], "parameter_count": 10}, "input": {"scale": 0.5, "shape": [1, 1, 4], "zero_point": -4},
    "labels": ["0", "1"], "macs": {"frozen": 0, "trainable": 8}, "model": "", "name": "", "operators": [], "plan": "", "preprocessing": {},
    "source": {},
}  # fmt: skip


def image() -> bytes:
    """Return the whole image."""
    metadata = json.dumps(METADATA, sort_keys=True, separators=(",", ":")).encode()
    sections = {128: _tensor(), 176: struct.pack("<2H", 0, 0), 192: _head(), 384: _layer(), 448: _values(),
                512: struct.pack("<10f", *WEIGHTS, *BIASES), 560: metadata}  # fmt: skip
    body = bytearray(816 - 128)
    for at, content in sections.items():
        body[at - 128 : at - 128 + len(content)] = content
    header = _header(0, len(metadata)) + bytes(body)
    return _header(zlib.crc32(header[16:]), len(metadata)) + bytes(body)


def _header(crc32: int, metadata_bytes: int) -> bytes:
    return pack(
        tables("### 2.1")[0], magic=b"TLIM", format_version=1, header_bytes=128, image_bytes=816, crc32=crc32, bundle_id=bytes(16),
        family=0, flags=1, arena_bytes=112, tensor_count=1, tensors=128, operator_count=0, operators=176, operand_count=2, operands=176,
        graph_operands=0, input_count=1, output_count=1, head=192, metadata=560, metadata_bytes=metadata_bytes,
    )  # fmt: skip


def _tensor() -> bytes:
    return pack(tables("### 2.2")[0], offset=48, bytes=4, region=0, dtype=1, rank=2, dims=[1, 4, 1, 1], zero_point=-4, scale=0.5)


def _head() -> bytes:
    """Return the head section; what is not named is 0."""
    named = {
        "layer_count": 1, "layers": 384, "value_count": 2, "values": 448, "feature_values": 1, "class_count": 2, "class_capacity": 2,
        "feature_count": 4, "parameter_count": 10, "initial_parameters": 512, "parameters": 64, "moments": NONE, "second_moments": NONE,
        "gradients": NONE, "columns": 0, "columns_floats": 4, "learning_rate": 0.125, "second_momentum": 0.999, "epsilon": 1e-7,
        "optimizer": 1, "accumulation": 1, "schedule_factor": 1.0, "seed": 1, "loss": 1,
    }  # fmt: skip
    fields = tables("### 2.5")[0]
    return pack(fields, **({field.name: 0 for field in fields if field.name != "reserved"} | named))


def _values() -> bytes:
    fields = tables("### 2.5")[1]
    feature = pack(fields, place=0, gradient=NONE, mask=NONE, height=1, width=1, channels=4, storage=0, last_reader=0)
    return feature + pack(fields, place=16, gradient=32, mask=NONE, height=1, width=1, channels=2, storage=1, last_reader=0)


def _layer() -> bytes:
    numbers = {"kind": 1, "activation": 0, "trains": 3, "joins": 0, "inputs": [0, 0], "window": [1, 1], "stride": [1, 1], "pad": [0, 0]}
    sizes = {"weight_storage": 0, "in": 4, "out": 2, "weights": 0, "bias": 8, "places": 0}
    return pack(tables("### 2.5")[2], **numbers, **sizes, rate=0.0, scales=0, rows_at_once=0, rate_factor=1.0)


def state(
    parameters: list[float], *, class_count: int = 2, steps: int = 0, names: bytes = b"", place: tuple[int, int] | None = None
) -> bytes:
    """Return a head state; place: stream and position, left out where it is None."""
    fields = tables("### 4.2")[0]
    values = {"parameter_count": len(parameters), "class_count": class_count, "steps": steps, "random": 1, "parameters": parameters}
    if place is None:
        return pack(fields[:-2], **values, names=names)
    return pack(fields, **values, names=names, stream=place[0], position=place[1])


def taught(x: list[Fraction], label: int, rate: Fraction) -> list[float]:
    """Return the parameters after one step of SGD with softmax cross-entropy on the head of 2.10, as 2.6 says."""
    weights, bias, count = [Fraction(each) for each in WEIGHTS], [Fraction(each) for each in BIASES], len(x)
    logits = []
    for row in range(2):
        total = bias[row]
        for i in range(count):
            total = fma(weights[count * row + i], x[i], total)
        logits.append(total)
    powers = [exp(single(logit - max(logits))) for logit in logits]
    share = single(1 / single(powers[0] + powers[1]))
    gradient = [single(power * share) for power in powers]
    gradient[label] = single(gradient[label] - 1)
    for row in range(2):
        g = -single(rate * gradient[row])
        for i in range(count):
            weights[count * row + i] = fma(g, x[i], weights[count * row + i])
        bias[row] = single(bias[row] + g)
    return [float(each) for each in weights + bias]


def single(x: Fraction) -> Fraction:
    """Round to single precision, ties to even; normal numbers alone."""
    if x == 0:
        return x
    exponent = math.frexp(float(x))[1] - 24
    unit = Fraction(2) ** exponent
    return round(x / unit) * unit


def fma(a: Fraction, b: Fraction, c: Fraction) -> Fraction:
    """a × b + c, rounded once."""
    return single(a * b + c)


def exp(x: Fraction) -> Fraction:
    """The exponential function of 2.6, x from −86 to 0."""
    n = math.trunc(fma(x, constant("1.44269504"), Fraction(-1, 2)))
    r = fma(Fraction(n), -constant("0.693115234375"), x)
    r = fma(Fraction(n), -constant("0.0000319461833"), r)
    q = constant("0.00138138")
    for each in ("0.0083691", "0.04166843", "0.16666517", "0.49999993"):
        q = fma(q, r, constant(each))
    return single(single(fma(single(r * r), q, r) + 1) * Fraction(2) ** n)


def constant(text: str) -> Fraction:
    """A constant of 2.6 in single precision."""
    return single(Fraction(text))
