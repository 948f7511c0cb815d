# SPDX-License-Identifier: Apache-2.0
"""A device taught from a stream: to the same head as from a set, what is refused and why, and never more waiting than may be."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamed import image, json_line, json_lines, npy

from tinytl.class_match import UNKNOWN
from tinytl.errors import DataError, DeviceError
from tinytl_bridge import Device
from tinytl_bridge.streaming import Format, LiveResult, Stop, Wishes, open_source, teach_live
from tinytl_bridge.streaming.labels import NamedLabels
from tinytl_bridge.streaming.records import Arrival, LabelledSample, Malformed, SourceLost
from tinytl_bridge.wire.class_names import pack_name
from tinytl_bridge.wire.requests import TeachFlags


class Given:
    """A source of arrivals that are there already, then an end of some kind."""

    name, live = "given", False

    def __init__(self, *records: Any, ends: Exception | None = None) -> None:
        self._records, self._ends = records, ends
        self.done: list[int] = []

    def arrivals(self) -> Iterator[Arrival | None]:
        for number, record in enumerate(self._records):
            yield None
            yield Arrival(record, lambda number=number: self.done.append(number))
        if self._ends:
            raise self._ends

    def close(self) -> None:
        pass


def sample(label: Any, n: int | None = None) -> LabelledSample:
    return LabelledSample(image(3, 1), label, n)


def streamed(device: Device, *records: Any, ends: Exception | None = None, **how: Any) -> tuple[LiveResult, list[str]]:
    told: list[str] = []
    return teach_live(device, Given(*records, ends=ends), tell=told.append, **how), told


def test_the_head_is_that_of_a_fixed_set(device: Device) -> None:
    x, y = np.stack([image(n % 10, n) for n in range(40)]), np.arange(40) % 10
    device.teach(x, y)
    head, steps = device.head_parameters(), device.status().steps
    device.rollback("factory")
    result, told = streamed(device, *(LabelledSample(one, int(label)) for one, label in zip(x, y, strict=True)))
    assert device.head_parameters().tobytes() == head.tobytes() and device.status().steps == steps
    assert (result.taught.taught, result.came, result.refused, result.ending, told) == (40, 40, 0, "end of the stream", [])
    assert result.taught.accuracy == sum(s.predicted == s.label for s in result.taught.samples) / 40


def test_what_cannot_be_taught_is_told_and_the_rest_is_taught(device: Device) -> None:
    result, told = streamed(
        device, sample(3), sample("eleven"), LabelledSample(np.zeros((5,), np.float32), 1), LabelledSample(image(1, 1).astype(np.int64), 1),
        sample(None, 7), Malformed("'x'", "JSON"), LabelledSample(np.full((28, 28), np.nan, np.float32), 1), sample("4"),
    )  # fmt: skip
    assert (result.came, result.refused, result.taught.taught) == (8, 6, 2)
    assert told == [
        "sample 2 refused: label 'eleven'; expected a class of the device: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        "sample 3 refused: samples have shape 5; expected 28×28×1, the model's input",
        "sample 4 refused: whole numbers for a model that takes images; expected a type that says what they are\n"
        "hint: --stream-dtype uint8 for pixels 0 to 255, float32 for the model's input as it is; or a \"dtype\" in each line",
        "sample 5 (n = 7) refused: no label; expected one with each sample, or --label NAME for all",
        "sample 6 refused: 'x'; expected JSON; further ones are only counted",
    ]  # fmt: skip


def test_flat_numbers_take_the_model_s_shape(device: Device) -> None:
    flat = image(3, 1).reshape(-1)
    result, told = streamed(device, LabelledSample(flat, 3), LabelledSample(flat.astype(np.float32) / 255, 3))
    assert (result.taught.taught, told) == (2, [])


def test_a_strict_stream_ends_at_the_first(device: Device) -> None:
    result, told = streamed(device, sample(3), sample("eleven"), sample(3), wishes=Wishes(strict=True))
    assert (result.came, result.taught.taught, result.ending, told) == (2, 1, "refused", [])
    assert result.error is not None
    assert result.error.text() == "sample 2: label 'eleven'; expected a class of the device: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"


def test_a_source_that_dies_leaves_what_was_learned(device: Device) -> None:
    lost = SourceLost("the port was lost")
    result, _ = streamed(device, sample(3), sample(4), ends=lost)
    assert (result.taught.taught, result.ending, result.error) == (2, "lost", lost)


def test_an_error_of_our_own_is_not_hidden(device: Device) -> None:
    with pytest.raises(ZeroDivisionError):
        streamed(device, sample(3), ends=ZeroDivisionError())


def test_repeats_are_not_learned_twice_and_gaps_are_told(device: Device) -> None:
    result, told = streamed(device, *(sample(3, n) for n in (1, 2, 2, 1, 5, 3, 3)))
    assert (result.taught.taught, result.repeats, result.lost, result.late, device.status().steps) == (4, 3, 1, 1, 4)
    assert told == [
        "n = 2 came again: not learned twice", "n = 1 came again: not learned twice", "2 samples lost between 2 and 5", "n = 3 came late",
        "n = 3 came again: not learned twice",
    ]  # fmt: skip
    assert result.numbering == "1 sample lost between 3 and 5; 3 came again, not learned twice; 1 came late"


def test_new_classes_by_name_while_there_is_room(device: Device) -> None:
    result, told = streamed(device, *map(sample, ("cup", 7, "pen", "cup", "hat")), new_classes=True)
    assert result.taught.added == ("cup", "pen") and device.labels()[-2:] == ("cup", "pen")
    assert result.refused == 1
    assert told[0].startswith(
        "sample 5 refused: new classes 'hat': 1, and the head has 12 of 12; expected at most 0 more\nhint: tinytl export"
    )
    _, told = streamed(device, sample("x" * 40), sample("9" * 5000), sample("\ud800"), sample(""), new_classes=True)
    assert "class name 'xxxx" in told[0]
    assert told[2] == "sample 3 refused: label '\\ud800'; expected at most 200 characters, none of them half a character"
    assert len(told) == 4 and "label '99999" in told[1] and "class name '' takes 0 bytes" in told[3]


@given(label=st.text(st.characters(), max_size=40) | st.integers(-5, 10**20), adding=st.booleans())
def test_any_label_is_a_class_or_refused(label: Any, adding: bool) -> None:
    labels = NamedLabels([*map(str, range(5)), "cup", "٣"], capacity=8, new_classes=adding)
    try:
        labels.expect(label)
    except DeviceError:
        return
    number = labels.number_of(label)
    assert number == UNKNOWN if str(label) not in (labels.known or ()) and not str(label).isascii() else -1 <= number < 7
    if number == UNKNOWN:
        assert adding and len(pack_name(labels.name_of(label))) == 32


def test_one_label_for_all(device: Device) -> None:
    result, _ = streamed(device, sample(3), sample(None), wishes=Wishes(label="5"))
    assert [one.label for one in result.taught.samples] == [5, 5]


def test_every_sample_is_answered_for_once(device: Device) -> None:
    """Also those that are refused or repeated: who acknowledges must not wait for them."""
    source = Given(sample(3, 1), sample("eleven", 2), sample(3, 1), sample(4, 3))
    teach_live(device, source)
    assert source.done == [0, 1, 2, 3]
    source = Given(*(sample(3) for _ in range(9)))
    result = teach_live(device, source, Wishes(samples=2))
    assert (result.ending, result.taught.taught, source.done) == ("samples", 2, [0, 1])
    assert 0 < result.left <= 7


def test_a_stream_that_forgets_too_much_is_taken_back(device: Device) -> None:
    factory = device.head_parameters()
    records = [LabelledSample(image(n % 10, n), 1) for n in range(5)]  # all called one
    result, _ = streamed(device, *records, keep_source=0.0)
    assert result.taught.undone and result.taught.source is not None and result.taught.source.points_lost > 0
    assert device.head_parameters().tobytes() == factory.tobytes()


def test_only_when_wrong_skips_what_is_right(device: Device) -> None:
    records = [LabelledSample(image(n % 3, n), n % 3) for n in range(90)]
    result, _ = streamed(device, *records, flags=TeachFlags(only_when="wrong"))
    assert result.taught.skipped + result.taught.taught == 90
    assert result.taught.skipped > result.taught.taught > 0


def test_a_fast_sender_is_held_up_and_nothing_is_lost(device: Device) -> None:
    """Over a real connection: the sender is never further ahead than the queue and the system's buffers, and every sample arrives."""
    count, waiting = 900, 16
    data, sent, most_ahead = json_lines(count), [0], 0
    bytes_a_sample = len(data) / count
    told: list[str] = []
    source = open_source("tcp-listen:0", Format(), told.append)
    port = int(told[0].rpartition(":")[2])

    def send() -> None:
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 << 10)
            connection.connect(("127.0.0.1", port))
            for start in range(0, len(data), 4096):
                connection.sendall(data[start : start + 4096])
                sent[0] = start

    taught = 0

    def slow(_: Any) -> None:
        nonlocal taught, most_ahead
        taught += 1
        if taught in (10, 200):
            time.sleep(0.4)  # long enough for a sender that nothing holds up to send all
            most_ahead = max(most_ahead, int(sent[0] / bytes_a_sample) - taught)

    sender = threading.Thread(target=send)
    sender.start()
    result = teach_live(device, source, on_step=slow, most_waiting=waiting, tell=told.append)
    sender.join()
    assert (result.came, result.taught.taught, result.lost, result.refused) == (count, count, 0, 0)
    assert result.most_waiting == waiting
    assert result.most_waiting_bytes < waiting * 2000
    assert 0 < most_ahead < count / 2, f"the sender was {most_ahead} samples ahead"


def test_stop_ends_a_stream_that_is_silent(device: Device) -> None:
    stop = Stop()
    source = open_source("tcp-listen:0", Format(), lambda _: None)
    threading.Timer(0.2, lambda: setattr(stop, "wanted", True)).start()
    begun = time.monotonic()
    result = teach_live(device, source, stop=stop)
    assert (result.ending, result.came) == ("stopped", 0)
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("samples.jsonl", "source 'samples.jsonl' is unknown; expected -, serial:PORT[?baud=N], tcp:HOST:PORT, tcp-listen:[HOST:]PORT, "
                          "mqtt://HOST[:PORT]/TOPIC, camera:0|FILE\nhint: a file: tinytl teach ... --stream - < samples.jsonl"),
        ("serial:/dev/none", "port '/dev/none' cannot be opened: "),
        ("serial:/dev/none?baud=fast", "baud rate 'fast' of serial:/dev/none; expected a number such as 115200"),
        ("serial:/dev/none?flow=on", "flow control 'on' of serial:/dev/none; expected none, rtscts, xonxoff"),
        ("serial:/dev/none?speed=1", "option 'speed' of source serial:; expected baud=, flow="),
        ("tcp:localhost", "address 'localhost'; expected HOST:PORT, e.g. 192.168.1.20:5000"),
        ("tcp:127.0.0.1:1", "tcp:127.0.0.1:1 cannot be reached: "),
        ("tcp-listen:no", "address 'no'; expected PORT or HOST:PORT"),
        ("tcp-listen:192.0.2.1:5000", "tcp-listen:192.0.2.1:5000 is not possible: "),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_had(name: str, text: str) -> None:
    with pytest.raises(DataError) as refused:
        open_source(name, Format(), print)
    assert refused.value.text().startswith(text)


def test_who_listens_for_others_is_warned() -> None:
    told: list[str] = []
    open_source("tcp-listen:0.0.0.0:0", Format(), told.append).close()
    assert told[1].startswith("warning: whoever reaches 0.0.0.0:") and "can teach this device" in told[1]


def test_every_format_over_one_kind_of_source(device: Device) -> None:
    pair = np.array([(image(4, 4), 4, 2)], [("x", "u1", (28, 28)), ("label", "u1"), ("n", "u4")])
    csv = ",".join(map(str, image(4, 4).reshape(-1)))
    for data, form in (
        (json_line(image(4, 4), "4", 2), Format()),
        (npy(pair) + npy(pair), Format()),
        (f"{csv},4\n".encode(), Format(dtype="uint8")),
        (npy(image(4, 4)), Format(labelled=True)),
    ):
        told: list[str] = []
        source = open_source("tcp-listen:0", form, told.append)
        with socket.create_connection(("127.0.0.1", int(told[0].rpartition(":")[2]))) as connection:
            connection.sendall(data)
        result = teach_live(device, source, Wishes(label="4" if form.labelled else None), tell=told.append)
        assert (result.taught.taught, result.refused) == (1, 0), told
        assert result.taught.samples[0].label == 4
