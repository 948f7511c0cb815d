# SPDX-License-Identifier: Apache-2.0
"""A device behind any target: flash, infer, evaluate, teach, save, roll back. Raw samples in, typed results out.

The device tells what its model takes (shape, scale, preprocessing, labels), so a bundle is needed only for flashing.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.class_match import ClassMatch
from tinytl.compiler import Image
from tinytl.compiler.records import HEADER_BYTES
from tinytl.data import prepare_samples
from tinytl.errors import DeviceError
from tinytl.model_file import ModelFile, compile_model
from tinytl.progress import Progress, silent
from tinytl_bridge.connection import Connection
from tinytl_bridge.evaluating import evaluate_prepared, numbers_of
from tinytl_bridge.firmware.compile_options import options_for
from tinytl_bridge.identity import Expected, Identity, expect_model, identity_of
from tinytl_bridge.recalling import SourceWatch
from tinytl_bridge.stream_place import begin_stream
from tinytl_bridge.targets import open_target
from tinytl_bridge.taught import TeachResult
from tinytl_bridge.teaching import Lessons, check_lessons, teach_stream
from tinytl_bridge.wire.protocol import Readable
from tinytl_bridge.wire.requests import PLAIN, TeachFlags
from tinytl_bridge.wire.results import NOWHERE, Evaluation, Inference, StreamPlace, TaughtSample


def connect(target: str, *, state_dir: Path | str | None = None, expect: Expected | None = None) -> "Device":
    """Connect to a target.

    Args:
        target: `host`, `qemu:mps2-an386`, `serial:/dev/ttyACM0`, `pi:HOST`, `qemu-pi:cortex-a72`, or a pyserial URL.
        state_dir: folder that keeps the non-volatile memory of emulated targets and of the twin.
        expect: model that it must hold, as in `Device.expect`; None: any or none.

    Returns:
        A connected device; use it as a context manager.

    Raises:
        DeviceError: unknown target, it does not answer, or it holds another model than the one expected.
    """
    device = Device(open_target(target, state_dir=None if state_dir is None else Path(state_dir)))
    try:
        if expect is not None:
            device.expect(expect)
    except BaseException:
        device.close()
        raise
    return device


class Device(Connection):
    """A connected device, and what it holds by name."""

    def identity(self) -> Identity:
        """Return which model is loaded: its name, its bundle's id, the checksum of its image.

        Raises:
            Refusal: no model is loaded.
        """
        return identity_of(self.session)

    def expect(self, model: Expected) -> Identity:
        """Refuse to go on where the device holds another model: after a refused `flash` it still holds the one before.

        Args:
            model: a bundle, a model or an image, or the path of one; a shipped bundle's name; or the first 6 hex digits or more of a
                bundle's id or of an image's checksum.

        Raises:
            DeviceError: another model, or an image of the right bundle that was changed. BundleError: there is no such file.
        """
        return expect_model(self.session, model)

    def compile(
        self,
        model: Bundle | ModelFile,
        *,
        optimize: str = "speed",
        ram_bytes: int | None = None,
        flash_bytes: int | None = None,
    ) -> Image:
        """Compile a model for this device: for its kernels and within its memory.

        Args:
            model: what is compiled. optimize: as in `tinytl.compiler.CompileOptions`. ram_bytes, flash_bytes: less than the device has.

        Raises:
            CompileError: it fits neither the device nor the limits.
        """
        options = options_for(self.info, optimize=optimize, ram_bytes=ram_bytes, flash_bytes=flash_bytes)
        return compile_model(model, options)

    def flash(
        self, model: Bundle | ModelFile | Image, *, source: ModelFile | None = None, progress: Progress | None = None
    ) -> None:  # fmt: skip
        """Put a model onto the device; its head is then the factory one.

        Args:
            model: a bundle or a model file, compiled for the device, or an image. source: the file that an image was compiled from; an
                agent keeps it, so that another engine may run its extractor. progress: told of bytes sent; None: nobody.

        Raises:
            Refusal: it does not fit or is of another version; nothing has changed then. DeviceError: it holds another image afterwards.
        """
        report = progress or silent
        data = (model if isinstance(model, Image) else self.compile(model)).data
        self.session.flash_begin(data[:HEADER_BYTES])
        size = self.info.max_payload - 4
        for offset in range(0, len(data), size):
            done = self.session.flash_data(offset, data[offset : offset + size])
            report("flash", done, len(data))
        self.session.flash_commit()
        if self.read(Readable.HEADER, count=HEADER_BYTES) != data[:HEADER_BYTES]:
            raise DeviceError(
                "the device took the image and holds another", expected=f"the {len(data):,} bytes that were sent",
                hint="flash again; tinytl info shows what it holds",
            )  # fmt: skip
        origin = source or (model if isinstance(model, ModelFile) else None)
        if origin is not None:
            self.target.keep_model(origin.path.read_bytes(), progress=report)

    def prepare(self, x: np.ndarray) -> np.ndarray:
        """Turn raw samples (N, …) into the model's int8 input (N, input_bytes), as its metadata says."""
        metadata = self.session.head_metadata()
        return prepare_samples(x, metadata["input"], metadata["preprocessing"]).reshape(len(x), -1)

    def infer(self, x: np.ndarray) -> Inference:
        """Classify one raw sample, shape as in its dataset."""
        return self.infer_prepared(self.prepare(x[np.newaxis])[0])

    def evaluate(
        self, x: np.ndarray, y: np.ndarray, *, classes: Sequence[str] | ClassMatch | None = None, progress: Progress | None = None
    ) -> Evaluation:
        """Classify raw samples and compare with labels. Takes the mailbox where the device has one.

        Args:
            x: raw samples (N, …). y: labels (N,).
            classes: names of the labels, found among the device's as `tinytl.class_match` says: a class that it does not have is never
                right. Or how they map, found before. None: labels are the device's numbers.
            progress: told after every 64 samples; None: nobody.

        Raises:
            DeviceError: names of which the device has none, or numbers that it does not have.
        """
        numbers, prepared = numbers_of(self.session, y, classes), self.prepare(x)
        mailbox = self.target.mailbox() if self.info.mailbox_bytes else None
        return evaluate_prepared(self.session, prepared, numbers, mailbox=mailbox, report=progress or silent)

    def teach(
        self, x: np.ndarray, y: np.ndarray, *, classes: Sequence[str] | None = None, new_classes: bool = False,
        flags: TeachFlags = PLAIN, recall: bool = False, keep_source: float | None = None, place: StreamPlace = NOWHERE,
        progress: Progress | None = None, on_step: Callable[[TaughtSample], None] | None = None,
    ) -> TeachResult:  # fmt: skip
        """Stream labelled samples; the head learns each on the device.

        Args:
            x: raw samples (N, …). y: labels (N,).
            classes: names of the labels, found among the device's as `tinytl.class_match` says; None: labels are the device's numbers.
            new_classes: whether names that the device does not have become classes of it, each with its first sample.
            flags: when to learn, whether the model's guard, if it has one, holds samples out and undoes what diverges, and more.
            recall: whether the replay set is classified before and after, to tell what became of the source task.
            keep_source: points of accuracy on the replay set that may be lost; more brings back the last saved head, of which the result
                tells.
            place: which stream the samples are, by a number of the caller's, and how many of them are left out, since the head has taken
                them; the device keeps it (`stream_place`).
            progress: told after samples, with the accuracy of the last ones; None: nobody. on_step: called after each.

        Raises:
            DeviceError: samples or labels the model does not take (before anything is sent), no answer, or a restart.
        """
        if len(x) != len(y):
            raise DeviceError(f"{len(x)} samples and {len(y)} labels", expected="as many of both")
        check_lessons(self.session, Lessons(x, np.asarray(y), classes, new_classes, flags))
        begin_stream(self.session, place)
        rest = slice(place.position, None)
        lessons = Lessons(self.prepare(x)[rest], np.asarray(y)[rest], classes, new_classes, flags)
        watch = SourceWatch(self.session, keep_source) if recall or keep_source is not None else None
        return teach_stream(self.session, lessons, progress=progress or silent, on_step=on_step, watch=watch)
