# SPDX-License-Identifier: Apache-2.0
"""Which file of the project takes which: Python's imports, wherever they stand, and C's includes.

In: the root of the repository. Out: file → files, and what runs in circles there: files, or rooms (what lies directly in one folder).
Imports for type checkers alone count too. A folder's `__init__.py` is its door, and is no room of it.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

SOURCE_ROOTS = ("toolchain", "models", "firmware_bridge", "benchmarks", "command_line")
Arrows = Mapping[Path, set[Path]]


def arrows(root: Path) -> dict[Path, set[Path]]:
    """Return for each source file those that it imports or includes."""
    return _python_arrows(root) | _c_arrows(root / "firmware_bridge/runtime")


def _python_arrows(root: Path) -> dict[Path, set[Path]]:
    modules = {}
    for source_root in SOURCE_ROOTS:
        for path in (root / source_root).rglob("*.py"):
            name = ".".join(path.relative_to(root / source_root).with_suffix("").parts)
            modules[name.removesuffix(".__init__")] = path
    return {path: {modules[name] for name in _imported(path, modules) if name in modules} - {path} for path in modules.values()}


def _imported(path: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = [f"{node.module}.{each.name}" for each in node.names]
            yield from (name if name in modules else node.module for name in whole)


def _c_arrows(runtime: Path) -> dict[Path, set[Path]]:
    found = {}
    for path in runtime.rglob("*.[chS]"):
        names = re.findall(r'#include "([^"]+)"', path.read_text(encoding="utf-8"))
        found[path] = {place for name in names for place in (runtime / name, runtime / "include" / name) if place.exists()}
    return found


def circles(graph: Mapping[object, set[object]]) -> list[set[object]]:
    """Return the sets of nodes of which each leads to each other (Tarjan 1972), of two nodes or more."""
    numbers: dict[object, int] = {}
    lowest: dict[object, int] = {}
    stack: list[object] = []
    found = []

    def visit(node: object) -> None:
        numbers[node] = lowest[node] = len(numbers)
        stack.append(node)
        for other in graph.get(node, set()):
            if other not in numbers:
                visit(other)
            if other in stack:
                lowest[node] = min(lowest[node], lowest[other])
        if lowest[node] == numbers[node]:
            at = stack.index(node)
            found.append(set(stack[at:]))
            del stack[at:]

    for node in graph:
        if node not in numbers:
            visit(node)
    return [circle for circle in found if len(circle) > 1]


def rooms(folder: Path, graph: Arrows) -> dict[object, set[object]]:
    """Return which of the things that lie directly in a folder takes which other."""
    found: dict[object, set[object]] = {}
    door = folder / "__init__.py"
    for path, others in graph.items():
        if folder in path.parents and path != door:
            room = path.relative_to(folder).parts[0]
            inside = {other.relative_to(folder).parts[0] for other in others if folder in other.parents and other != door}
            found.setdefault(room, set()).update(inside - {room})
    return found
