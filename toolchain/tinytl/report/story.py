# SPDX-License-Identifier: Apache-2.0
"""The `Story` of one run: all that a report tells, as plain frozen data that goes to JSON and back.

In: what a demo or a study saw (accuracies from the device, the live curve, the memory plan, a `Measurement`). Out: `to_json`, a dict of
plain values, and `from_json`, which checks every field's type, range and length and refuses with the field's name.
Every accuracy is a fraction; every size is in bytes; offsets count from the start of their memory.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from tinytl.compiler import ArenaRange
from tinytl.errors import ReportError
from tinytl.head.learning import Learning
from tinytl.measurement import Measurement
from tinytl.typed_json import Bounds, FieldError, convert, decode, to_plain

FORMAT = "tinytl-story"
FORMAT_VERSION = 1

Count = Annotated[int, Bounds(ge=0)]
Size = Annotated[int, Bounds(ge=1)]
Fraction = Annotated[float, Bounds(ge=0.0, le=1.0)]
NotNegative = Annotated[float, Bounds(ge=0.0)]


def _refuse(what: str, expected: str) -> None:
    raise ReportError(f"story: {what}", expected=expected, hint="the run that wrote it has to be repeated: tinytl demo")


def _finite(name: str, values: tuple[float, ...]) -> None:
    for index, value in enumerate(values):
        if not math.isfinite(value):
            _refuse(f"{name}[{index}] is {value}", "a finite number")


@dataclass(frozen=True)
class BundleFacts:
    """What was deployed. Parameters and MACs are of the frozen extractor and of the trainable head, MACs of one forward pass."""

    name: str
    model: str
    plan: str
    source_task: str
    target_task: str
    frozen_parameters: Count
    trainable_parameters: Count
    frozen_macs: Count
    trainable_macs: Count


@dataclass(frozen=True)
class BoardFacts:
    """Where it ran. note: one sentence for the reader, e.g. whose limits an emulated board has; may be empty."""

    target: str
    name: str
    cpu: str
    clock_hz: Size
    ram_bytes: Size
    flash_bytes: Size
    note: str = ""


@dataclass(frozen=True)
class Accuracies:
    """What the device answered on the test splits, before it was taught and after.

    Attributes:
        source_samples, target_samples: how many test samples each accuracy rests on.
        target_after_power_cycle, target_on_twin: the target's accuracy with the head that came back, and the twin's.
        head_equal_after_power_cycle, head_equal_on_twin: whether the head's bytes are the same.
    """

    source_before: Fraction
    source_after: Fraction
    target_before: Fraction
    target_after: Fraction
    target_after_power_cycle: Fraction
    target_on_twin: Fraction
    head_equal_after_power_cycle: bool
    head_equal_on_twin: bool
    source_samples: Size
    target_samples: Size
    how: str = "device"


@dataclass(frozen=True)
class EvaluationPoint:
    """The device's accuracy after so many taught samples; source_accuracy None where it was not evaluated."""

    samples: Count
    target_accuracy: Fraction
    source_accuracy: Fraction | None = None


@dataclass(frozen=True)
class LearningCurve:
    """The live curve. correct: whether each taught sample was classified right before the device learned it; loss: its loss then."""

    correct: tuple[bool, ...]
    loss: tuple[float, ...]
    evaluations: tuple[EvaluationPoint, ...] = ()

    def __post_init__(self) -> None:
        if not self.correct:
            _refuse("curve.correct is empty", "at least one taught sample")
        if len(self.loss) != len(self.correct):
            _refuse(f"curve.loss has {len(self.loss)} values", f"{len(self.correct)}, one for each taught sample")
        _finite("curve.loss", self.loss)
        for point in self.evaluations:
            if point.samples > len(self.correct):
                _refuse(
                    f"curve.evaluations has a point at {point.samples} samples",
                    f"at most {len(self.correct)}, the taught ones",
                )


@dataclass(frozen=True)
class Confusion:
    """Confusion matrices of the target task. classes: K names; before, after: (K, K) counts, rows are the true classes."""

    classes: tuple[str, ...]
    before: tuple[tuple[Count, ...], ...]
    after: tuple[tuple[Count, ...], ...]

    def __post_init__(self) -> None:
        side = len(self.classes)
        if side < 2:
            _refuse(f"confusion.classes has {side} names", "at least 2")
        for name, matrix in (("before", self.before), ("after", self.after)):
            if len(matrix) != side or any(len(row) != side for row in matrix):
                shape = f"{len(matrix)} rows of {sorted({len(row) for row in matrix})} columns"
                _refuse(f"confusion.{name} has {shape}", f"{side} × {side}, one row and column for each class")


@dataclass(frozen=True)
class Picture:
    """An image. shape: (H, W, C), C in {1, 3}; pixels: uint8, row-major (base64 in JSON)."""

    shape: tuple[Size, Size, Size]
    pixels: bytes

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or self.shape[2] not in (1, 3):
            _refuse(f"a picture has shape {self.shape}", "(height, width, 1 or 3)")
        if math.prod(self.shape) != len(self.pixels):
            _refuse(f"a picture of shape {self.shape} has {len(self.pixels)} pixel bytes", str(math.prod(self.shape)))

    @classmethod
    def from_array(cls, image: np.ndarray) -> "Picture":
        """Take an image (H, W) or (H, W, C) uint8."""
        if image.dtype != np.uint8 or image.ndim not in (2, 3):
            _refuse(f"a picture is {image.dtype} of shape {image.shape}", "uint8 (height, width, channels)")
        height, width, channels = image.reshape(*image.shape[:2], -1).shape
        return cls((height, width, channels), image.tobytes())

    @property
    def array(self) -> np.ndarray:
        """The image (H, W, C) uint8."""
        return np.frombuffer(self.pixels, np.uint8).reshape(self.shape)


@dataclass(frozen=True)
class Example:
    """One target sample and what the device took it for; class numbers."""

    picture: Picture
    label: Count
    before: Count
    after: Count


@dataclass(frozen=True)
class Epoch:
    """One epoch of pretraining on the workstation."""

    loss: float
    accuracy: Fraction
    val_accuracy: Fraction | None = None


@dataclass(frozen=True)
class FlashRegion:
    """A part of flash. bytes: reserved; used_bytes: filled by this run."""

    name: str
    offset: Count
    bytes: Size
    used_bytes: Count


@dataclass(frozen=True)
class MemoryMap:
    """Where everything lies.

    Attributes:
        flash: regions, not overlapping, within the board's flash.
        arena: ranges inside arena_bytes, as `Image.arena_map` has them; ranges that live at different times may share bytes.
        arena_bytes: what this model needs. arena_limit_bytes: what the firmware sets aside for it.
        operators: of the extractor; times from there on are ticks of the head's step.
        stack_bytes: high-water mark. static_bytes: data and bss without arena and stack.
    """

    flash: tuple[FlashRegion, ...]
    arena: tuple[ArenaRange, ...]
    arena_bytes: Size
    arena_limit_bytes: Size
    stack_bytes: Count
    static_bytes: Count
    operators: Count
    stack_how: str = "device, high-water mark"
    static_how: str = "linker"

    def __post_init__(self) -> None:
        end = 0
        for region in sorted(self.flash, key=lambda region: region.offset):
            if region.offset < end:
                _refuse(
                    f"memory.flash: {region.name!r} starts at {region.offset:,}",
                    f"{end:,} or more, where the one before ends",
                )
            if region.used_bytes > region.bytes:
                _refuse(f"memory.flash: {region.name!r} uses {region.used_bytes:,} bytes", f"at most its {region.bytes:,}")
            end = region.offset + region.bytes
        for block in self.arena:
            if block.offset + block.bytes > self.arena_bytes:
                _refuse(
                    f"memory.arena: {block.name!r} ends at {block.offset + block.bytes:,}",
                    f"at most {self.arena_bytes:,}, the arena",
                )
        if self.arena_bytes > self.arena_limit_bytes:
            _refuse(
                f"memory.arena_bytes is {self.arena_bytes:,}",
                f"at most {self.arena_limit_bytes:,}, what the firmware sets aside",
            )


@dataclass(frozen=True)
class Story:
    """One run, from pretraining to the measured device.

    Attributes:
        learning: how the head learned. examples: a few target images, about twelve. versions: part → version.
        commands: what reproduces it, in order. seconds: of the whole run, wall clock.
        beside: how this run lies beside runs of other seeds, a line each figure.
    """

    title: str
    bundle: BundleFacts
    board: BoardFacts
    learning: Learning
    accuracies: Accuracies
    curve: LearningCurve
    confusion: Confusion
    measurement: Measurement
    memory: MemoryMap
    versions: dict[str, str]
    commands: tuple[str, ...]
    seconds: NotNegative
    examples: tuple[Example, ...] = ()
    pretraining: tuple[Epoch, ...] = field(default=())
    beside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        classes = len(self.confusion.classes)
        for index, example in enumerate(self.examples):
            for name in ("label", "before", "after"):
                number = getattr(example, name)
                if number >= classes:
                    _refuse(
                        f"examples[{index}].{name} is class {number}",
                        f"0 to {classes - 1}, the classes of the confusion matrices",
                    )
        flash_end = max((region.offset + region.bytes for region in self.memory.flash), default=0)
        if flash_end > self.board.flash_bytes:
            _refuse(f"memory.flash ends at {flash_end:,}", f"at most {self.board.flash_bytes:,}, the board's flash")
        ram = self.memory.arena_limit_bytes + self.memory.stack_bytes + self.memory.static_bytes
        if ram > self.board.ram_bytes:
            _refuse(
                f"memory: arena, stack and static data are {ram:,} bytes",
                f"at most {self.board.ram_bytes:,}, the board's RAM",
            )
        _finite("pretraining loss", tuple(epoch.loss for epoch in self.pretraining))
        _finite("seconds", (self.seconds,))

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `json.dump`; pixels as base64."""
        try:
            document = to_plain(self)
        except TypeError as error:
            raise ReportError(f"story: a {error} cannot be written as JSON", expected="numbers, texts, lists") from None
        return {"format": FORMAT, "format_version": FORMAT_VERSION, **document}

    @classmethod
    def from_json(cls, document: Mapping[str, Any] | str | bytes) -> "Story":
        """Read what `to_json` returned, or its text.

        Raises:
            ReportError: no JSON, another format, a newer version, a missing field, a wrong type, length or range.
        """
        try:
            values = decode(document) if isinstance(document, str | bytes) else document
        except ValueError as error:
            raise ReportError(f"story: not JSON: {error}", expected="a story.json, as tinytl demo writes it") from error
        if not isinstance(values, Mapping) or values.get("format") != FORMAT:
            kind = values.get("format") if isinstance(values, Mapping) else type(values).__name__
            raise ReportError(f"story: format is {kind!r}", expected=repr(FORMAT), hint="tinytl demo writes a story.json")
        if values.get("format_version") != FORMAT_VERSION:
            _refuse(f"format_version is {values.get('format_version')!r}", f"{FORMAT_VERSION}; a newer tinytl wrote it")
        try:
            return convert(values, cls)
        except FieldError as error:
            what = f"story: field {error.path!r} {error.what}"
            raise ReportError(what, expected=error.expected, hint="tinytl demo writes a story.json") from error
