# SPDX-License-Identifier: Apache-2.0
"""What a slot of a device's flash holds before its payload (SPEC.md section 4)."""

from tinytl.runtime_lists import limit

SLOT_HEADER_BYTES = 32
"""Of a slot, where flash programs up to 4 bytes at once."""
CLASS_NAME_BYTES = limit("CLASS_NAME_BYTES")
"""Of the name of a class that was added on a device, with at least one zero at its end."""
_STATE_HEADER_BYTES = 16
_STREAM_PLACE_BYTES = 8


def commit_place(program_bytes: int) -> int:
    """Return where in a slot its commit word lies: behind the header of 28 bytes, in a program unit of its own.

    Args:
        program_bytes: as for `slot_header_bytes`.
    """
    return -(-28 // program_bytes) * program_bytes


def slot_header_bytes(program_bytes: int) -> int:
    """Return what lies before the payload of a slot: header and commit word, each in program units of its own.

    Args:
        program_bytes: what the flash programs at once, 1, 2, 4, 8, 16 or 32.
    """
    alignment = max(program_bytes, 16)
    return -(-(commit_place(program_bytes) + max(program_bytes, 4)) // alignment) * alignment


def saved_head_bytes(parameters: int, added_classes: int) -> int:
    """Return how long a saved head is in its slot, without the slot's header.

    Args:
        parameters: words of 4 bytes, as `HeadRecord.parameter_count`. added_classes: that were begun on the device, each with a name.
    """
    return _STATE_HEADER_BYTES + 4 * parameters + CLASS_NAME_BYTES * added_classes + _STREAM_PLACE_BYTES
