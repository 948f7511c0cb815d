# SPDX-License-Identifier: Apache-2.0
"""The command line: parse, call one function of the library, print. Exit codes: 0 done, 1 failed, 2 wrong usage."""

import errno
import os
import sys
import traceback
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from tinytl.asking import ASKER
from tinytl.errors import TinytlError
from tinytl.progress import REPORTER
from tinytl.version import __version__
from tinytl_cli.console import fail, is_verbose, stage_teller
from tinytl_cli.loudness import loudness_options, start_normal, with_loudness

# Name, module, one line: the story in the order of the flow. Modules are imported only for the command that runs.
_STORY: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    ("Look around", (
        ("doctor", "surroundings", "What is installed, what is missing, the command that installs it."),
        ("data", "surroundings", "Datasets: list them, show a contact sheet of samples."),
        ("models", "surroundings", "The zoo: architectures with their cards."),
    )),
    ("On the workstation", (
        ("pretrain", "workstation", "Train a model on the source task; writes a run folder."),
        ("plans", "workstation", "Where a trained model can be cut, and what each cut costs."),
        ("export", "workstation", "Cut, quantize and pack a run, a .keras file or an int8 .tflite."),
        ("inspect", "workstation", "Layers, MACs, RAM, flash, energy, checksums; what fits where."),
    )),
    ("On the device", (
        ("build", "device", "Compile a model to an image, or build a board's firmware."),
        ("flash", "device", "Put a bundle or .tflite onto a target."),
        ("run", "inference", "Any int8 .tflite or bundle: arrays in, arrays out."),
        ("info", "device", "What a target is and what it holds."),
        ("infer", "device", "Classify samples on a target."),
        ("evaluate", "device", "Accuracy of a target on a dataset."),
        ("teach", "teaching", "Stream labelled samples; the head learns on the target."),
        ("save", "device", "Keep the head through power loss."),
        ("rollback", "device", "Go back to a saved head, or to the factory head."),
        ("restore", "fleet", "Give a target a head from a file."),
        ("fleet", "fleet", "Heads of many devices, averaged into one."),
        ("pair", "pairing", "Make this machine known to an agent, by the code that it shows."),
        ("agent", "agent", "Make this Linux machine, a Raspberry Pi for one, a device for others."),
    )),
    ("Measure and show", (
        ("bench", "measure", "Accuracy, instructions, modelled cycles and energy, RAM, flash."),
        ("energy", "energy", "Energy by layer, and what one retraining costs of a coin cell."),
        ("sweep", "sweep", "Which split, for your model, data and board: every freeze plan tried; the pick."),
        ("study", "study", "When and what to learn, and how few samples a new class takes."),
        ("report", "measure", "One HTML page of a demo or of benchmark results."),
        ("demo", "measure", "The main job end to end on an emulated Cortex-M4."),
    )),
)  # fmt: skip


class _Story(click.Group):
    """A group whose help reads in the order of the flow and whose commands are imported when they run."""

    def list_commands(self, context: click.Context) -> list[str]:
        return [name for _, commands in _STORY for name, _, _ in commands]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        for _, commands in _STORY:
            for command, module, _ in commands:
                if command == name:
                    subcommand: click.Command = getattr(import_module(f"tinytl_cli.{module}"), name.replace("-", "_"))
                    return with_loudness(subcommand)
        return None

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in _STORY:
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, _, line in commands])

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        start_normal()
        return super().make_context(*args, **extra)

    def resolve_command(self, context: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(context, args)
        except click.UsageError as error:
            nearest = get_close_matches(args[0], self.list_commands(context), 1) if args else []
            meant = f"did you mean `tinytl {nearest[0]}`? " if nearest else ""
            raise click.UsageError(f"{error.message.rstrip('.')}\nhint: {meant}tinytl --help lists the commands") from None


@click.group(cls=_Story, params=loudness_options(), context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tinytl")
def cli() -> None:
    """Learning that goes on after deployment, on devices with kilobytes.

    \b
    tinytl pretrain --model ds-cnn --data mnist-5k --out runs/digits
    tinytl export runs/digits --plan last-dense -o digits.tinytl
    tinytl flash digits.tinytl --target qemu:mps2-an386
    tinytl teach --target qemu:mps2-an386 --data uci-digits --samples 898
    tinytl bench digits.tinytl --target qemu:mps2-an386
    """
    REPORTER.set(stage_teller())
    if sys.stdin is not None and sys.stdin.isatty():
        ASKER.set(lambda question: str(click.prompt(question, err=True, prompt_suffix="")))


def main() -> None:
    """Run the command line; refusals become one error text and exit code 1."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.stderr.write("stopped\n")
        sys.exit(1)
    except TinytlError as error:
        if is_verbose():
            traceback.print_exc()
        fail(error)
        sys.exit(1)
    except BrokenPipeError:
        _drop_output()
        sys.exit(1)
    except OSError as error:
        fail(_refusal_of(error))
        _drop_output()
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


_WAYS_OUT = {
    errno.ENOSPC: "free some space, or write to another disk",
    errno.EDQUOT: "free some space, or write to another disk",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), or write to another disk",
    errno.EACCES: "a file or folder of your own",
    errno.EPERM: "a file or folder of your own",
    errno.EROFS: "a file or folder on a disk that may be written",
    errno.ENOENT: "a file or folder that exists",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}


def _refusal_of(error: OSError) -> TinytlError:
    """Return what a person reads where the system refuses a file or a stream and no command has words of its own for it."""
    place = f"{error.filename}: " if error.filename is not None else ""
    return TinytlError(f"{place}{error.strerror or error or type(error).__name__}", hint=_WAYS_OUT.get(error.errno or 0, ""))


def _drop_output() -> None:
    """Let nothing be written to a stdout that takes no more: the interpreter would try once more when it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
