# SPDX-License-Identifier: Apache-2.0
"""A target with an open session: connected, cut and connected again; its commands as they are.

In: a target; samples that are the model's int8 input, labels by the device's numbers. Out: typed results. Raw samples, names of classes
and bundles are `Device`'s, which is a connection too.
"""

from typing import Any, Self

import numpy as np

from tinytl_bridge.recalling import Recall, recall_of
from tinytl_bridge.stream_place import place_of
from tinytl_bridge.targets import Target
from tinytl_bridge.wire.link import Link
from tinytl_bridge.wire.protocol import Command, DeviceInfo, DeviceStatus, Readable
from tinytl_bridge.wire.requests import PLAIN, Measured, TeachFlags
from tinytl_bridge.wire.results import Inference, StreamPlace, TaughtSample
from tinytl_bridge.wire.session import Session
from tinytl_bridge.wire.verdicts import Verdict


class Connection:
    """A connected target. Use it as a context manager.

    Args:
        target: started here.

    Attributes:
        target: where the device runs. session: with it. info: what it announced.

    Raises:
        DeviceError: it does not answer, or speaks another protocol; the target is stopped then.
    """

    session: Session

    def __init__(self, target: Target) -> None:
        self.target = target
        self._connect()

    def _connect(self) -> None:
        link = Link(self.target.start(), timeout_s=self.target.timeout_s)
        try:
            self.session = Session(link)
        except BaseException:
            link.close()
            self.target.stop()
            raise

    @property
    def info(self) -> DeviceInfo:
        """What the device announced."""
        return self.session.info

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect; what was saved stays on the device."""
        self.session.link.close()
        self.target.stop()

    def power_cycle(self) -> None:
        """Cut the power of an emulated device or of the twin and start it again on the same non-volatile memory."""
        self.close()
        self._connect()

    @property
    def repeated(self) -> int:
        """Frames sent again since connecting."""
        return self.session.repeated

    def status(self) -> DeviceStatus:
        """Return what the device holds now."""
        return self.session.status()

    def command(self, command: Command, payload: bytes) -> bytes:
        """Have one command executed that may take long (SPEC.md section 3); returns the answer's payload."""
        return self.session.command(command, payload)

    def read(self, what: Readable, *, index: int = 0, count: int, offset: int = 0) -> bytes:
        """Read `count` bytes of what the device holds (SPEC.md section 3, READ).

        Args:
            what: kind of thing. index: number of the graph end or tensor. count, offset: bytes, and from where on.

        Raises:
            Refusal: there is no such thing, or it is shorter.
        """
        return self.session.read(what, index=index, count=count, offset=offset)

    def metadata(self) -> dict[str, Any]:
        """Return the loaded model's metadata: name, labels, input, preprocessing …

        Raises:
            Refusal: no model is loaded. DeviceError: what the device tells is no metadata.
        """
        return self.session.metadata()

    def labels(self) -> tuple[str, ...]:
        """Return the names of all classes: those of the model, then those that were added on the device."""
        return self.session.labels()

    def expect_labels(self, y: np.ndarray) -> None:
        """Refuse labels (N,) that are no numbers of the device's classes."""
        self.session.expect_labels(y)

    def infer_prepared(self, sample: np.ndarray) -> Inference:
        """Classify one sample that is already the model's int8 input."""
        return self.session.infer(sample)

    def teach_prepared(self, sample: np.ndarray, label: int, flags: TeachFlags = PLAIN) -> TaughtSample:
        """Teach one sample that is already the model's int8 input.

        Args:
            sample: (input_bytes,) int8. label: number of its class. flags: when it is learned, and more.

        Raises:
            Refusal: `diverged`, where no guard undoes it; no such class; no head.
        """
        return self.session.teach(sample, label, flags)

    def grow_prepared(self, sample: np.ndarray, label: int, name: str, flags: TeachFlags = PLAIN) -> TaughtSample:
        """Add a class and teach its first sample, which is already the model's int8 input.

        Args:
            sample: (input_bytes,) int8. label: classes that there are before. name: 1 to 31 bytes of UTF-8. flags: as in `teach_prepared`.

        Raises:
            Refusal: no room, or a name that is taken; nothing has changed then.
        """
        return self.session.grow(sample, label, name, flags)

    def stream_place(self) -> StreamPlace:
        """Return the stream of which the head has taken samples, and how many."""
        return place_of(self.session)

    def save(self) -> int:
        """Keep the head through power loss; returns its number in the store."""
        return self.session.save()

    def check(self) -> Verdict:
        """Have the guard compare the head with the kept one, the last saved or the factory head, on its held-out samples.

        Returns:
            What it did: saved the head, went back to the kept one, or neither.

        Raises:
            Refusal: the model has no guard.
        """
        return self.session.check()

    def recall(self) -> Recall | None:
        """Classify the replay set, the source samples whose features travel in the image; None where there is none."""
        return recall_of(self.session)

    def rollback(self, to: str = "saved") -> int:
        """Go back to the last saved head, the one before it ("previous") or the "factory" head; not saved by itself.

        Returns:
            The number of that head in the store, 0 for the factory head.
        """
        return self.session.rollback(to)

    def put_head(self, state: bytes) -> int:
        """Give the device a head (SPEC.md section 4.2): it saves it and goes on with it; returns its number in the store.

        Args:
            state: of this model's head, without a place in a stream.

        Raises:
            Refusal: it is another head's or damaged; nothing has changed then but the older of the two saved heads.
        """
        size, sequence = self.info.max_payload - 8, 0
        for offset in range(0, len(state), size):
            sequence = self.session.put_head(offset, len(state), state[offset : offset + size])
        return sequence

    def head_parameters(self) -> np.ndarray:
        """Return the head's parameters (parameter_count,) float32, int8 weights four in one, layer by layer, weights then bias."""
        return self.session.head_parameters()

    def outputs(self, *, index: int = 0, count: int) -> np.ndarray:
        """Return the first `count` int8 features of graph output `index` that the last inference left."""
        return np.frombuffer(self.read(Readable.OUTPUT, index=index, count=count), np.int8).copy()

    def measure(self, what: Measured, *, sample: np.ndarray | None = None, label: int = 0, iterations: int = 0) -> tuple[int, ...]:
        """Run one inference (a region per operator, then the head), one teach step, or a loop, between counting marks.

        Args:
            what: "inference", "step" or "loop". sample: int8 input to measure on; a step learns the features of the last inference.
            label: number of the class that the step learns. iterations: of the loop.

        Returns:
            The device's timer ticks per region.
        """
        if sample is not None:
            self.session.put_sample(sample)
        return self.session.measure(what, label=label, iterations=iterations)
