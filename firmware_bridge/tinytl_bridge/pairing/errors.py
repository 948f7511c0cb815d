# SPDX-License-Identifier: Apache-2.0
"""Why a pairing or a sealed channel failed, in words that a person understands.

In: a `Reason`, often read from the other side's refusal. Out: a `PairingError` with what to do next. What a refusal says is not
proven: whoever is between the two can write one. So a refusal never makes a side forget a pairing or do without one.
"""

from enum import IntEnum

from tinytl.errors import DeviceError

_FIRST_LOCAL = 64
_NEW_CODE = "the agent shows a code where it runs: in its terminal, or in its log (journalctl --user -u tinytl-agent)"


class Reason(IntEnum):
    """Why it failed. Numbers under 64 travel in a refusal; the others are found by a side for itself."""

    PAIRING_DEMANDED = 1
    UNKNOWN_PAIRING = 2
    WRONG_CODE = 3
    WRONG_KEY = 4
    WAIT = 5
    LOCKED = 6
    EXPIRED = 7
    VERSION = 8
    MALFORMED = 9
    NOT_KEPT = 10
    IMPOSTOR = 64
    TAMPERED = 65
    UNPAIRED = 66
    BAD_CODE = 67
    BAD_FILE = 68
    TOO_LONG = 69


class PairingError(DeviceError):
    """A pairing or a sealed channel that failed; it ends here.

    Args:
        what, expected, hint: as in `TinytlError`. reason: for programs. wait_s: seconds until another code is looked at, of WAIT; else 0.
    """

    def __init__(self, what: str, *, expected: str = "", hint: str = "", reason: Reason, wait_s: int = 0) -> None:
        super().__init__(what, expected=expected, hint=hint)
        self.reason, self.wait_s = reason, wait_s


_TEXTS = {
    Reason.PAIRING_DEMANDED: ("the agent demands a pairing", "its code once, or a remembered pairing", _NEW_CODE),
    Reason.UNKNOWN_PAIRING: (
        "the agent does not know this pairing",
        "one that it remembers; it was reset, or has forgotten this host",
        f"pair again; {_NEW_CODE}",
    ),
    Reason.WRONG_CODE: ("wrong pairing code", "the one that the agent shows now", _NEW_CODE),
    Reason.WRONG_KEY: ("the agent remembers another key for this pairing", "the same on both sides", f"pair again; {_NEW_CODE}"),
    Reason.WAIT: ("wait {wait_s} s before another code", "some time after each wrong code", ""),
    Reason.LOCKED: (
        "the agent looks at no more codes",
        "a new code after too many wrong ones",
        "have the agent make a new code where it runs",
    ),
    Reason.EXPIRED: ("the pairing code has expired or was used", "the one that the agent shows now", _NEW_CODE),
    Reason.VERSION: ("the agent speaks another version of the pairing", "version 1", "bring tinytl on both sides to one version"),
    Reason.MALFORMED: ("the pairing's message cannot be read", "a message of SPEC.md, «Pairing»", "is that port a tinytl agent's?"),
    Reason.NOT_KEPT: ("the agent cannot remember the pairing", "a disk with room that may be written", "its log says why"),
    Reason.IMPOSTOR: (
        "who answered cannot prove to be the agent",
        "the agent that shows this code, or that was paired",
        "check the address; somebody else may be answering there. Nothing was sent to it that tells the code",
    ),
    Reason.TAMPERED: (
        "a sealed message was altered, repeated, reordered or cut",
        "messages as they were sent, one after another",
        "connect again; if it comes again, somebody is in the line",
    ),
    Reason.UNPAIRED: (
        "who answered offers a session without a pairing",
        "a proof: only on this machine a session may be open",
        "check the address; somebody else may be answering there",
    ),
}


def pairing_error(reason: Reason, *, wait_s: int = 0) -> PairingError:
    """Return the error of a reason; wait_s: seconds to wait, told in its text."""
    what, expected, hint = _TEXTS[reason]
    return PairingError(what.format(wait_s=wait_s), expected=expected, hint=hint, reason=reason, wait_s=wait_s)


def refusal_of(number: int, wait_s: int) -> PairingError:
    """Return the error that a refusal tells; a number that means nothing here is told as it is. wait_s: seconds, of the refusal."""
    if number < _FIRST_LOCAL and number in list(Reason):
        return pairing_error(Reason(number), wait_s=wait_s)
    return PairingError(
        f"the agent refused the pairing for reason {number}",
        expected=f"a reason from 1 to {Reason.NOT_KEPT}",
        hint="bring tinytl on both sides to one version",
        reason=Reason.VERSION,
    )
