# SPDX-License-Identifier: Apache-2.0
"""The source `mqtt://[USER:PASSWORD@]HOST[:PORT]/TOPIC`, or `mqtts://` with TLS: each message holds samples.

In: an address. Out: arrivals. A message is acknowledged once its last sample was taught or refused, and the broker is told not to have more
than `WINDOW` unacknowledged ones on their way: that is the back-pressure. A full queue here stops the reading too. What waits beyond that
waits in the broker, which drops what exceeds its own `max_queued_messages`. A connection that breaks is made again, and the broker repeats
what was not acknowledged.
"""

import os
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any
from urllib.parse import unquote, urlsplit

from tinytl import install_hint
from tinytl.errors import DataError
from tinytl_bridge.streaming.formats import Format
from tinytl_bridge.streaming.records import MOST_RECORD_BYTES, Arrival, Malformed, SourceLost

WINDOW = 20
"""Messages that may be on their way unacknowledged."""
_QOS = 1
PASSWORD_VARIABLE = "TINYTL_MQTT_PASSWORD"
"""Environment variable of a password that no list of processes shows."""
_TICK_S = 0.1
_CONNECT_S = 10.0
PATIENCE_S = 60.0
"""How long a broker may be gone."""
_SESSION_S = 300
"""How long the broker keeps what was not acknowledged while we are gone."""


class MqttSource:
    """A `Source` of messages.

    Args:
        url: as above. patience_s: how long the broker may be gone. form: of the messages, told by their first byte unless named.
        tell: called with a sentence where the broker is gone and back.

    Raises:
        DataError: no such broker, or it refuses; paho-mqtt is not installed.
    """

    live = False

    def __init__(self, url: str, form: Format, tell: Callable[[str], None], *, patience_s: float = PATIENCE_S) -> None:
        parts = urlsplit(url)
        topic = unquote(parts.path.removeprefix("/")) + ("#" if url.endswith("#") else "")
        try:
            port = parts.port
        except ValueError:
            port = -1
        if not parts.hostname or not topic or port == -1:
            raise DataError(f"MQTT address {parts._replace(netloc=parts.hostname or '').geturl()!r}", expected="mqtt://HOST[:PORT]/TOPIC")
        self.name = f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}/{topic}"
        self._topic, self._form, self._tell, self._patience_s = topic, form, tell, patience_s
        self._messages: queue.Queue[Any] = queue.Queue()  # of WINDOW, see `_on_message`
        self._pending: set[int] = set()
        self._unheard: set[int] = set()  # answered while the broker was gone
        self._gone_since: float | None = time.monotonic()
        self._refusal: str | None = None
        self._ready, self._closed = threading.Event(), False
        self._client = self._connected(parts.hostname, port, parts.username, parts.password, tls=parts.scheme == "mqtts")

    def _connected(self, host: str, port: int | None, user: str | None, password: str | None, *, tls: bool) -> Any:
        """Connect and subscribe, and wait until the broker has said yes to both."""
        try:
            import paho.mqtt.client as mqtt
            from paho.mqtt.packettypes import PacketTypes
            from paho.mqtt.properties import Properties
        except ImportError as error:
            raise DataError("MQTT needs paho-mqtt, which is not installed", hint=install_hint.with_extra("mqtt")) from error
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=f"tinytl-{secrets.token_hex(6)}", protocol=mqtt.MQTTv5, manual_ack=True
        )  # fmt: skip
        if user is not None:
            client.username_pw_set(unquote(user), unquote(password) if password else os.environ.get(PASSWORD_VARIABLE))
        if tls:
            client.tls_set()
        client.reconnect_delay_set(1, 8)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_subscribe, client.on_message = self._on_subscribe, self._on_message
        properties = Properties(PacketTypes.CONNECT)
        properties.ReceiveMaximum, properties.SessionExpiryInterval = WINDOW, _SESSION_S
        properties.MaximumPacketSize = MOST_RECORD_BYTES + (1 << 16)
        client.connect_timeout = _CONNECT_S
        try:
            client.connect(host, port or (8883 if tls else 1883), properties=properties)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.name}: no broker there: {error}", expected="an MQTT 5 broker, such as mosquitto") from error
        client.loop_start()
        answered = self._ready.wait(_CONNECT_S)
        if self._refusal or not answered:
            client.loop_stop()
            raise DataError(f"{self.name}: {self._refusal or 'the broker does not answer'}", expected="an MQTT 5 broker")
        return client

    def _on_connect(self, client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refusal = f"the broker refuses: {reason}"
            self._ready.set()
            return
        if self._ready.is_set():
            self._tell(f"{self.name}: the broker is back" + ("" if flags.session_present else "; what it held for us is gone"))
        self._gone_since = None
        if not flags.session_present:
            self._pending.clear()
            self._unheard.clear()
            client.subscribe(self._topic, qos=_QOS)

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refusal = f"the broker refuses the topic: {reasons[0]}"
        self._ready.set()

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not self._closed and self._gone_since is None:
            self._gone_since = time.monotonic()
            self._tell(f"{self.name}: the broker is gone ({reason}); connecting again")

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        """Take a message; one that the broker repeats and that still waits here is not taken twice."""
        if message.qos and message.mid in self._pending:
            return
        if message.dup and message.mid in self._unheard:
            self._unheard.discard(message.mid)
            self._client.ack(message.mid, message.qos)
            return
        if message.qos:
            self._pending.add(message.mid)
        # Nothing holds back what needs no acknowledgement, and some brokers send more than they may (mosquitto 2.0.11, of what had
        # queued up): then the connection is not read until there is room.
        while self._messages.qsize() >= WINDOW and not self._closed:
            time.sleep(_TICK_S / 10)
        self._messages.put(message)

    def arrivals(self) -> Iterator[Arrival | None]:
        """As `Source.arrivals`."""
        while not self._closed:
            try:
                message = self._messages.get(timeout=_TICK_S)
            except queue.Empty:
                gone = self._gone_since
                if self._refusal or (gone is not None and time.monotonic() - gone > self._patience_s):
                    why = self._refusal or f"the broker has been gone for {self._patience_s:.0f} seconds"
                    raise SourceLost(f"{self.name} was lost: {why}", hint="does the broker run, is the network there?") from None
                yield None
                continue
            yield from self._samples_of(message)

    def _samples_of(self, message: Any) -> Iterator[Arrival]:
        """Yield the samples of a message; the last one acknowledges it."""
        parser = self._form.parser()
        last: Arrival | None = None
        try:
            for record in chain(parser.feed(bytes(message.payload)), parser.end()):
                if last is not None:
                    yield last
                last = Arrival(record)
        except DataError as error:
            last = Arrival(Malformed(f"a message: {error.what}", error.expected))
        last = last or Arrival(Malformed("a message without a sample", "JSON or a .npy frame"))
        yield Arrival(last.record, lambda: self._acknowledge(message))

    def _acknowledge(self, message: Any) -> None:
        if self._client.ack(message.mid, message.qos) or self._gone_since is not None:
            self._unheard.add(message.mid)
        self._pending.discard(message.mid)

    def close(self) -> None:
        """As `Source.close`. Ends the session: the broker keeps nothing for a client that does not come back."""
        if self._closed:
            return
        self._closed = True
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.DISCONNECT)
        properties.SessionExpiryInterval = 0
        self._client.disconnect(properties=properties)
        self._client.loop_stop()
