# SPDX-License-Identifier: Apache-2.0
"""Sources by name: `-`, `serial:`, `tcp:`, `tcp-listen:`, `mqtt://`, `camera:`.

In: a name as a person gives it. Out: an open `Source`, or a refusal that lists the kinds.
"""

from collections.abc import Callable
from urllib.parse import parse_qsl

from tinytl.errors import DataError
from tinytl_bridge.streaming.formats import Format
from tinytl_bridge.streaming.records import Source
from tinytl_bridge.streaming.sources.byte_source import standard_input

KNOWN = ("-", "serial:PORT[?baud=N]", "tcp:HOST:PORT", "tcp-listen:[HOST:]PORT", "mqtt://HOST[:PORT]/TOPIC", "camera:0|FILE")
_OPTIONS = {"serial": ("baud", "flow"), "camera": ("every",), "mqtt": ("patience",), "mqtts": ("patience",)}


def open_source(name: str, form: Format, tell: Callable[[str], None]) -> Source:
    """Open a source.

    Args:
        name: one of `KNOWN`. form: what its bytes are. tell: called with a sentence where there is something to say.

    Raises:
        DataError: no such kind of source, an option that it does not have, or it cannot be opened.
    """
    if name == "-":
        return standard_input(form)
    kind, _, rest = name.partition(":")
    place, options = _options_of(name, kind, rest)
    if place and kind == "serial":
        from tinytl_bridge.streaming.sources.serial_source import serial_port

        return serial_port(place, options, form)
    if place and kind in ("tcp", "tcp-listen"):
        from tinytl_bridge.streaming.sources.tcp_sources import tcp, tcp_listen

        return tcp(place, form) if kind == "tcp" else tcp_listen(place, form, tell)
    if place.startswith("//") and kind in ("mqtt", "mqtts"):
        from tinytl_bridge.streaming.sources.mqtt_source import PATIENCE_S, MqttSource

        return MqttSource(f"{kind}:{place}", form, tell, patience_s=_seconds(options.get("patience", str(PATIENCE_S))))
    if place and kind == "camera":
        from tinytl_bridge.streaming.sources.camera_source import CameraSource

        return CameraSource(place, options)
    raise DataError(f"source {name!r} is unknown", expected=", ".join(KNOWN), hint=f"a file: tinytl teach ... --stream - < {name}")


def _options_of(name: str, kind: str, rest: str) -> tuple[str, dict[str, str]]:
    """Split `PLACE?OPTION=VALUE&…`. A kind without options may have a question mark in its place."""
    known = _OPTIONS.get(kind)
    if known is None:
        return rest, {}
    place, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = [option for option in options if option not in known] or ([query] if query and not options else [])
    if unknown:
        raise DataError(f"option {unknown[0]!r} of source {kind}:", expected=", ".join(f"{option}=" for option in known))
    return place, options


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise DataError(f"patience {text!r}", expected="seconds, more than 0")
    return seconds
