# SPDX-License-Identifier: Apache-2.0
"""The folders of the runtime stand on one another in one order: a file includes, and calls functions of, its own folder and those below.

In: the C files as text. Out: arrows between folders, each with the two files that make it: by an `#include`, or by a `tinytl_` function that
one uses and the other defines.
"""

import re
from pathlib import Path

import pytest

from tinytl_bridge.library.needed_files import DEFINED
from tinytl_bridge.paths import runtime_dir

ORDER = ("ground", "kernels", "image", "learn", "store", "link", "twin")
"""From the lowest up. `include` holds what all may read: declarations alone."""
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_INCLUDE = re.compile(r'^\s*#\s*include "([^"]+)"', re.MULTILINE)
_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')
_NAME = re.compile(r"\btinytl_\w+")
_ERROR_MADE = re.compile(r"\(\s*tinytl_error\s*\)\s*\{|\btinytl_error\s+\w+\s*=\s*\{|\berror\.status\s*=(?!=)|\(uint32_t\)\s*offsetof\b")


def folder_of(path: str) -> str:
    return path.partition("/")[0]


def defined_in(texts: dict[str, str]) -> dict[str, str]:
    """Return function or table → the file that defines it; of several, as of kernel families, the lowest."""
    found: dict[str, str] = {}
    for path in sorted(texts, key=lambda path: (ORDER.index(folder_of(path)), path)):
        for name in DEFINED.findall(texts[path]):
            found.setdefault(name, path)
    return found


def arrows(sources: dict[str, str]) -> dict[tuple[str, str], str]:
    """Return (folder, folder that it needs) → the first two files that say so, in words.

    Args:
        sources: path below the runtime → text, of C files and headers but the public ones.
    """
    texts = {path: _COMMENT.sub(" ", text) for path, text in sources.items()}
    home = defined_in(texts)
    found: dict[tuple[str, str], str] = {}
    for path, text in sorted(texts.items()):
        needed = [(other, f"{path} includes {other}") for other in _INCLUDE.findall(text) if other in texts]
        used = sorted(set(_NAME.findall(_STRING.sub("", text))) & home.keys())
        needed += [(home[name], f"{path} uses {name} of {home[name]}") for name in used]
        for other, words in needed:
            if folder_of(other) != folder_of(path):
                found.setdefault((folder_of(path), folder_of(other)), words)
    return found


def faults(found: dict[tuple[str, str], str]) -> list[str]:
    """Return the words of every arrow that points up. Without one there is no circle: the order holds for all that is left."""
    return [words for (above, below), words in found.items() if ORDER.index(below) > ORDER.index(above)]


def runtime_sources() -> dict[str, str]:
    root = runtime_dir()
    paths = [path for pattern in ("*.c", "*.h") for path in sorted(root.rglob(pattern))]
    named = {str(path.relative_to(root)): path for path in paths}
    return {name: path.read_text(encoding="utf-8") for name, path in named.items() if not name.startswith("include/")}


def test_every_folder_stands_in_the_order() -> None:
    assert {folder_of(path) for path in runtime_sources()} == set(ORDER)


def test_no_arrow_points_up() -> None:
    assert not faults(arrows(runtime_sources()))


def test_the_arrows_that_make_the_runtime_are_seen() -> None:
    """So that the patterns still match the house's C."""
    found = arrows(runtime_sources())
    assert {
        ("image", "kernels"),
        ("image", "ground"),
        ("learn", "ground"),
        ("store", "ground"),
        ("link", "learn"),
        ("link", "store"),
    } <= found.keys()
    named = {"tinytl_image_check", "tinytl_head_step", "tinytl_model_input", "tinytl_conv_2d", "tinytl_variants"}
    assert not named - set(defined_in(runtime_sources()))


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("image/check.c", '#include "learn/check/head_check.h"\n', "image/check.c includes learn/check/head_check.h"),
        ("image/model.c", "void f(void)\n{\n    tinytl_head_reset(NULL);\n}\n", "image/model.c uses tinytl_head_reset of learn/head_state.c"),
        ("learn/drift.c", "int g(void)\n{\n    return tinytl_store_after(1);\n}\n", "learn/drift.c uses tinytl_store_after of store/store.c"),
        ("store/store.c", "typedef int (*f)(void);\nstatic const f run = tinytl_session_load;\n", "store/store.c uses tinytl_session_load of link/store_commands.c"),
        ("learn/drift.c", "/* tinytl_store_after, as a word */\n", ""),
    ],
)  # fmt: skip
def test_an_arrow_up_is_named_by_its_two_files(path: str, text: str, words: str) -> None:
    sources = runtime_sources()
    sources[path] += text
    assert faults(arrows(sources)) == ([words] if words else [])


def makers_of_errors(sources: dict[str, str]) -> set[str]:
    """Return the files that fill in an error by themselves, or reckon the number of its field."""
    return {path for path, text in sources.items() if _ERROR_MADE.search(_COMMENT.sub(" ", text))}


def test_errors_are_made_in_one_file() -> None:
    assert makers_of_errors(runtime_sources()) == {"ground/error.h"}


@pytest.mark.parametrize(
    "text",
    [
        "return (tinytl_error){TINYTL_STATUS_ok, 0, 0};",
        "const tinytl_error error = {TINYTL_STATUS_no_head, 0, 0};",
        "error.status = TINYTL_STATUS_store_failed;",
        "#define FIELD(record, member) ((uint32_t)offsetof(record, member))",
    ],
)
def test_an_error_made_elsewhere_is_found(text: str) -> None:
    assert makers_of_errors({"learn/head.c": text}) == {"learn/head.c"}
    assert not makers_of_errors({"learn/head.c": f"/* {text} */ if (error.status == TINYTL_STATUS_ok)"})


def test_headers_for_all_need_no_folder() -> None:
    root = runtime_dir() / "include"
    for path in sorted(root.glob("*.h")):
        assert not [name for name in _INCLUDE.findall(Path(path).read_text(encoding="utf-8")) if "/" in name], path.name
