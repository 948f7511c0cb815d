# SPDX-License-Identifier: Apache-2.0
"""Teaching from a stream that may have no end: read, number, check, teach, count, with bounded memory.

In: a device, and the name of a source. Out: a `LiveResult`. The flow: `sources` give bytes, messages or frames; `formats` make records of
them; a `Reader` puts these into a bounded queue; an `Intake` takes, numbers and checks them; `teach_each` teaches.
"""

from tinytl_bridge.streaming.formats import FORMATS, Format
from tinytl_bridge.streaming.intake import Stop, Wishes
from tinytl_bridge.streaming.live import LiveResult, teach_live
from tinytl_bridge.streaming.sources import KNOWN, open_source

__all__ = ["FORMATS", "KNOWN", "Format", "LiveResult", "Stop", "Wishes", "open_source", "teach_live"]
