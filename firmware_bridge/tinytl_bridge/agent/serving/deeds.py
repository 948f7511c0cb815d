# SPDX-License-Identifier: Apache-2.0
"""What an agent's log says of commands that change what is kept: a model was flashed, a head saved or taken back, or it was refused.

In: a command's type and its answer as it travels. Out: a line for the log, or None where nothing is worth one.
"""

from tinytl_bridge.wire import protocol
from tinytl_bridge.wire.protocol import Command
from tinytl_bridge.wire.statuses import status_text

_DEEDS = {
    Command.FLASH_COMMIT: "a model was flashed; its head is the factory one",
    Command.SAVE: "the head was saved as number {number}",
    Command.ROLLBACK: "the head went back to number {number}",
}
_REFUSED = {Command.FLASH_BEGIN: "a model", Command.FLASH_COMMIT: "a model", Command.SAVE: "a save", Command.ROLLBACK: "a rollback"}


def deed_of(command: int, answer: bytes) -> str | None:
    """Return the line.

    Args:
        command: type of the frame that was executed. answer: its bytes on the wire, zeros included.
    """
    frame = protocol.decode(answer.strip(b"\0"))
    if frame is None:
        return None
    numbers = [int.from_bytes(frame.payload[at : at + 4], "little") for at in (0, 4, 8)]
    if frame.type == protocol.ERROR and command in _REFUSED:
        return f"{_REFUSED[Command(command)]} was refused: {status_text(numbers[0] & 0xFFFF, numbers[1], numbers[2])}"
    if frame.type == protocol.ANSWER | command and command in _DEEDS:
        return _DEEDS[Command(command)].format(number=numbers[0])
    return None
