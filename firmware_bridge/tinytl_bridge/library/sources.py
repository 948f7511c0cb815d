# SPDX-License-Identifier: Apache-2.0
"""The runtime's sources that one image needs: operators, kernels and checks that it does not use stay away.

In: an image's contents. Out: path below the library's `src/` → text. `link/` and `store/` never belong to it, `learn/` where the model
has a head.
"""

import re
from pathlib import Path

from tinytl.compiler.image.reader import ImageContents
from tinytl.compiler.kinds import KINDS, LIST, ROW
from tinytl.compiler.records import FAMILIES
from tinytl.compiler.variants import VARIANTS
from tinytl_bridge.library.narrowing import Narrowing, narrow, with_stand_ins
from tinytl_bridge.library.needed_files import needed_files
from tinytl_bridge.paths import runtime_dir

_LICENCE = "/* SPDX-License-Identifier: Apache-2.0\n"
_ASSEMBLY = {
    "kernels/dsp/armv7em": "defined(__ARM_FEATURE_SIMD32) && defined(__ARM_FP) && defined(__thumb2__)",
    "kernels/mve/armv81m": "defined(__ARM_FEATURE_MVE) && __ARM_FEATURE_MVE",
}
"""Folder of inner kernels → the cores that they are for. The dsp family's keep pointers in FPU registers."""
_NO_STACK_CODE = '#if defined(__linux__)\n    .section .note.GNU-stack, "", %progbits\n#endif\n'
_NO_ROW = "    {0, 0, 0, 0, NULL, NULL}, /* none; never found */"
_CHECKS = (
    *("image/check.c", "image/operators.c", "image/places.c", "kernels/portable/shape_checks.c", "kernels/portable/pair_checks.c"),
    *("kernels/dsp/variant_rules.c", "kernels/mve/variant_rules.c", "learn/check/"),
)
"""What runs once, when an image is opened: small rather than fast. The check rule beside a kernel says that of itself (TINYTL_ONCE)."""
_INNER_LOOPS = ("kernels/portable/dot_product.c", "kernels/dsp/plain/", "kernels/mve/plain/", "kernels/mve/armv81m/", "learn/")
"""What stays fast where a small library is asked for; of the learner all that is not a check."""
_SMALL = '#if defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__)\n#pragma GCC optimize("Os")\n#endif\n'


_FAMILY_NAMES = {number: name for name, number in FAMILIES.items()}


def library_sources(contents: ImageContents, *, small: bool = False) -> dict[str, str]:
    """Return path → text of everything that is compiled, and of the headers.

    Args:
        small: have the compiler make all of it small, but for inner loops; else only what runs once.
    """
    runtime = runtime_dir()
    family = _FAMILY_NAMES[contents.header.family]
    learner = ("learn/*.c", "learn/*/*.c") if contents.head else ()
    patterns = ["ground/*.c", "image/*.c", "kernels/portable/*.c", *learner]
    patterns += [f"{folder}/{part}" for folder in _folders(family) for part in ("*.c", "*.S")]
    paths = [path for pattern in patterns for path in sorted(runtime.glob(pattern)) if path.name != "family.c"]
    sources = {str(path.relative_to(runtime)): path.read_text(encoding="utf-8") for path in paths}
    operators, variants = _used(contents)
    narrowing = narrow(contents.operators)
    for path in sources:
        if Path(path).match(f"kernels/{family}/*.c"):
            sources[path] = with_stand_ins(sources[path], narrowing.stands_for)
    sources["kernels/family.c"] = _family(family, variants, narrowing)
    headers = _headers(runtime) | {"kernels/linked.def": _linked(runtime, operators)}
    names = [f"tinytl_{part}{name}" for name in (*operators, *variants.values()) for part in ("rule_", "")]
    files = needed_files(sources, headers, [*names, *_public(headers["tinytl.h"], head=contents.head is not None)])
    return {path: _guarded(path, _sized(path, text, small=small)) for path, text in sorted(files.items())}


def _folders(family: str) -> list[str]:
    """Return the folders of a family's kernels beside the portable ones."""
    inner = [folder for folder in _ASSEMBLY if Path(folder).parent.name == family]
    return [f"kernels/{family}", f"kernels/{family}/plain", *inner] if inner else []


def _used(contents: ImageContents) -> tuple[list[str], dict[tuple[int, int], str]]:
    """Return names of the portable kernels in use, and (opcode, kernel) → name of the others."""
    records = {(operator.record.opcode, operator.record.kernel): operator.kind for operator in contents.operators}
    portable = sorted({kind for (_, kernel), kind in records.items() if not kernel})
    return portable, {key: VARIANTS[key].name for key in sorted(records) if key[1]}


def _headers(runtime: Path) -> dict[str, str]:
    """The public header lies at the root of the sources, where every build system looks."""
    headers = {}
    for path in sorted(path for ending in ("h", "def", "inc") for path in runtime.rglob(f"*.{ending}")):
        name = str(path.relative_to(runtime)).removeprefix("include/")
        headers[name] = path.read_text(encoding="utf-8")
    return headers


def _linked(runtime: Path, operators: list[str]) -> str:
    rows = {row[2]: row[0] for row in ROW.finditer((runtime / LIST).read_text(encoding="utf-8"))}
    return "\n".join([_LICENCE + " * The portable kernels that this model uses. */", *(rows[name] for name in operators), ""])


def _family(family: str, variants: dict[tuple[int, int], str], narrowing: Narrowing) -> str:
    """The family file of a library: as kernels/<family>/family.c, with the variants in use."""
    rules, rows = [], []
    for (opcode, number), name in variants.items():
        rule, condition = f"tinytl_rule_{name}", narrowing.conditions.get(name)
        if condition:
            rule = f"rule_{name}_here"
            rules.append(f"static int {rule}(const tinytl_call *call)\n{{\n    return tinytl_rule_{name}(call) && ({condition});\n}}\n\n")
        params, traits = len(VARIANTS[opcode, number].parameters), f"TRAITS_{KINDS[opcode].name}"
        rows.append(f"    {{{opcode}, {number}, {params}, {traits}, {rule}, tinytl_{name}}},")
    include = f'#include "kernels/{family}/variant_rules.h"\n' if variants else ""
    return (
        f"{_LICENCE} * The kernels beside the portable ones that this model uses, for layers like its own. */\n"
        f'#include "kernels/operators.h"\n{include}\n{"".join(rules)}'
        "const operator_entry tinytl_variants[] = {\n" + "\n".join(rows or [_NO_ROW]) + "\n};\n"
        f"const uint32_t tinytl_variant_count = {len(variants)};\n\n"
        f"uint32_t tinytl_family_mask(void)\n{{\n    return 1u | 1u << {FAMILIES[family]};\n}}\n"
    )


def _public(header: str, *, head: bool) -> list[str]:
    names = set(re.findall(r"\b(tinytl_\w+)\(", header))
    return sorted(name for name in names if head or not name.startswith("tinytl_head_"))


def _sized(path: str, text: str, *, small: bool) -> str:
    if path.endswith(".c") and (path.startswith(_CHECKS) or (small and not path.startswith(_INNER_LOOPS))):
        start = text.index("#include")
        return f"{text[:start]}{_SMALL}{text[start:]}"
    return text


def _guarded(path: str, text: str) -> str:
    """Inner kernels are there twice: assembly for its cores, plain C for all others; every build system may compile all files."""
    folder = str(Path(path).parent)
    if path.endswith(".S"):
        return f"{_LICENCE} * Empty where plain/ has the same functions in C. */\n#if {_ASSEMBLY[folder]}\n{text}#endif\n{_NO_STACK_CODE}"
    if folder in _ASSEMBLY and path.endswith(".c"):
        start = text.index("#include <arm_mve.h>")
        return f"{text[:start]}#if {_ASSEMBLY[folder]}\n{text[start:]}\n#endif\n"
    if folder.endswith("/plain") and path.endswith(".c"):
        (condition,) = [guard for other, guard in _ASSEMBLY.items() if Path(other).parent == Path(path).parents[1]]
        end = text.index("\n", text.rindex("#include")) + 1
        return f"{text[:end]}\n#if !({condition})\n{text[end:]}\n#endif\n"
    return text
