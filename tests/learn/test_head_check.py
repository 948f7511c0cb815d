# SPDX-License-Identifier: Apache-2.0
"""The head section is checked before anything of it is used: every field that is wrong is named, and chance damage never crashes."""

import math
import struct

import numpy as np
import pytest
from head_image import Feature, Replay, head_image, head_of, random_features, random_head, with_crc, with_head, with_layer

from tinytl.compiler import records
from tinytl.errors import CompileError
from tinytl.head import Learning
from tinytl_bridge.twin import TwinModel

FEATURES, HIDDEN, CLASSES = 12, 7, 5


def whole() -> bytes:
    head = random_head((FEATURES, HIDDEN, CLASSES), learning=Learning(0.01, 0.5, replays_per_step=2))
    old, labels = random_features(FEATURES, 6, 4)
    return head_image(head, outputs=(Feature(8), Feature(4)), class_count=4, replay=Replay(old, labels, 3))


IMAGE = whole()
HEAD = head_of(IMAGE)
PLACE = records.unpack(records.Header, IMAGE, 0).head
ARENA = records.unpack(records.Header, IMAGE, 0).arena_bytes


def refused(image: bytes) -> str:
    with pytest.raises(CompileError) as refusal:
        TwinModel(image)
    return refusal.value.what.removeprefix("the runtime refuses the image: ")


def malformed(field: int, record: int = PLACE) -> str:
    return f"the record at byte {record:,} of the image is malformed (its field at byte {field:,})"


def test_whole_image_is_taken() -> None:
    twin = TwinModel(IMAGE)
    twin.invoke(np.zeros((1, 8), np.int8), np.zeros((1, 4), np.int8))
    assert twin.step(3).status == "ok"


FIELDS: dict[str, tuple[int, list[float]]] = {
    "layer_count": (0, [0, 9, 2**32 - 1]),
    "class_count": (8, [0, CLASSES + 1, 2**32 - 1]),
    "class_capacity": (12, [CLASSES + 1, 4097]),
    "feature_count": (16, [0, FEATURES - 1, FEATURES + 1, 2**32 - 1]),
    "parameter_count": (20, [HEAD.parameter_count - 1, HEAD.parameter_count + 1, 2**24 + 1]),
    "replay_set_count": (52, [2**24 + 1, 0]),
    "replay_capacity": (68, [2**24 + 1]),
    "replays_per_step": (72, [65, 2**32 - 1]),
    "learning_rate": (76, [0.0, -0.1, math.inf, math.nan]),
    "momentum": (80, [-0.1, 1.0, math.nan]),
    "weight_decay": (84, [-0.1, math.inf, math.nan, 101.0]),
    "seed": (88, [0]),
    "loss": (92, [0, 2]),
    "velocities": (32, [records.NONE]),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (_, values) in FIELDS.items() for value in values])
def test_wrong_field_is_named(name: str, value: float) -> None:
    assert refused(with_head(IMAGE, **{name: value})) == malformed(FIELDS[name][0])


def test_reserved_words_are_zero() -> None:
    for word in range(4):
        place = PLACE + 96 + 4 * word
        assert refused(with_crc(IMAGE[:place] + b"\1" + IMAGE[place + 1 :])) == malformed(96)


SIZE = len(IMAGE)


@pytest.mark.parametrize(
    ("name", "bytes_there"),
    [
        ("layers", 2 * 32),
        ("initial_parameters", 4 * HEAD.parameter_count),
        ("replay_set_features", 6 * FEATURES),
        ("replay_set_labels", 12),
    ],
)
def test_place_in_the_image_is_inside_and_aligned(name: str, bytes_there: int) -> None:
    place = getattr(HEAD, name)
    assert refused(with_head(IMAGE, **{name: place + 4})).endswith(f"the address {place + 4:,} is not a multiple of 16")
    assert refused(with_head(IMAGE, **{name: 0})).endswith("the address 0 is not a multiple of 16")
    limit = f"a section or tensor of the image lies outside it (offset {{:,}}, limit {SIZE:,})"
    assert refused(with_head(IMAGE, **{name: SIZE - 1})) == limit.format(SIZE - 1 + bytes_there)
    assert refused(with_head(IMAGE, **{name: 2**32 - 16})) == limit.format(min(2**32 - 16 + bytes_there, 2**32 - 1))


BUFFERS = {
    "parameters": (28, 4 * HEAD.parameter_count),
    "velocities": (32, 4 * HEAD.parameter_count),
    "features_f32": (36, 4 * FEATURES),
    "features_s8": (40, FEATURES),
    "workspace": (44, HEAD.workspace_bytes),
    "replay_buffer": (64, 3 * FEATURES + 6),
}


@pytest.mark.parametrize("name", BUFFERS)
def test_buffer_is_inside_the_arena_and_aligned(name: str) -> None:
    place, size = getattr(HEAD, name), BUFFERS[name][1]
    text = f"a section or tensor of the image lies outside it (offset {ARENA + size:,}, limit {ARENA:,})"
    assert refused(with_head(IMAGE, **{name: ARENA})) == text
    assert refused(with_head(IMAGE, **{name: 2**32 - 16})).startswith("a section or tensor of the image lies outside it")
    wrong = place - 8
    assert refused(with_head(IMAGE, **{name: wrong})).endswith(f"the address {wrong:,} is not a multiple of 16")


@pytest.mark.parametrize("name", BUFFERS)
def test_buffers_touch_neither_one_another_nor_the_graph_outputs(name: str) -> None:
    any_buffer = [malformed(at) for at, _ in BUFFERS.values()]
    roomy = records.unpack(records.Header, IMAGE, 0)._replace(arena_bytes=2 * ARENA)
    image = records.pack(roomy) + IMAGE[records.HEADER_BYTES :]
    for other in BUFFERS:
        if other != name:
            assert refused(with_head(image, **{name: getattr(HEAD, other)})) in any_buffer
    away = with_head(image, **{name: ARENA})
    assert TwinModel(away).image.head is not None
    assert refused(with_head(away, **{name: 16})) == malformed(BUFFERS[name][0]), "the second graph output lies at 16"


def test_workspace_holds_all_layers() -> None:
    layers = HEAD.layers
    assert refused(with_head(IMAGE, workspace_bytes=HEAD.workspace_bytes - 4)) == malformed(24, layers + 32)


LAYER_FIELDS = [
    (0, {"kind": 2}, 0),
    (0, {"kind": 0}, 0),
    (0, {"activation": 3}, 2),
    (1, {"activation": 1}, 2),
    (0, {"in_count": FEATURES + 1}, 4),
    (1, {"in_count": HIDDEN - 1}, 4),
    (0, {"out_count": 0}, 8),
    (0, {"out_count": 2**32 - 1}, 8),
    (0, {"weights": 1}, 12),
    (1, {"weights": 0}, 12),
    (0, {"bias": FEATURES * HIDDEN + 1}, 16),
    (0, {"output": 2**32 - 1}, 20),
    (1, {"d_output": HEAD.workspace_bytes // 4 - CLASSES + 1}, 24),
    (1, {"output": 0}, 20),
    (1, {"d_output": HIDDEN}, 24),
]


@pytest.mark.parametrize(("number", "fields", "at"), LAYER_FIELDS)
def test_wrong_layer_is_named(number: int, fields: dict[str, int], at: int) -> None:
    assert refused(with_layer(IMAGE, number, **fields)) == malformed(at, HEAD.layers + 32 * number)


def test_layers_end_in_the_class_capacity() -> None:
    shorter = with_layer(IMAGE, 1, out_count=CLASSES - 1, bias=FEATURES * HIDDEN + HIDDEN + HIDDEN * (CLASSES - 1))
    assert refused(shorter) == malformed(20)
    assert refused(with_head(shorter, parameter_count=HEAD.parameter_count - HIDDEN - 1)) == malformed(12)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_initial_parameters_are_finite(value: float) -> None:
    place = HEAD.initial_parameters + 4 * (HEAD.parameter_count - 1)
    assert refused(with_crc(IMAGE[:place] + struct.pack("<f", value) + IMAGE[place + 4 :])) == malformed(24)


def test_labels_of_the_replay_set_are_classes() -> None:
    place = HEAD.replay_set_labels + 10
    assert refused(with_crc(IMAGE[:place] + struct.pack("<H", 4) + IMAGE[place + 2 :])) == malformed(60)


@pytest.mark.parametrize(("field", "value"), [("dtype", 2), ("scale", 0.0)])
def test_features_are_scaled_int8(field: str, value: float) -> None:
    place = records.unpack(records.Header, IMAGE, 0).tensors
    record = records.unpack(records.TensorRecord, IMAGE, place)._replace(**{field: value}, zero_point=0)  # type: ignore[arg-type]
    changed = IMAGE[:place] + records.pack(record) + IMAGE[place + records.size(records.TensorRecord) :]
    assert refused(with_crc(changed)) == malformed(16)


def test_chance_damage_is_refused_or_harmless() -> None:
    """Whatever a head section says: the image is refused, or the head learns without leaving its arena."""
    generator = np.random.default_rng(5)
    spans = [(PLACE, records.size(records.HeadRecord)), (HEAD.layers, 2 * records.size(records.LayerRecord))]
    refusals = 0
    for _ in range(1500):
        start, size = spans[generator.integers(2)]
        place = start + 4 * int(generator.integers(size // 4))
        word = int(generator.choice([generator.integers(2**32), 1 << generator.integers(32), generator.integers(300)]))
        try:
            twin = TwinModel(with_crc(IMAGE[:place] + struct.pack("<I", word) + IMAGE[place + 4 :]))
        except CompileError:
            refusals += 1
            continue
        for label in range(4):
            twin.invoke(*(generator.integers(-128, 128, (1, count)).astype(np.int8) for count in (8, 4)))
            assert twin.step(label).status in {"ok", "diverged", "bad_label"}
    assert 1000 < refusals < 1500
