# SPDX-License-Identifier: Apache-2.0
"""What an agent answers is bounded and checked on the host: endless answers, answers inside answers, nonsense."""

import json
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from tinytl.bundle.shipped import find_bundle
from tinytl.data import load_dataset
from tinytl.errors import DeviceError
from tinytl.model_file import read_model
from tinytl_bench.agent_bench import measure_on_agent
from tinytl_bridge import connect
from tinytl_bridge.device import Device
from tinytl_bridge.targets import pi
from tinytl_bridge.targets.host import HostTarget
from tinytl_bridge.wire import protocol
from tinytl_bridge.wire.agent_link import CALL, AgentLink
from tinytl_bridge.wire.protocol import Frame


class Hostile:
    """A stream that answers each call with the next of these payloads, the last one for ever."""

    def __init__(self, *payloads):
        self._payloads, self._waiting = list(payloads), b""

    def write(self, data):
        question = protocol.decode(data.strip(b"\0"))
        payload = self._payloads.pop(0) if len(self._payloads) > 1 else self._payloads[0]
        self._waiting = protocol.encode(Frame(protocol.ANSWER | CALL, 0, question.session, payload))

    def read(self, timeout_s):
        data, self._waiting = self._waiting, b""
        return data

    def close(self):
        pass


def packed(document):
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("payloads", "text"),
    [
        ([packed({"bytes": 1 << 40})], "an answer of 1099511627776 bytes of the agent; expected at most 16,777,216"),
        ([packed({"bytes": "many"})], "an answer of 'many' bytes of the agent"),
        ([packed({"bytes": 5})], "the agent's answer to 'rest' is "),
        ([packed({"bytes": 5}), packed({"result": {"piece": ""}})], "a long answer of the agent ends early; expected 5 bytes"),
        ([packed({"bytes": 5}), packed({"result": {"piece": 7}})], "a long answer of the agent ends early"),
        ([packed({"bytes": 5}), packed({"result": {"piece": "[[[[["}})], "the agent's answer to 'about' is "),
        ([b"[" * 15_000], "the agent's answer to 'about' is "),
        ([b"\xff\xfe"], "the agent's answer to 'about' is "),
        ([packed({"error": {"what": ["a"], "expected": 3}})], "['a']; expected 3"),
    ],
)
def test_an_answer_that_is_none_is_an_error_in_words(payloads, text):
    with pytest.raises(DeviceError) as refused:
        AgentLink(Hostile(*payloads)).call("about")
    assert str(refused.value).startswith(text)


class Measured:
    """An agent whose measurement is any document."""

    def __init__(self, document):
        self._document = document

    def send_file(self, name, data, *, progress):
        pass

    def call(self, name, **_fields):
        return self._document


@pytest.mark.parametrize("step", [b"\x38", b""], ids=["bytes now and then", "silence"])
def test_a_handshake_that_does_not_end_is_given_up(tmp_path, monkeypatch, step):
    monkeypatch.setattr(pi, "HANDSHAKE_S", 0.3)

    def trickle(listening):
        with listening.accept()[0] as connection, suppress(OSError):
            connection.sendall((256).to_bytes(4, "little"))
            for _ in range(100):
                connection.sendall(step)
                time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = threading.Thread(target=trickle, args=(listening,))
        peer.start()
        target = f"pi:127.0.0.1:{listening.getsockname()[1]}"
        begin = time.monotonic()
        with pytest.raises(DeviceError, match="does not answer the handshake; expected a tinytl agent"):
            connect(target, state_dir=tmp_path)
        assert time.monotonic() - begin < 1.5
        peer.join()


FIGURE = {"value": 1.0, "unit": "ms", "how": "a clock"}
ENGINE = {"figures": {"x": FIGURE}, "missing": {}, "machine": {}, "storable": True, "storable_why": ""}
WHOLE = {"in_use": {"engine": "runtime", "engine_reason": "r"}, "engines": {"runtime": ENGINE}, "choice": {}}


def test_a_measurement_that_is_none_is_an_error_in_words(tmp_path):
    task = load_dataset("uci-digits")
    few = replace(task, x_train=task.x_train[:4], y_train=task.y_train[:4])
    odd = [
        {}, {"in_use": []}, WHOLE | {"engines": 3}, WHOLE | {"engines": {"runtime": ENGINE | {"figures": {"x": 7}}}},
        WHOLE | {"engines": {"runtime": ENGINE | {"figures": {"x": FIGURE | {"value": "much"}}}}},
        WHOLE | {"engines": {"runtime": ENGINE | {"missing": None}}},
    ]  # fmt: skip
    with Device(HostTarget(state_dir=tmp_path)) as device:
        device.flash(read_model(find_bundle("digits")))
        measure = lambda document: measure_on_agent(device, Measured(document), few, energy_csv=None, progress=lambda *_: None)  # noqa: E731
        assert measure(WHOLE).figures["x"].how == "engine runtime: a clock"
        for document in odd:
            with pytest.raises(DeviceError, match=r"the agent's measurement cannot be read: .*; expected figures of each engine"):
                measure(document)
