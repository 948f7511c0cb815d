# SPDX-License-Identifier: Apache-2.0
"""The head section is checked before anything of it is used: every field that is wrong is named, and chance damage never crashes."""

import math
import struct

import numpy as np
import pytest
from graph_heads import INT8_HEADS
from head_image import Feature, Replay, head_image, head_of, random_features, random_head, with_crc, with_head, with_layer, with_value

from tinytl.compiler import records
from tinytl.errors import CompileError
from tinytl.head.layers import Learning
from tinytl_bridge.twin import TwinModel

FEATURES, HIDDEN, CLASSES, OLD = 12, 7, 5, 9


def whole() -> bytes:
    head = random_head((FEATURES, HIDDEN, CLASSES), learning=Learning(0.01, 0.5, replays_per_step=2, guard_buffer_bytes=300), parts=(8, 4))
    old, _ = random_features(FEATURES, OLD, 4)
    return head_image(head, outputs=(Feature(8), Feature(4)), class_count=4, replay=Replay(old, np.arange(OLD) % 4, 3))


IMAGE = whole()
MERGED = head_image(random_head((FEATURES, HIDDEN, CLASSES), learning=Learning(0.01, 0.5)))
"""One feature in place of two."""
HEAD = head_of(IMAGE)
PLACE = records.unpack(records.Header, IMAGE, 0).head
MERGED_PLACE = records.unpack(records.Header, MERGED, 0).head
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


WORDS = list(records.HeadRecord._fields)
AT = {name: 4 * place for place, name in enumerate(WORDS)}
"""Field of the head section → its offset in it; each is 4 bytes, and SPEC.md is compared with them elsewhere."""

FIELDS: dict[str, list[float]] = {
    "layer_count": [0, 65, 2**32 - 1],
    "value_count": [0, HEAD.value_count + 1],
    "feature_values": [0, 3],
    "class_count": [0, CLASSES + 1, 2**32 - 1],
    "class_capacity": [4097],
    "feature_count": [0, FEATURES - 1, FEATURES + 1, 2**32 - 1],
    "parameter_count": [0, HEAD.parameter_count + 1, 2**24 + 1],
    "frozen_count": [1, 2**24 + 1],
    "frozen_parameters": [HEAD.layers],
    "columns_floats": [HEAD.columns_floats - 1, 2**24 + 1],
    "replay_set_count": [2**24 + 1, 0],
    "replay_capacity": [2**24 + 1],
    "replays_per_step": [65, 2**32 - 1],
    "learning_rate": [0.0, -0.1, math.inf, math.nan],
    "momentum": [-0.1, 1.0, math.nan],
    "second_momentum": [-0.1, 1.0, math.nan],
    "epsilon": [-1e-9, math.inf, math.nan],
    "weight_decay": [-0.1, math.inf, math.nan, 101.0],
    "clip_norm": [-0.1, math.inf, math.nan],
    "optimizer": [0, 3],
    "accumulation": [0, 65537],
    "schedule": [3],
    "schedule_factor": [-0.1, 1.1, math.nan],
    "seed": [0],
    "loss": [0, 4],
    "moments": [records.NONE],
    "guard_capacity": [15, 65536, 2**32 - 1],
    "guard_every": [0, 1, 65536],
    "drift_numbers": [65, 2**32 - 1],
    "drift_spread": [0.0, 0.5, -1.0, math.inf, math.nan],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in FIELDS.items() for value in values])
def test_wrong_field_is_named(name: str, value: float) -> None:
    assert refused(with_head(IMAGE, **{name: value})) == malformed(AT[name])


def test_what_an_optimizer_needs_is_there() -> None:
    assert refused(with_head(IMAGE, clip_norm=1.0)) == malformed(AT["gradients"])
    assert refused(with_head(IMAGE, accumulation=2)) == malformed(AT["gradients"])
    assert refused(with_head(IMAGE, optimizer=2, gradients=HEAD.moments)) == malformed(AT["second_moments"])
    assert refused(with_head(IMAGE, schedule=1)) == malformed(AT["schedule_steps"])
    assert refused(with_head(IMAGE, optimizer=2, epsilon=0.0)) == malformed(AT["epsilon"])


def test_a_head_without_a_guard_has_no_settings_of_one() -> None:
    assert HEAD.guard_capacity == 19
    assert refused(with_head(MERGED, guard_every=2)) == malformed(AT["guard_every"], MERGED_PLACE)
    assert refused(with_head(MERGED, guard_check_every=1)) == malformed(AT["guard_check_every"], MERGED_PLACE)


def test_a_head_without_statistics_of_drift_has_no_part_of_them() -> None:
    assert HEAD.drift_numbers == 8
    assert head_of(MERGED).drift_numbers == 0
    assert refused(with_head(MERGED, drift_means=HEAD.layers)) == malformed(AT["drift_means"], MERGED_PLACE)
    assert refused(with_head(MERGED, drift_spread=1.0)) == malformed(AT["drift_spread"], MERGED_PLACE)


@pytest.mark.parametrize("value", [2**28 + 1, -(2**28) - 1, -(2**31)])
def test_means_leave_room_for_squares_of_distances(value: int) -> None:
    place = HEAD.drift_means + 4 * (4 * HEAD.drift_numbers - 1)
    assert refused(with_crc(IMAGE[:place] + struct.pack("<i", value) + IMAGE[place + 4 :])) == malformed(AT["drift_means"])
    assert TwinModel(with_crc(IMAGE[:place] + struct.pack("<i", 2**28) + IMAGE[place + 4 :])).class_count == 4


def test_sums_of_features_leave_it_too() -> None:
    count = 65537
    old = np.random.default_rng(1).integers(-128, 128, (4, count)).astype(np.int8)
    image = head_image(random_head((count, 2)), replay=Replay(old, np.arange(4) % 2, 0))
    assert head_of(image).drift_numbers == 64
    assert refused(with_head(image, drift_numbers=1)) == malformed(AT["drift_numbers"], records.unpack(records.Header, image, 0).head)


SIZE = len(IMAGE)


@pytest.mark.parametrize(
    ("name", "bytes_there"),
    [
        ("layers", HEAD.layer_count * records.size(records.LayerRecord)),
        ("values", HEAD.value_count * records.size(records.ValueRecord)),
        ("initial_parameters", 4 * HEAD.parameter_count),
        ("replay_set_features", OLD * FEATURES),
        ("replay_set_labels", 2 * OLD),
        ("drift_means", 4 * 4 * HEAD.drift_numbers),
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
    "parameters": 4 * HEAD.parameter_count,
    "moments": 4 * HEAD.parameter_count,
    "replay_buffer": 3 * FEATURES + 6,
    "class_names": 32,
    "guard_buffer": HEAD.guard_capacity * (FEATURES + 3) + 2 * CLASSES,
    "columns": 4 * HEAD.columns_floats,
}
LASTING = ("parameters", "moments", "replay_buffer", "class_names", "guard_buffer")


@pytest.mark.parametrize("name", BUFFERS)
def test_buffer_is_inside_the_arena_and_aligned(name: str) -> None:
    place, size = getattr(HEAD, name), BUFFERS[name]
    text = f"a section or tensor of the image lies outside it (offset {ARENA + size:,}, limit {ARENA:,})"
    assert refused(with_head(IMAGE, **{name: ARENA})) == text
    assert refused(with_head(IMAGE, **{name: 2**32 - 16})).startswith("a section or tensor of the image lies outside it")
    wrong = place - 8
    assert refused(with_head(IMAGE, **{name: wrong})).endswith(f"the address {wrong:,} is not a multiple of 16")


@pytest.mark.parametrize("name", BUFFERS)
def test_what_lasts_touches_nothing_else_and_nothing_touches_the_graph_outputs(name: str) -> None:
    roomy = records.unpack(records.Header, IMAGE, 0)._replace(arena_bytes=2 * ARENA)
    image = records.pack(roomy) + IMAGE[records.HEADER_BYTES :]
    for other in LASTING:
        if other != name:
            assert refused(with_head(image, **{name: getattr(HEAD, other)})) in [malformed(AT[each]) for each in BUFFERS]
    away = with_head(image, **{name: ARENA})
    assert TwinModel(away).image.head is not None
    output = records.unpack(records.TensorRecord, IMAGE, records.unpack(records.Header, IMAGE, 0).tensors).offset
    assert refused(with_head(away, **{name: output})) == malformed(AT[name])


LAYER_AT = dict(
    zip(records.LayerRecord._fields, (0, 1, 2, 3, 4, 6, 8, 9, 10, 11, 12, 13, 14, 16, 20, 24, 28, 32, 36, 40, 44, 48), strict=True)
)
VALUE_AT = dict(zip(records.ValueRecord._fields, (0, 4, 8, 12, 14, 16, 20, 24), strict=True))

LAYER_FIELDS = [
    (0, {"kind": 0}, "kind"),
    (0, {"kind": 11}, "kind"),
    (1, {"kind": 6, "trains": 0}, "in_count"),
    (0, {"activation": 3}, "activation"),
    (1, {"activation": 1}, "activation"),
    (0, {"trains": 4}, "trains"),
    (0, {"joins": 1}, "joins"),
    (1, {"joins": 1}, "joins"),
    (0, {"input0": 2, "input1": 2}, "input0"),
    (1, {"input0": 3}, "input0"),
    (1, {"input1": 0}, "input0"),
    (0, {"rate": 0.5}, "rate"),
    (0, {"rate": math.nan}, "rate"),
    (0, {"rate_factor": 0.0}, "rate_factor"),
    (0, {"rate_factor": math.nan}, "rate_factor"),
    (1, {"rate_factor": 1048577.0}, "rate_factor"),
    (0, {"in_count": FEATURES + 1}, "in_count"),
    (1, {"in_count": HIDDEN - 1}, "in_count"),
    (0, {"out_count": HIDDEN - 1}, "out_count"),
    (0, {"out_count": 2**32 - 1}, "out_count"),
    (0, {"weights": 1}, "weights"),
    (1, {"weights": 0}, "weights"),
    (0, {"bias": FEATURES * HIDDEN + 1}, "bias"),
    (0, {"trains": 1}, "bias"),
]


@pytest.mark.parametrize(("number", "fields", "name"), LAYER_FIELDS)
def test_wrong_layer_is_named(number: int, fields: dict[str, int], name: str) -> None:
    record = head_of(MERGED).layers + number * records.size(records.LayerRecord)
    assert refused(with_layer(MERGED, number, **fields)) == malformed(LAYER_AT[name], record)


INT8 = head_image(INT8_HEADS["int8: conv, pool"])
INT8_PLACE = records.unpack(records.Header, INT8, 0).head
INT8_LAYER_FIELDS = [
    (0, {"weight_storage": 2}, "weight_storage"),
    (0, {"trains": 2}, "weight_storage"),
    (1, {"weight_storage": 1}, "weight_storage"),
    (1, {"rows_at_once": 1}, "rows_at_once"),
    (1, {"scales": 1}, "rows_at_once"),
    (0, {"weight_storage": 0}, "weights"),
    (0, {"rows_at_once": 0}, "rows_at_once"),
    (0, {"rows_at_once": 7}, "rows_at_once"),
    (0, {"scales": 1}, "scales"),
    (2, {"scales": 0}, "scales"),
]


@pytest.mark.parametrize(("number", "fields", "name"), INT8_LAYER_FIELDS)
def test_wrong_layer_with_int8_weights_is_named(number: int, fields: dict[str, int], name: str) -> None:
    record = head_of(INT8).layers + number * records.size(records.LayerRecord)
    assert refused(with_layer(INT8, number, **fields)) == malformed(LAYER_AT[name], record)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"int8_scratch_bytes": 16}, "int8_scratch_bytes"),
        ({"momentum": 0.5, "moments": 0}, "int8_scratch_bytes"),
        ({"gradients": 0}, "int8_scratch_bytes"),
        ({"frozen_count": 5}, None),
    ],
)
def test_int8_weights_need_their_scratch_and_plain_sgd(fields: dict[str, float], name: str | None) -> None:
    text = refused(with_head(INT8, **fields))
    assert text == malformed(AT[name], INT8_PLACE) if name else "malformed" in text


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_scales_are_above_0(value: float) -> None:
    place = head_of(INT8).frozen_parameters
    assert refused(with_crc(INT8[:place] + struct.pack("<f", value) + INT8[place + 4 :])) == malformed(AT["frozen_parameters"], INT8_PLACE)


VALUE_FIELDS = [
    (0, {"storage": 1}, "place"),
    (0, {"gradient": 0}, "place"),
    (0, {"channels": FEATURES - 1}, "place"),
    (1, {"channels": 0}, "channels"),
    (1, {"height": 2}, "height"),
    (1, {"storage": 0}, "storage"),
    (1, {"storage": 2}, "mask"),
    (1, {"gradient": records.NONE}, "gradient"),
    (1, {"last_reader": 0}, "last_reader"),
    (1, {"place": 8}, None),
    (2, {"mask": 0}, "mask"),
    (2, {"gradient": records.NONE}, "gradient"),
    (2, {"last_reader": 1}, "last_reader"),
]


@pytest.mark.parametrize(("number", "fields", "name"), VALUE_FIELDS)
def test_wrong_value_is_named(number: int, fields: dict[str, int], name: str | None) -> None:
    record = head_of(MERGED).values + number * records.size(records.ValueRecord)
    text = "the address 8 is not a multiple of 16" if name is None else malformed(VALUE_AT[name], record)
    assert refused(with_value(MERGED, number, **fields)) == text


def test_layers_end_in_the_class_capacity() -> None:
    last = HEAD.layers + (HEAD.layer_count - 1) * records.size(records.LayerRecord)
    more = with_head(IMAGE, class_capacity=CLASSES + 1)
    assert refused(more) == malformed(LAYER_AT["out_count"], last)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_initial_parameters_are_finite(value: float) -> None:
    place = HEAD.initial_parameters + 4 * (HEAD.parameter_count - 1)
    assert refused(with_crc(IMAGE[:place] + struct.pack("<f", value) + IMAGE[place + 4 :])) == malformed(AT["initial_parameters"])


def test_labels_of_the_replay_set_are_classes() -> None:
    place = HEAD.replay_set_labels + 2 * (OLD - 1)
    assert refused(with_crc(IMAGE[:place] + struct.pack("<H", 4) + IMAGE[place + 2 :])) == malformed(AT["replay_set_labels"])


@pytest.mark.parametrize(("field", "value"), [("dtype", 2), ("scale", 0.0)])
def test_features_are_scaled_int8(field: str, value: float) -> None:
    place = records.unpack(records.Header, IMAGE, 0).tensors
    record = records.unpack(records.TensorRecord, IMAGE, place)._replace(**{field: value}, zero_point=0)  # type: ignore[arg-type]
    changed = IMAGE[:place] + records.pack(record) + IMAGE[place + records.size(records.TensorRecord) :]
    assert refused(with_crc(changed)) == malformed(0, HEAD.values)


def test_chance_damage_is_refused_or_harmless() -> None:
    """Whatever a head section says: the image is refused, or the head learns without leaving its arena."""
    generator = np.random.default_rng(5)
    spans = [
        (PLACE, records.size(records.HeadRecord)), (HEAD.layers, HEAD.layer_count * records.size(records.LayerRecord)),
        (HEAD.values, HEAD.value_count * records.size(records.ValueRecord)),
    ]  # fmt: skip
    refusals = 0
    for _ in range(1500):
        start, size = spans[generator.integers(3)]
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
            assert twin.drift() == -1 or 0 <= twin.drift() < 1e10
    assert 1000 < refusals < 1500
