# SPDX-License-Identifier: Apache-2.0
"""Which files of the runtime some functions need: for libraries of one model. Files stay whole; a linker drops what nothing calls.

In: files and the names of functions. Out: the files that define them, those that these call, and the headers. Between files there are only
names that begin with `tinytl_`. A linker with `--gc-sections` leaves little more than functions picked one by one would, so the runtime's C
is not taken apart here.
"""

import re
from collections.abc import Iterable, Mapping

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_NAME = re.compile(r"\btinytl_\w+")
DEFINED = re.compile(r"^(?!static|typedef|extern|#)[A-Za-z_][\w \t*]*?[ \t*](tinytl_\w+)(?:\([^;{}]*\)\s*\{|\[\]\s*=|\s*=)", re.MULTILINE)
"""Finds the names of functions and tables that a C file defines, its comments taken out."""
_PROTOTYPE = re.compile(r"^[A-Za-z_][^;{}#]*\)[\s\w]*;", re.MULTILINE)
_INCLUDE = re.compile(r'^\s*[#.]\s*include "([^"]+)"', re.MULTILINE)


def needed_files(sources: Mapping[str, str], headers: Mapping[str, str], roots: Iterable[str]) -> dict[str, str]:
    """Return path → text of the files that the roots need, headers among them.

    Args:
        sources: path → text of C and assembly files. A function may be in several, as inner loops are.
        headers: name in `#include` → text.
        roots: names of functions and tables.
    """
    bare = {path: _COMMENT.sub(" ", text) for path, text in sources.items()}
    inlined = {name: set(_NAME.findall(_PROTOTYPE.sub("", _COMMENT.sub(" ", text)))) for name, text in headers.items()}
    homes: dict[str, list[str]] = {}
    for path, text in bare.items():
        for name in (_NAME if path.endswith(".S") else DEFINED).findall(text):
            homes.setdefault(name, []).append(path)
    needed: set[str] = set()
    waiting = [path for root in roots for path in homes.get(root, ())]
    while waiting:
        path = waiting.pop()
        if path not in needed:
            needed.add(path)
            used = set(_NAME.findall(bare[path])).union(*(inlined[name] for name in _included({path: bare[path]}, headers)))
            waiting += [other for name in used for other in homes.get(name, ())]
    files = {path: sources[path] for path in sorted(needed)}
    return files | _included(files, headers)


def _included(files: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
    inclusions: dict[str, str] = {}
    waiting = [name for text in files.values() for name in _INCLUDE.findall(text)]
    while waiting:
        name = waiting.pop()
        if name in headers and name not in inclusions:
            inclusions[name] = headers[name]
            waiting += _INCLUDE.findall(headers[name])
    return dict(sorted(inclusions.items()))
