# SPDX-License-Identifier: Apache-2.0
"""Names that come from files and devices are shown as text: no markup of tables, no command to the terminal."""

import pytest
from click.testing import CliRunner

from tinytl.errors import DeviceError
from tinytl_bridge.targets import open_target
from tinytl_cli import cli
from tinytl_cli.console import console_for, fail, say, table

NAMES = ("\\[/x]", "[/bold]", "[red]", "\x1b[2J\x1b]0;owned\x07", "\x9b31m", "\u202eabc", "a\\", "pi:a:b:cat:c")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_text(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    console_for(as_json=False).print(table(name, ("class", "accuracy"), [(name, 0.5)]))
    say(name)
    fail(DeviceError(f"label {name!s} is none", hint=name))
    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert not set(text) & {"\x1b", "\x07", "\x9b", "\u202e"}
    visible = "".join(repr(character)[1:-1] if not character.isprintable() else character for character in name)
    assert text.count(visible) == 5


def test_mistyped_commands_get_the_nearest() -> None:
    result = CliRunner().invoke(cli, ["tech", "--target", "host"])
    assert result.exit_code == 2
    assert "hint: did you mean `tinytl teach`? tinytl --help lists the commands" in result.output


@pytest.mark.parametrize("name", ["COM3", "/dev/ttyUSB0", "ttyACM0"])
def test_a_port_without_serial_before_it(name: str) -> None:
    with pytest.raises(DeviceError, match=f"hint: did you mean serial:{name}\\?"):
        open_target(name)
