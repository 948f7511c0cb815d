# SPDX-License-Identifier: Apache-2.0
"""Classes of Thumb-2 instructions and a cycle model of the Cortex-M4.

The model is tables 3-1 and 7-1 of the Cortex-M4 Technical Reference Manual with zero wait states. It was never checked against a board:
it compares builds. No operand-dependent stalls; a divide takes 7 of its 2 … 12 cycles; a taken branch refills the pipeline in 2 of
1 … 3; an instruction that an IT block skips costs as much as one that runs. Vector instructions (MVE, Cortex-M55) have a class, but no
cycles of their own: 1 stands for each.
"""

import re
from dataclasses import dataclass

BRANCH_REFILL = 2
_CONDITION = "(?:eq|ne|cs|cc|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)"
_BRANCH = re.compile(rf"(b|bl|bx|blx){_CONDITION}?|cbn?z|wls|le")
_VECTOR = re.compile(r"vctp|vpst|vpt|vpnot|[dw]lstp|letp|lctp")
_OTHER = re.compile(r"nop|it[te]{0,3}|dmb|dsb|isb|cps|mrs|msr|svc|bkpt|wfi|wfe|sev|yield|udf")
"""What neither computes nor moves data nor branches."""
_DUAL_MULTIPLY = re.compile(r"sm(la|ls|ua|us)l?dx?")
_MULTIPLY = re.compile(r"(mul|mla|mls|smul|smla|umul|umla|umaal|smmul|smmla|smmls)")


@dataclass(frozen=True)
class Cost:
    """kind: class of the instruction; cycles: when it does not branch; taken: more cycles when it does."""

    kind: str
    cycles: int
    taken: int = 0


def cost(mnemonic: str, operands: str) -> Cost:
    """Return class and modelled cycles of one instruction as objdump prints it."""
    base = mnemonic.partition(".")[0]
    if _VECTOR.match(base) or (base.startswith("v") and re.search(r"\bq[0-7]\b", operands)):
        return Cost("vector", 1)
    return _floating(base, operands) if base.startswith("v") else _integer(base, operands)


def _words(operands: str) -> int:
    """Count the 32-bit registers of a list such as {r0, r4-r7, lr} or {d8-d9}; 1 or 2 for a single register."""
    inside = re.search(r"\{(.*?)\}", operands)
    count = 0
    for part in (inside.group(1) if inside else operands.partition(",")[0]).split(","):
        first, _, last = part.strip().partition("-")
        span = int(last[1:]) - int(first[1:]) + 1 if last else 1
        count += 2 * span if first.startswith("d") else span
    return count


def _writes_pc(operands: str) -> bool:
    return re.match(r"pc\b|\{[^}]*\bpc\b|\w+!?, *\{[^}]*\bpc\b", operands) is not None


def _floating(base: str, operands: str) -> Cost:
    if base.startswith(("vldm", "vpop", "vldr")):
        return Cost("float load", 1 + _words(operands))
    if base.startswith(("vstm", "vpush", "vstr")):
        return Cost("float store", 1 + _words(operands))
    if base.startswith(("vdiv", "vsqrt")):
        return Cost("float divide", 14)
    if base.startswith(("vmla", "vmls", "vfma", "vfms", "vfnm", "vnml")):
        return Cost("float multiply-add", 3)
    return Cost("float", 1)


def _integer(base: str, operands: str) -> Cost:
    if _BRANCH.fullmatch(base):
        return Cost("branch", 1, BRANCH_REFILL)
    if base in ("tbb", "tbh"):
        return Cost("branch", 2, BRANCH_REFILL)
    refill = BRANCH_REFILL if _writes_pc(operands) else 0
    if base.startswith(("ldm", "pop", "ldrd")):
        return Cost("load multiple", 1 + (2 if base.startswith("ldrd") else _words(operands)), refill)
    if base.startswith(("stm", "push", "strd")):
        return Cost("store multiple", 1 + (2 if base.startswith("strd") else _words(operands)))
    if base.startswith("ldr"):
        return Cost("load", 2, refill)
    if base.startswith("str"):
        return Cost("store", 1)
    if base.startswith(("sdiv", "udiv")):
        return Cost("divide", 7)
    if _DUAL_MULTIPLY.match(base):
        return Cost("dual multiply-add", 1)
    if base.startswith(("mov", "add")) and refill:
        return Cost("branch", 1, refill)
    if _OTHER.match(base):
        return Cost("other", 1)
    return Cost("multiply" if _MULTIPLY.match(base) else "integer", 1)


def block_costs(instructions: list[tuple[str, str]]) -> list[Cost]:
    """Return the costs of a straight run: a load followed by a load or store is pipelined into 1 cycle."""
    costs = [cost(mnemonic, operands) for mnemonic, operands in instructions]
    for index in range(len(costs) - 1):
        if costs[index].kind == "load" and costs[index + 1].kind in ("load", "store"):
            costs[index] = Cost("load", 1, costs[index].taken)
    return costs
