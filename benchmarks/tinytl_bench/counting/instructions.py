# SPDX-License-Identifier: Apache-2.0
"""Classes of Thumb-2 instructions and a cycle model of the Cortex-M4.

The model is table 3-1 of the Cortex-M4 Technical Reference Manual with zero wait states. It was never checked against a board: it
compares builds. No operand-dependent stalls; a divide takes 7 of its 2 … 12 cycles; a taken branch refills the pipeline in 2.
"""

import re
from dataclasses import dataclass

BRANCH_REFILL = 2
_CONDITION = "(?:eq|ne|cs|cc|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)"
_DUAL_MULTIPLY = frozenset({"smlad", "smladx", "smlald", "smlaldx", "smuad", "smuadx", "smlsd", "smlsdx", "smusd", "smusdx"})
_MULTIPLY = re.compile(r"(mul|mla|mls|smul|smla|umul|umla|umaal|smmul|smmla|smmls|smull|umull)")


@dataclass(frozen=True)
class Cost:
    """kind: class of the instruction; cycles: when it does not branch; taken: more cycles when it does."""

    kind: str
    cycles: int
    taken: int = 0


def cost(mnemonic: str, operands: str) -> Cost:
    """Return class and modelled cycles of one instruction as objdump prints it."""
    base = mnemonic.partition(".")[0]
    return _floating(base, operands) if base.startswith("v") else _integer(base, operands)


def _registers(operands: str) -> int:
    """Count the registers of a list such as {r0, r4-r7, lr}."""
    inside = re.search(r"\{(.*?)\}", operands)
    if not inside:
        return 1
    count = 0
    for part in inside.group(1).split(","):
        span = re.fullmatch(r"\s*[rsd](\d+)-[rsd](\d+)\s*", part)
        count += int(span.group(2)) - int(span.group(1)) + 1 if span else 1
    return count


def _floating(base: str, operands: str) -> Cost:
    if base.startswith(("vldm", "vpop")):
        return Cost("float load", 1 + _registers(operands))
    if base.startswith(("vstm", "vpush")):
        return Cost("float store", 1 + _registers(operands))
    if base.startswith(("vldr", "vstr")):
        return Cost("float load" if base.startswith("vldr") else "float store", 2)
    if base.startswith(("vdiv", "vsqrt")):
        return Cost("float divide", 14)
    if base.startswith(("vmla", "vmls", "vfma", "vfms", "vfnm", "vnml")):
        return Cost("float multiply-add", 3)
    return Cost("float", 1)


def _integer(base: str, operands: str) -> Cost:
    if base in ("b", "bl", "bx", "blx") or re.fullmatch(rf"b{_CONDITION}|bx{_CONDITION}|cbn?z", base):
        return Cost("branch", 1, BRANCH_REFILL)
    if base in ("tbb", "tbh"):
        return Cost("branch", 2, BRANCH_REFILL)
    refill = BRANCH_REFILL if re.search(r"\bpc\b", operands.partition("[")[0]) else 0
    if base.startswith(("ldm", "pop", "ldrd")):
        return Cost("load multiple", 1 + (2 if base.startswith("ldrd") else _registers(operands)), refill)
    if base.startswith(("stm", "push", "strd")):
        return Cost("store multiple", 1 + (2 if base.startswith("strd") else _registers(operands)))
    if base.startswith("ldr"):
        return Cost("load", 2, refill)
    if base.startswith("str"):
        return Cost("store", 1)
    if base.startswith(("sdiv", "udiv")):
        return Cost("divide", 7)
    if base in _DUAL_MULTIPLY:
        return Cost("dual multiply-add", 1)
    return Cost("multiply" if _MULTIPLY.match(base) else "integer", 1)


def block_costs(instructions: list[tuple[str, str]]) -> list[Cost]:
    """Return the costs of a straight run: a load followed by a load or store is pipelined into 1 cycle."""
    costs = [cost(mnemonic, operands) for mnemonic, operands in instructions]
    for index in range(len(costs) - 1):
        if costs[index].kind == "load" and costs[index + 1].kind in ("load", "store"):
            costs[index] = Cost("load", 1, costs[index].taken)
    return costs
