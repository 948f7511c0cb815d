# SPDX-License-Identifier: Apache-2.0
"""The binding: it runs a model in this process, keeps its memory alive, and refuses with a text instead of crashing."""

import gc
import struct
from collections.abc import Callable

import numpy as np
import pytest
from head_image import Feature, Replay, head_image, random_features, random_head, with_crc
from single_operators import MODELS

from tinytl.compiler import compile_tflite
from tinytl.errors import CompileError, DeviceError
from tinytl.head.layers import Learning
from tinytl_bridge.twin import TwinModel, check_image, library
from tinytl_bridge.wire.statuses import status_names, status_text

FEATURES, CLASSES = 12, 4
NO_HEAD = compile_tflite(MODELS["relu"]()).data
"""One operator on (1, 300) int8."""


def with_a_head() -> bytes:
    old, labels = random_features(FEATURES, 6, CLASSES)
    head = random_head((FEATURES, 5, CLASSES), learning=Learning(replays_per_step=1), parts=(8, 4))
    return head_image(head, outputs=(Feature(8), Feature(4)), replay=Replay(old, labels, 3))


HEAD = with_a_head()


def changed(image: bytes, at: int, value: int, *, layout: str = "<I") -> bytes:
    """Return the image with one field changed and its checksum right."""
    field = struct.pack(layout, value)
    return with_crc(image[:at] + field + image[at + len(field) :])


HEAD_ACTIONS: dict[str, Callable[[TwinModel], object]] = {
    "infer": lambda twin: twin.infer(),
    "step": lambda twin: twin.step(0),
    "parameters": lambda twin: twin.parameters,
    "crc": lambda twin: twin.head_crc32(),
    "reset": lambda twin: twin.reset(),
    "state": lambda twin: twin.state(),
}


@pytest.mark.parametrize("name", HEAD_ACTIONS)
def test_model_without_a_head_says_so(name: str) -> None:
    with pytest.raises(DeviceError) as refusal:
        HEAD_ACTIONS[name](TwinModel(NO_HEAD))
    assert refusal.value.what == "the image has no trainable head"
    assert refusal.value.hint == "compile a bundle instead of a plain .tflite"


def test_state_of_another_model_is_refused_by_a_model_without_a_head() -> None:
    with pytest.raises(DeviceError) as refusal:
        TwinModel(NO_HEAD).restore(TwinModel(HEAD).state())
    assert refusal.value.what == "the head's state is refused: the model has no trainable head"


SAMPLES = {
    "float": (np.zeros((1, 300), np.float32), "the sample is float32 (1, 300)"),
    "unsigned": (np.zeros((1, 300), np.uint8), "the sample is uint8 (1, 300)"),
    "short": (np.zeros((1, 299), np.int8), "the sample is int8 (1, 299)"),
    "long": (np.zeros(301, np.int8), "the sample is int8 (301,)"),
    "two": (np.zeros((2, 300), np.int8), "the sample is int8 (2, 300)"),
    "empty": (np.zeros(0, np.int8), "the sample is int8 (0,)"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_of_another_kind_is_refused(name: str) -> None:
    sample, text = SAMPLES[name]
    with pytest.raises(DeviceError) as refusal:
        TwinModel(NO_HEAD).invoke(sample)
    assert refusal.value.what == text
    assert refusal.value.expected == "int8 (1, 300)"


def test_flat_sample_is_taken() -> None:
    twin, sample = TwinModel(NO_HEAD), np.arange(300).astype(np.int8)
    np.testing.assert_array_equal(twin.invoke(sample)[0], twin.invoke(sample[None])[0])


def test_more_samples_than_graph_inputs_are_refused() -> None:
    with pytest.raises(DeviceError) as refusal:
        TwinModel(HEAD).invoke(np.zeros(8, np.int8), np.zeros(4, np.int8), np.zeros(4, np.int8))
    assert (refusal.value.what, refusal.value.expected) == ("graph input 2", "0 to 1")


@pytest.mark.parametrize(("first", "last"), [(0, 2), (1, 0), (-1, 1), (2, 2), (0, 2**32)])
def test_range_of_operators_is_checked(first: int, last: int) -> None:
    with pytest.raises(DeviceError) as refusal:
        TwinModel(NO_HEAD).invoke_range(first, last)
    assert (refusal.value.what, refusal.value.expected) == (f"operators {first} to {last}", "0 to 1")


@pytest.mark.parametrize("index", [-1, 2, 2**31])
def test_number_of_a_tensor_is_checked(index: int) -> None:
    with pytest.raises(DeviceError) as refusal:
        TwinModel(NO_HEAD).tensor(index)
    assert (refusal.value.what, refusal.value.expected) == (f"tensor {index}", "0 to 1")


def test_constant_is_read_from_the_image() -> None:
    twin = TwinModel(compile_tflite(MODELS["fully_connected 1x40"]()).data)
    constants = [number for number, record in enumerate(twin.image.tensors) if record.region == 1]
    assert constants
    for number in constants:
        np.testing.assert_array_equal(twin.tensor(number), twin.image.constant(number))


@pytest.mark.parametrize("label", [CLASSES, 2**32 - 1])
def test_label_that_is_no_class_changes_nothing(label: int) -> None:
    twin = TwinModel(HEAD)
    before = twin.state()
    assert twin.step(label).status == "bad_label"
    assert (twin.state(), twin.steps, twin.replay_count) == (before, 0, 0)


IMAGES = {
    "nothing": (b"", "the image is 0 bytes; its header says 128"),
    "half a header": (HEAD[:64], "the image is 64 bytes; its header says 128"),
    "another file": (b"TFL3" + HEAD[4:], "the image does not start with TLIM: it is no tinytl image"),
    "newer": (changed(HEAD, 4, 2, layout="<H"), "image format version 2; this firmware reads 1"),
    "cut": (HEAD[:-16], f"the image is {len(HEAD) - 16:,} bytes; its header says {len(HEAD):,}"),
    "of another family": (changed(HEAD, 32, 3, layout="<H"), "the image is for kernel family 3; this firmware has the families in mask 7"),
    "reserved word": (changed(HEAD, 84, 1), "the record at byte 0 of the image is malformed (its field at byte 84)"),
    "odd arena": (changed(HEAD, 36, 24), "the address 24 is not a multiple of 16"),
    "arena of 4 GiB": (changed(HEAD, 36, 2**32 - 16), "the model needs 4,294,967,280 bytes of arena; this device has 1,073,741,824"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_damaged_image_is_refused(name: str) -> None:
    image, text = IMAGES[name]
    with pytest.raises(CompileError) as refusal:
        TwinModel(image)
    assert refusal.value.what == f"the runtime refuses the image: {text}"


def test_one_flipped_bit_is_refused_wherever_it_is() -> None:
    bits = np.random.default_rng(3).integers(16 * 8, 8 * len(HEAD), 200)
    for bit in map(int, bits):
        damaged = bytearray(HEAD)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CompileError):
            check_image(bytes(damaged))
    check_image(HEAD)


@pytest.mark.parametrize("arena_bytes", [-1, 0, 16, 1 << 8])
def test_small_arena_is_refused(arena_bytes: int) -> None:
    needed = struct.unpack_from("<I", HEAD, 36)[0]
    with pytest.raises(CompileError) as refusal:
        TwinModel(HEAD, arena_bytes=arena_bytes)
    text = f"the model needs {needed:,} bytes of arena; this device has {max(arena_bytes, 0):,}"
    assert refusal.value.what == f"the runtime refuses the image: {text}"


def test_larger_arena_gives_the_same_answers() -> None:
    small, large = TwinModel(HEAD), TwinModel(HEAD, arena_bytes=1 << 16)
    for twin in (small, large):
        twin.invoke(np.full(8, 9, np.int8), np.full(4, -9, np.int8))
        assert twin.step(2).status == "ok"
    assert small.state() == large.state()
    assert not large.arena[len(small.arena) :].any(), "written beyond what the image asks for"


def test_parameters_are_in_place_and_outlive_the_model() -> None:
    twin = TwinModel(HEAD)
    parameters = twin.parameters
    parameters[:] = 0
    twin.invoke(np.ones(8, np.int8), np.ones(4, np.int8))
    np.testing.assert_array_equal(twin.infer()[1], 0)
    parameters[:] = np.arange(len(parameters))
    del twin
    gc.collect()
    others = [TwinModel(HEAD) for _ in range(20)]
    np.testing.assert_array_equal(parameters, np.arange(len(parameters)))
    assert len(others) == 20


def test_every_status_has_a_text() -> None:
    texts = [status_text(number) for number in range(len(status_names()))]
    own = [library().tinytl_status_text(number).decode("ascii") for number in range(len(texts))]
    assert texts == [text.replace("%1", "0").replace("%2", "0") for text in own], "the runtime's texts are the list's"
    assert library().tinytl_status_text(len(texts)) == b"unknown status"
    assert len(set(texts)) == len(texts)
    assert status_text(len(texts)) == status_text(2**32 - 1) == "unknown status"
    assert status_text(status_names().index("bad_label"), 7, 1234) == "label 7; the head has 1,234 classes"
