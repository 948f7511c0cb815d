# SPDX-License-Identifier: Apache-2.0
"""The runtime's C files cut down to what some functions need: for libraries of one model.

A file is taken apart into its top-level items (functions, constants, macros, types). What the roots reach by name stays, and with it
the files' types, includes and headers; everything else goes, so that neither unused static functions nor whole files remain. The
house's style is assumed: items begin at a line's start and end with `;` or `}`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')
_NAME = re.compile(r"[A-Za-z_]\w*")
_CALL = re.compile(r"([A-Za-z_]\w*)\s*\(")
_CONSTANT = re.compile(r"([A-Za-z_]\w*)\s*(?:\[[^\]]*\]\s*)*=")
_INCLUDE = re.compile(r'^\s*[#.]\s*include "([^"]+)"', re.MULTILINE)
_ASSEMBLED = re.compile(r"\btinytl_\w+")
_TYPES = ("typedef", "enum", "struct", "union")


@dataclass(frozen=True)
class _Item:
    """text: with the comments before it. name: of a function, constant or macro, "" of what always stays. uses: names in it."""

    text: str
    name: str = ""
    uses: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CutSources:
    """files: path → text, headers among them. functions: names that stay and that several files may use."""

    files: dict[str, str]
    functions: frozenset[str]


_Key = tuple[str, str]
"""Where a name is known, "" for everywhere, and the name."""
_Uses = dict[_Key, list[tuple[str, frozenset[str]]]]
"""Of each definition the file, "" for a header, and the names in it."""


def cut(sources: Mapping[str, str], headers: Mapping[str, str], roots: Iterable[str]) -> CutSources:
    """Keep what the roots reach.

    Args:
        sources: path → text of C and assembly files. Assembly stays whole, where anything of it is needed.
        headers: name in `#include` → text; they stay whole.
        roots: names of functions and constants, static ones too.
    """
    parts = {path: _items(text) for path, text in sources.items() if path.endswith(".c")}
    assembled = {path: set(_ASSEMBLED.findall(text)) for path, text in sources.items() if path.endswith(".S")}
    uses: _Uses = {}
    for path, items in (*parts.items(), *(("", _items(text)) for text in headers.values())):
        for item in items:
            if item.name:
                uses.setdefault(_key(path, item), []).append((path, item.uses))
    wanted = set(roots)
    reached = _reached(uses, [key for key in uses if key[1] in wanted])
    files = {}
    for path, items in parts.items():
        if any(_is_shared(item) and _key(path, item) in reached for item in items):
            files[path] = "".join(item.text for item in items if not item.name or _key(path, item) in reached)
    shared = frozenset(name for scope, name in reached if not scope)
    files |= {path: sources[path] for path, names in assembled.items() if names & shared}
    return CutSources(files | _included(files, headers), shared)


def _key(path: str, item: _Item) -> _Key:
    return ("" if _is_shared(item) else path, item.name)


def _reached(uses: _Uses, roots: list[_Key]) -> set[_Key]:
    reached: set[_Key] = set()
    waiting = list(roots)
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached.add(key)
            for path, names in uses[key]:
                waiting += [(path, name) if (path, name) in uses else ("", name) for name in names]
            waiting = [each for each in waiting if each in uses]
    return reached


def _is_shared(item: _Item) -> bool:
    """Tell whether other files can use the item: a definition that is not static, and no declaration."""
    code = _COMMENT.sub("", item.text).strip()
    return bool(item.name) and not code.startswith(("#", "static")) and not (code.endswith(");") and "{" not in code)


def _included(files: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    waiting = [name for text in files.values() for name in _INCLUDE.findall(text)]
    while waiting:
        name = waiting.pop()
        if name in headers and name not in found:
            found[name] = headers[name]
            waiting += _INCLUDE.findall(headers[name])
    return dict(sorted(found.items()))


def _items(text: str) -> list[_Item]:
    items, pending = [], ""
    for line in text.splitlines(keepends=True):
        pending += line
        code = _COMMENT.sub("", pending)
        if "/*" in code or not code.strip():
            continue  # inside a comment, or nothing yet
        if _ends(code):
            items.append(_item(pending, code))
            pending = ""
    return [*items, _Item(pending)] if pending else items


def _ends(code: str) -> bool:
    bare = _STRING.sub('""', code).rstrip()
    if bare.lstrip().startswith("#"):
        return not bare.endswith("\\")
    return bare.count("{") == bare.count("}") and bare.count("(") == bare.count(")") and bare.endswith((";", "}"))


def _item(text: str, code: str) -> _Item:
    code = _STRING.sub('""', code).strip()
    if code.startswith("#"):
        macro = re.match(r"#define\s+(\w+)", code)
        return _Item(text, macro[1], _names(code, macro[1])) if macro else _Item(text)
    if code.startswith(_TYPES):
        return _Item(text)
    start = code.partition("{")[0]
    found = _CONSTANT.search(start) or _CALL.search(start)
    return _Item(text, found[1], _names(code, found[1])) if found else _Item(text)


def _names(code: str, own: str) -> frozenset[str]:
    return frozenset(_NAME.findall(code)) - {own}
