# SPDX-License-Identifier: Apache-2.0
"""Samples through a real broker: none lost with the documented setting, told where the broker drops some, taught on when it comes back."""

import getpass
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from streamed import image, json_line, npy

from tinytl.errors import DataError
from tinytl_bridge import Device
from tinytl_bridge.streaming import Format, LiveResult, Stop, Wishes, open_source, teach_live
from tinytl_bridge.streaming.bounded_queue import MOST_SAMPLES
from tinytl_bridge.streaming.sources.mqtt_source import WINDOW, MqttSource

mqtt = pytest.importorskip("paho.mqtt.client", reason="needs tinytl[mqtt]")
BROKER = shutil.which("mosquitto") or next(iter(map(str, Path("/usr/sbin").glob("mosquitto"))), None)
pytestmark = pytest.mark.skipif(BROKER is None, reason="needs the Debian package mosquitto")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Broker:
    """A mosquitto of the test's own, on loopback; settings: lines of its configuration."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.port, self._file = free_port(), folder / "mosquitto.conf"
        own = [] if any("allow_anonymous" in line for line in settings) else ["allow_anonymous true"]
        lines = [f"listener {self.port} 127.0.0.1", f"user {getpass.getuser()}", *own, *settings]
        self._file.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        assert BROKER is not None
        self._process = subprocess.Popen([BROKER, "-c", str(self._file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the broker did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def url(self, topic: str, options: str = "") -> str:
        return f"mqtt://127.0.0.1:{self.port}/{topic}{options}"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    started: list[Broker] = []

    def start(*settings: str) -> Broker:
        started.append(Broker(tmp_path, *settings))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@contextmanager
def publishing(broker: Broker) -> Iterator[Callable[..., None]]:
    """A client that publishes, with QoS 1 by default, and waits for each acknowledgement, 20 at a time."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    waiting: list[Any] = []

    def publish(topic: str, payload: bytes, qos: int = 1) -> None:
        waiting.append(client.publish(topic, payload, qos=qos))
        if len(waiting) >= 20:
            waiting.pop(0).wait_for_publish(10)

    yield publish
    for each in waiting:
        each.wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


LAST_LABEL = 9


def payload(n: int, label: int | None = None) -> bytes:
    return json_line(image(n % 9, n % 50), n % 9 if label is None else label, n)


def taught(device: Device, broker: Broker, count: int) -> LiveResult:
    """Teach what is published meanwhile. The device pauses on its first sample until the broker has all: it is that much slower.

    A last sample, with a label that no other has, is published when nothing more comes: what is lost at the end is seen by the next number.
    """
    source = open_source(broker.url("samples"), Format(), lambda _: None)
    stop, all_sent, steps = Stop(), threading.Event(), [0]

    def send() -> None:
        with publishing(broker) as publish:
            for n in range(count):
                publish("samples", payload(n))
        all_sent.set()
        before = 0
        while steps[0] != before:
            before = steps[0]
            time.sleep(0.6)
        with publishing(broker) as publish:
            publish("samples", payload(count, LAST_LABEL))

    def slow(step: Any) -> None:
        steps[0] += 1
        if steps[0] == 1:
            all_sent.wait(120)
        stop.wanted = step.label == LAST_LABEL

    sender = threading.Thread(target=send)
    sender.start()
    result = teach_live(device, source, stop=stop, on_step=slow)
    sender.join()
    return result


@pytest.mark.long
def test_none_of_5000_is_lost_with_the_documented_setting(device: Device, broker: Callable[..., Broker]) -> None:
    result = taught(device, broker("max_queued_messages 0"), 5000)
    assert (result.came, result.taught.taught, result.lost, result.repeats, result.refused) == (5001, 5001, 0, 0, 0)
    assert result.most_waiting <= MOST_SAMPLES


@pytest.mark.long
def test_what_the_broker_drops_of_5000_is_told(device: Device, broker: Callable[..., Broker]) -> None:
    """mosquitto's own setting keeps 1,000 for a slow reader; the publisher is told that all is well."""
    result = taught(device, broker("max_queued_messages 1000"), 5000)
    assert result.came + result.lost == 5001
    assert result.lost > 1000 and result.came > 1000 and result.repeats == 0
    assert result.numbering is not None and f"{result.lost:,} samples lost between" in result.numbering


def test_a_slow_reader_has_20_on_their_way_and_loses_none(device: Device, broker: Callable[..., Broker]) -> None:
    result = taught(device, broker("max_queued_messages 0"), 150)
    assert (result.came, result.taught.taught, result.lost, result.repeats) == (151, 151, 0, 0)


def test_what_waits_here_is_bounded(broker: Callable[..., Broker]) -> None:
    """Messages beyond the window stay in the broker and the system's buffers, also where they need no acknowledgement."""
    mosquitto = broker("max_queued_messages 0")
    for qos in (1, 0):
        source = open_source(mosquitto.url(f"bounded/{qos}"), Format(), lambda _: None)
        assert isinstance(source, MqttSource)
        with publishing(mosquitto) as publish:
            for n in range(100):
                publish(f"bounded/{qos}", payload(n), qos)
        time.sleep(0.3)
        most = source._messages.qsize()
        arrivals, came = source.arrivals(), 0
        while came < 100:
            arrival = next(arrivals)
            most = max(most, source._messages.qsize())
            if arrival is not None:
                came += 1
                assert arrival.done is not None
                arrival.done()
        source.close()
        assert most == WINDOW


def test_what_the_broker_drops_is_told(device: Device, broker: Callable[..., Broker]) -> None:
    result = taught(device, broker("max_queued_messages 30"), 150)
    assert result.came + result.lost == 151 and result.repeats == 0
    assert 50 < result.lost < 150
    assert result.numbering is not None and f"{result.lost} samples lost between" in result.numbering


def test_a_broker_that_comes_back(device: Device, broker: Callable[..., Broker]) -> None:
    mosquitto = broker()
    told: list[str] = []
    source = open_source(mosquitto.url("lab/+"), Format(), told.append)

    def send() -> None:
        with publishing(mosquitto) as publish:
            for n in range(3):
                publish("lab/a", payload(n))
        time.sleep(0.3)
        mosquitto.stop()
        time.sleep(0.2)
        mosquitto.start()
        for _ in range(400):
            if any("is back" in text for text in told):
                break
            time.sleep(0.05)
        with publishing(mosquitto) as publish:
            for n in range(2, 5):
                publish("lab/b", payload(n))

    sender = threading.Thread(target=send)
    sender.start()
    result = teach_live(device, source, Wishes(samples=5), tell=told.append)
    sender.join()
    assert (result.taught.taught, result.repeats, result.ending) == (5, 1, "samples")
    assert told[0].startswith(f"mqtt://127.0.0.1:{mosquitto.port}/lab/+: the broker is gone (")
    assert told[1] == f"mqtt://127.0.0.1:{mosquitto.port}/lab/+: the broker is back; what it held for us is gone"


def test_a_broker_that_stays_away_saves_and_says_so(state: Path, broker: Callable[..., Broker]) -> None:
    from tinytl_cli import cli

    mosquitto = broker()

    def send() -> None:
        time.sleep(0.5)
        with publishing(mosquitto) as publish:
            publish("samples", payload(1))
        time.sleep(0.3)
        mosquitto.stop()

    sender = threading.Thread(target=send)
    sender.start()
    url = mosquitto.url("samples", "?patience=0.5")
    result = CliRunner().invoke(cli, ["teach", "--target", "host", "--state", str(state), "--stream", url, "--json"])
    sender.join()
    facts = json.loads(result.stdout)
    assert (result.exit_code, facts["taught"], facts["ended_by"], facts["saved_as"]) == (1, 1, "lost", 1)
    assert str(result.exception).startswith(
        f"mqtt://127.0.0.1:{mosquitto.port}/samples was lost: the broker has been gone for 0 seconds; taught before: 1; the head was saved as 1"
    )


def test_messages_in_json_and_npy_and_what_is_neither(device: Device, broker: Callable[..., Broker]) -> None:
    import numpy as np

    mosquitto = broker()
    told: list[str] = []
    source = open_source(mosquitto.url("samples"), Format(), told.append)
    two = np.array([(image(4, 4), 4, 7), (image(5, 5), 5, 8)], [("x", "u1", (28, 28)), ("label", "u1"), ("n", "u4")])
    with publishing(mosquitto) as publish:
        for message in (payload(6), b"", b"\x00\x01", npy(two), b"{} ", payload(9)):
            publish("samples", message)
    result = teach_live(device, source, Wishes(samples=4), tell=told.append)
    assert [sample.label for sample in result.taught.samples] == [6, 4, 5, 0]
    assert (result.refused, result.lost) == (3, 0)
    assert [text.partition(":")[0] for text in told] == ["sample 2 refused", "sample 3 refused", "sample 6 refused"]
    assert "a message without a sample; expected JSON or a .npy frame" in told[0]
    assert "a message: the stream begins with byte 0x00, which tells no format" in told[1]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("mqtt://127.0.0.1:1/samples", "mqtt://127.0.0.1:1/samples: no broker there: "),
        ("mqtt://127.0.0.1", "MQTT address 'mqtt://127.0.0.1'; expected mqtt://HOST[:PORT]/TOPIC"),
        ("mqtt://me:secret@127.0.0.1:99999/samples", "MQTT address 'mqtt://127.0.0.1/samples'; expected mqtt://HOST[:PORT]/TOPIC"),
        ("mqtt://h/t?patience=-1", "patience '-1'; expected seconds, more than 0"),
    ],
)
def test_no_broker(url: str, text: str) -> None:
    with pytest.raises(DataError) as refused:
        open_source(url, Format(), print)
    assert refused.value.text().startswith(text)
    assert "secret" not in refused.value.text()


def test_a_password(broker: Callable[..., Broker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = shutil.which("mosquitto_passwd")
    if made is None:
        pytest.skip("needs mosquitto_passwd")
    subprocess.run([made, "-b", "-c", str(tmp_path / "words"), "me", "s:cret"], check=True)
    (tmp_path / "words").chmod(0o644)
    mosquitto = broker("allow_anonymous false", f"password_file {tmp_path / 'words'}")
    where = f"127.0.0.1:{mosquitto.port}/samples"
    open_source(f"mqtt://me:s%3Acret@{where}", Format(), print).close()
    with pytest.raises(DataError, match="the broker refuses: Not authorized; expected an MQTT 5 broker"):
        open_source(f"mqtt://me:other@{where}", Format(), print)
    monkeypatch.setenv("TINYTL_MQTT_PASSWORD", "s:cret")
    open_source(f"mqtt://me@{where}", Format(), print).close()


def test_tls(broker: Callable[..., Broker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a certificate of one's own, which SSL_CERT_FILE names; without it the broker is not trusted."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=broker", "-days", "2")
    where = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate))
    subprocess.run(["openssl", *made, *where], check=True, capture_output=True)
    mosquitto = broker(f"certfile {certificate}", f"keyfile {key}")
    url = mosquitto.url("samples").replace("mqtt:", "mqtts:")
    with pytest.raises(DataError, match=r"^mqtts://127.0.0.1:\d+/samples: no broker there: .*certificate verify failed"):
        open_source(url, Format(), print)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    open_source(url, Format(), print).close()
