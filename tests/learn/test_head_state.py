# SPDX-License-Identifier: Apache-2.0
"""The head as bytes: what the store keeps comes back bit by bit, and every damaged state is refused with nothing changed."""

import struct
import zlib

import numpy as np
import pytest
from head_image import Replay, head_image, random_features, random_head

from tinytl.errors import DeviceError
from tinytl.head.layers import Learning
from tinytl_bridge.twin import TwinModel

FEATURES, CAPACITY, CLASSES = 14, 5, 4


def new_twin(momentum: float = 0.9) -> TwinModel:
    head = random_head((FEATURES, 8, CAPACITY), learning=Learning(0.01, momentum, replays_per_step=2, seed=99))
    old, labels = random_features(FEATURES, 10, CLASSES)
    return TwinModel(head_image(head, class_count=CLASSES, replay=Replay(old, labels, 6)))


def teach(twin: TwinModel, count: int, seed: int = 4) -> TwinModel:
    for sample, label in zip(*random_features(FEATURES, count, CLASSES, seed), strict=True):
        twin.invoke(sample[None])
        assert twin.step(int(label)).status == "ok"
    return twin


def test_factory_state_is_the_image() -> None:
    twin = new_twin()
    assert twin.image.head is not None
    assert struct.unpack("<4I", twin.state()[:16]) == (twin.image.head.parameter_count, CLASSES, 0, 99)
    np.testing.assert_array_equal(twin.parameters, twin.image.initial_parameters())


def test_crc_is_that_of_the_parameters() -> None:
    twin = teach(new_twin(), 5)
    assert twin.head_crc32() == zlib.crc32(twin.parameters.tobytes())


def test_round_trip_into_another_twin() -> None:
    taught = teach(new_twin(), 30)
    other = new_twin()
    other.restore(taught.state())
    assert other.state() == taught.state()
    assert other.steps == 30
    assert other.head_crc32() == taught.head_crc32()


def test_restored_head_goes_on_like_any_other_restored_head() -> None:
    """Velocities and replay buffer are not stored: restoring empties them, also on the twin that was taught."""
    taught = teach(new_twin(), 30)
    state = taught.state()
    fresh = new_twin()
    fresh.restore(state)
    taught.restore(state)
    assert taught.replay_count == 0
    assert teach(taught, 20, seed=5).state() == teach(fresh, 20, seed=5).state()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_reset_is_a_new_head(momentum: float) -> None:
    twin = teach(new_twin(momentum), 30)
    twin.reset()
    assert twin.state() == new_twin(momentum).state()
    assert (twin.steps, twin.replay_count) == (0, 0)
    assert teach(twin, 12).state() == teach(new_twin(momentum), 12).state()


def test_reserved_rows_are_kept_and_take_no_part() -> None:
    twin = new_twin()
    reserved = slice(-CAPACITY - 8, -CAPACITY)  # the fifth row of the last layer, before its biases
    before = twin.parameters.copy()
    twin.invoke(np.ones((1, FEATURES), np.int8))
    assert twin.infer()[1].shape == (CLASSES,)
    teach(twin, 20)
    np.testing.assert_array_equal(twin.parameters[reserved], before[reserved])
    assert twin.parameters[-1] == before[-1]
    assert (twin.parameters[-CAPACITY:-1] != before[-CAPACITY:-1]).all()


def changed(state: bytes, word: int, value: int) -> bytes:
    return state[: 4 * word] + struct.pack("<I", value) + state[4 * word + 4 :]


COUNT = FEATURES * 8 + 8 + 8 * CAPACITY + CAPACITY
REFUSALS = {
    "empty": (lambda state: b"", "payload of 0 bytes; expected 676"),
    "header cut": (lambda state: state[:15], "payload of 15 bytes; expected 676"),
    "parameters cut": (lambda state: state[:-1], "payload of 675 bytes; expected 676"),
    "too long": (lambda state: state + b"\0", "payload of 677 bytes; expected 676"),
    "other head": (lambda state: changed(state, 0, 164), "the stored head has 164 parameters; the model's has 165"),
    "too few classes": (lambda state: changed(state, 1, 3), "word 1 of the stored head is 3, which is out of its range"),
    "too many classes": (lambda state: changed(state, 1, 6), "word 1 of the stored head is 6, which is out of its range"),
    "dead draw": (lambda state: changed(state, 3, 0), "word 3 of the stored head is 0, which is out of its range"),
    "NaN": (lambda state: changed(state, 4, 0x7FC00000), "word 4 of the stored head is 2,143,289,344, which is out of its range"),
    "infinity": (lambda state: changed(state, 168, 0xFF800000), "word 168 of the stored head is 4,286,578,688, which is out of its range"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_damaged_state_is_refused_and_changes_nothing(name: str) -> None:
    assert COUNT == 165
    damage, text = REFUSALS[name]
    twin = teach(new_twin(), 3)
    state, arena = twin.state(), bytes(twin.arena)
    with pytest.raises(DeviceError) as refusal:
        twin.restore(damage(state))
    assert refusal.value.what == f"the head's state is refused: {text}"
    assert twin.state() == state
    assert bytes(twin.arena) == arena


def test_state_with_another_class_count_is_taken_with_its_name() -> None:
    twin = new_twin()
    twin.restore(changed(twin.state(), 1, CAPACITY) + b"sparrow".ljust(32, b"\0"))
    twin.invoke(np.ones((1, FEATURES), np.int8))
    assert twin.class_names == ("sparrow",)
    assert twin.infer()[1].shape == (CAPACITY,)
    assert twin.step(CAPACITY - 1).status == "ok"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"", "payload of 676 bytes; expected 708"),
        (bytes(32), "word 169 of the stored head is 0, which is out of its range"),
        (b"x" * 32, "word 169 of the stored head is 2,021,161,080, which is out of its range"),
    ],
)
def test_a_name_that_is_none_is_refused(name: bytes, text: str) -> None:
    twin = new_twin()
    before = twin.state()
    with pytest.raises(DeviceError) as refusal:
        twin.restore(changed(twin.state(), 1, CAPACITY) + name)
    assert refusal.value.what == f"the head's state is refused: {text}"
    assert twin.state() == before
