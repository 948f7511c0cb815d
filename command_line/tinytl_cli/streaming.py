# SPDX-License-Identifier: Apache-2.0
"""`teach --stream`: options, signals, and what a stream adds to the facts.

In: the name of a source. Out: a `StreamCourse`. Ctrl-C, SIGTERM and a terminal that is closed end the stream, not the command: what was
learned is saved and told.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from tinytl.errors import DataError, TinytlError
from tinytl_cli.console import say
from tinytl_cli.courses import Rules

if TYPE_CHECKING:
    from tinytl.data import Dataset
    from tinytl.progress import Progress
    from tinytl_bridge import Device
    from tinytl_bridge.streaming import LiveResult, Stop
    from tinytl_bridge.streaming.formats import FormatName
    from tinytl_bridge.taught import TeachResult

Command = TypeVar("Command", bound=Callable[..., Any])
_FORMATS = ("auto", "json", "csv", "npy")
_TYPES = ("uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "float16", "float32", "float64")
_SOURCES = "-, serial:PORT, tcp:HOST:PORT, tcp-listen:PORT, mqtt://HOST/TOPIC or camera:0"


def stream_options(command: Command) -> Command:
    """Add `--stream`, `--stream-format`, `--stream-dtype` and `--strict`."""
    source = click.option("--stream", metavar="SOURCE", help=f"Samples as they come, from {_SOURCES}; --data is then the test split's.")
    form = click.option(
        "--stream-format", type=click.Choice(_FORMATS), default="auto", show_default=True,
        help="What the stream's bytes are: JSON lines, CSV or .npy frames; auto tells by the first one.",
    )  # fmt: skip
    dtype = click.option(
        "--stream-dtype", type=click.Choice(_TYPES), help="Type of the stream's numbers, where it says none: uint8 for pixels 0 to 255."
    )
    strict = click.option("--strict", is_flag=True, help="The first sample that cannot be taught ends the stream.")
    return source(form(dtype(strict(command))))


def expect_one_kind(
    data: str | None, stream: str | None, *, resume: bool, again: bool, strict: bool, chosen_format: str, dtype: str | None
) -> None:
    """Refuse options that do not go together.

    Raises:
        UsageError: neither data nor stream, or an option of the one with the other.
    """
    if data is None and stream is None:
        raise click.UsageError("Missing option '--data', or '--stream' for samples as they come")
    if stream is not None and (resume or again):
        raise click.UsageError("--resume and --again are for --data: a stream has no beginning to go on from; number its samples (n)")
    if stream is None and (strict or dtype is not None or chosen_format != "auto"):
        raise click.UsageError("--strict, --stream-format and --stream-dtype are for --stream")


class StreamCourse:
    """A stream as it comes.

    Args:
        stream: name of the source. chosen_format, dtype: of its bytes and numbers. label: of all samples, or None.
        samples: at most so many; None: as many as come. strict: whether the first that is refused ends it.
        data: dataset whose test split is evaluated on, or None. resize: of a folder of images there.
    """

    def __init__(
        self, stream: str, chosen_format: str, dtype: str | None, *, label: str | None, samples: int | None, strict: bool,
        data: str | None, resize: tuple[int, int] | None,
    ) -> None:  # fmt: skip
        from tinytl.data import load_dataset
        from tinytl_bridge.streaming import Format, Wishes

        if stream.startswith("camera:") and label is None:
            raise DataError(f"{stream} tells no labels", expected="--label NAME, the class of all that it sees")
        self._stream, self._format = stream, Format(cast("FormatName", chosen_format), dtype, label is not None)
        self._wishes = Wishes(label, samples, strict)
        self.test: Dataset | None = load_dataset(data, resize=resize) if data is not None else None
        self.names: tuple[str, ...] = self.test.classes if self.test else ()
        self.title = stream if stream != "-" else "standard input"
        self.error: TinytlError | None = None
        self._result: LiveResult | None = None

    def check(self, device: "Device", rules: Rules) -> None:
        """As `Course.check`: opens the source, so that one that is not there is refused before anything is done."""
        from tinytl_bridge.streaming import open_source

        device.session.head_metadata()
        self._source = open_source(self._stream, self._format, _tell)
        self.title = self._source.name

    def teach(self, device: "Device", rules: Rules, bar: "Progress") -> "TeachResult":
        """As `Course.teach`. Prints what is refused or lost, the first few of each kind."""
        from tinytl_bridge.streaming import Stop, teach_live

        stop = Stop()
        with _signals(stop):
            result = teach_live(
                device, self._source, self._wishes, new_classes=rules.adding, flags=rules.flags, recall=True,
                keep_source=rules.keep_source, stop=stop, progress=bar, on_step=rules.on_step, tell=_tell,
            )  # fmt: skip
        self._result, self.error = result, result.error
        if result.numbering:
            say(f"warning: {result.numbering}")
        if result.error is None and result.refused and not result.taught.tally.count:
            self.error = DataError(f"none of the {result.came:,} samples could be taught", hint="docs/streaming.md has examples")
        if not result.came and result.error is None:
            say(f"warning: no sample came from {self.title}")
        return result.taught

    def first_facts(self) -> dict[str, Any]:
        """As `Course.first_facts`."""
        result = self._result
        if result is None:
            return {}
        rate = (result.taught.tally.count - 1) / result.seconds if result.seconds else None
        return {"came": result.came, "refused": result.refused, "lost": result.lost, "came_again": result.repeats, "came_late": result.late,
                "left_waiting": result.left, "samples_a_second": rate,
                "ended_by": result.ending, "most_waiting": result.most_waiting}  # fmt: skip


def _tell(text: str) -> None:
    say(text if text.startswith(("warning:", "listening")) else f"warning: {text}", always=text.startswith("listening"))


@contextmanager
def _signals(stop: "Stop") -> Iterator[None]:
    """Have the first Ctrl-C, SIGTERM or SIGHUP end the stream; a second one ends the command as ever. What was ignored stays so."""

    def end(number: int, _frame: Any) -> None:
        stop.wanted = True
        signal.signal(number, before[number])

    ours = threading.current_thread() is threading.main_thread()  # only there may signals be handled
    ends = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if ours and hasattr(signal, name)]
    before: dict[int, Any] = {number: handler for number in ends if (handler := signal.getsignal(number)) is not signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, end)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
