# SPDX-License-Identifier: Apache-2.0
"""Errors that people read: what failed (with its value), what was expected, and the next thing to do.

Every refusal of tinytl is a `TinytlError` or a subclass; the command line prints it without a traceback and exits with 1.
"""


class TinytlError(Exception):
    """A refusal with a way out.

    Args:
        what: what failed, with the value, as a sentence without a full stop.
        expected: what was expected instead, or an empty string.
        hint: what to do next, often a command, or an empty string.
    """

    def __init__(self, what: str, *, expected: str = "", hint: str = "") -> None:
        self.what, self.expected, self.hint = what, expected, hint
        super().__init__(self.text())

    def text(self) -> str:
        """Return the message as shown: «what; expected …» and, on a line of its own, «hint: …»."""
        line = self.what + (f"; expected {self.expected}" if self.expected else "")
        return line + (f"\nhint: {self.hint}" if self.hint else "")


class DataError(TinytlError):
    """A dataset, sample or folder that cannot be used."""


class ModelError(TinytlError):
    """A model that cannot be built, trained, cut or quantized."""


class BundleError(TinytlError):
    """A bundle file that is truncated, altered, newer or foreign."""


class CompileError(TinytlError):
    """A graph that cannot become an image: unsupported operator, wrong type, too large."""


class UnsupportedOperator(CompileError):
    """An operator that no image can hold: of an extractor, an earlier freeze plan may leave it out."""


class DeviceError(TinytlError):
    """A device that refused, does not answer, or restarted."""


class BuildError(TinytlError):
    """Firmware or the host twin could not be built or found."""


class BenchError(TinytlError):
    """A measurement that could not be had, or that fails its comparison."""


class ReportError(TinytlError):
    """A story or a measurement that no report can be drawn from."""
