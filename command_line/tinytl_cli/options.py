# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, defined once."""

import math
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

FILE = click.Path(path_type=Path)
_MOST_PIXELS = 8192
"""Of one side of an image."""


class _Model(click.ParamType):
    """Path of a bundle or a .tflite, or the name of a bundle that ships with the package."""

    name = "model"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Path:
        from tinytl.bundle.shipped import find_bundle

        return find_bundle(value)


MODEL = _Model()


def json_option(command: Command) -> Command:
    """Add `--json`: the result as JSON on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command)


def seed_option(command: Command) -> Command:
    """Add `--seed`."""
    return click.option("--seed", default=1, show_default=True, help="Seed of everything random.")(command)


def data_option(command: Command) -> Command:
    """Add the required `--data`."""
    return click.option("--data", "data", required=True, metavar="NAME|PATH", help="Dataset: `tinytl data list`, a folder, .npz or .csv.")(
        command
    )


class Bytes(click.ParamType):
    """A number of bytes, with k or M for 1,024 and 1,048,576. zero: whether it may be 0."""

    name = "bytes"

    def __init__(self, *, zero: bool = False) -> None:
        self._zero = zero

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> int:
        text = str(value).strip().lower()
        factor = {"k": 1024, "m": 1024**2}.get(text[-1:], 1)
        number = text if factor == 1 else text[:-1]
        if not (number.isascii() and number.isdigit()) or (int(number) == 0 and not self._zero):
            self.fail(f"{value!r} is no number of bytes; expected e.g. 65536, 64k or 1M", param, context)
        return int(number) * factor


class Rates(click.ParamType):
    """Learning rates, separated by commas."""

    name = "rates"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            rates = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            rates = ()
        if not rates or not all(0 < rate < 1e6 for rate in rates):
            self.fail(f"{value!r} are no learning rates; expected numbers above 0, e.g. 0.003,0.01,0.03", param, context)
        return rates


def learning_options(command: Command) -> Command:
    """Add an option for each setting of `Learning` but the seed, which is the whole command's.

    Name, type, text and default are the field's. What is not given stays None, so that the caller can tell it from the default. Limits are
    `Learning`'s to check, in its words.
    """
    from tinytl.head.learning import Learning

    for setting in reversed(fields(Learning)):
        if setting.name != "seed":
            command = _learning_option(setting)(command)
    return command


def _learning_option(setting: "Field[Any]") -> Callable[[Command], Command]:
    text, choices, kind = setting.metadata["text"], setting.metadata["choices"], setting.type
    if choices:
        kind = click.Choice(choices)
    elif setting.name.endswith("_bytes"):
        kind, text = Bytes(zero=True), f"{text}; e.g. 8k"
    name = setting.name.replace("_", "-")
    return click.option(f"--{name}", setting.name, type=kind, help=f"{text[0].upper()}{text[1:]}  [default: {setting.default}]")


class _Size(click.ParamType):
    """Height and width of images, as HxW, or one number for both."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[int, int]:
        sides = [side.strip() for side in str(value).lower().replace("×", "x").split("x")]
        if len(sides) not in (1, 2) or not all(side.isascii() and side.isdigit() and 0 < int(side) <= _MOST_PIXELS for side in sides):
            self.fail(f"{value!r} is no size; expected HEIGHTxWIDTH in pixels, e.g. 96x128, or 96 for both", param, context)
        return int(sides[0]), int(sides[-1])


def resize_option(command: Command) -> Command:
    """Add `--resize`: the size that images of a folder become."""
    return click.option("--resize", type=_Size(), metavar="HxW", help="Size that all images of a folder become, e.g. 96x96.")(command)


class Shape(click.ParamType):
    """Height, width and channels as HxWxC."""

    name = "shape"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[int, int, int]:
        sides = str(value).lower().replace("×", "x").split("x")
        if len(sides) != 3 or not all(side.isascii() and side.isdigit() and int(side) for side in sides):
            self.fail(f"{value!r} is no shape; expected HEIGHTxWIDTHxCHANNELS, e.g. 224x224x3", param, context)
        return int(sides[0]), int(sides[1]), int(sides[2])


class Numbers(click.ParamType):
    """Numbers with commas between them."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[float, ...]:
        try:
            return tuple(float(number) for number in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no list of numbers; expected e.g. 10,20", param, context)


class _Range(click.ParamType):
    """Two numbers, low and high, as LOW:HIGH."""

    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        try:
            low, high = (float(end) for end in str(value).split(":"))
        except ValueError:
            low = high = math.nan
        if not -math.inf < low < high < math.inf:
            self.fail(f"{value!r} is no range; expected LOW:HIGH, e.g. 0:1, -1:1 or 0:255", param, context)
        return low, high


def input_range_option(default: str) -> Callable[[Command], Command]:
    """Add `--input-range`. default: what is taken without it, for the help."""
    return click.option(
        "--input-range",
        type=_Range(),
        metavar="LOW:HIGH",
        help=f"What pixels 0 and 255 become, of float samples 0 and 1  [default: {default}]",
    )


def expect_option(command: Command) -> Command:
    """Add `--expect`: the model that the target must hold."""
    return click.option(
        "--expect", metavar="BUNDLE|HASH",
        help="Refuse a target that holds another model: a file, a shipped bundle's name, or the first digits of a hash that info shows.",
    )(command)  # fmt: skip


def compile_options(command: Command) -> Command:
    """Add `--optimize`, `--ram`, `--flash` and `--logits`."""
    optimize = click.option(
        "--optimize", type=click.Choice(["speed", "size", "balanced"]), default="speed", show_default=True,
        help="Fewest modelled cycles; weights at most 1.1 times their int8 bytes; or 2 times.",
    )  # fmt: skip
    ram = click.option("--ram", "ram_bytes", type=Bytes(), help="Arena to keep within, e.g. 64k  [default: what the target has]")
    flash = click.option("--flash", "flash_bytes", type=Bytes(), help="Image to keep within, e.g. 256k  [default: the model slot]")
    logits = click.option("--logits", is_flag=True, help="Leave a softmax at the end of a .tflite out: it answers logits.")
    return optimize(ram(flash(logits(command))))


def target_options(command: Command) -> Command:
    """Add `--target` and `--state`."""
    state = click.option(
        "--state", "state_dir", type=FILE, help="Folder that keeps pairings, and the memory of emulated targets and the twin."
    )
    target = click.option(
        "--target",
        required=True,
        metavar="TARGET",
        help="host, qemu:mps2-an386, serial:/dev/ttyACM0, pi:HOST, qemu-pi:cortex-a72, or a pyserial URL.",
    )
    return target(state(command))


def expect_alone(option: str, *, allowed: tuple[str, ...]) -> None:
    """Refuse other options beside one that says all. option: its name. allowed: parameters that may stand beside it."""
    context = click.get_current_context()
    given = [
        parameter.opts[0] if parameter.param_type_name == "option" else parameter.make_metavar(context)
        for parameter in context.command.params
        if parameter.name not in allowed and context.get_parameter_source(parameter.name or "") == click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"{', '.join(given)} given beside {option}, which says all of it; leave it out")
