# SPDX-License-Identifier: Apache-2.0
"""Commands that install what is missing, from where this tinytl came: a checkout, a wheel, a repository, or an index.

pip keeps the origin of what it installed in `direct_url.json` (PEP 610); without that file it came from an index.
"""

import json
import shlex
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_NAME = "tinytl"
_EDITABLE = "-e "


def with_extra(extra: str) -> str:
    """Return the command that adds an extra, e.g. `pip install -e '/home/me/tinytl[host]'`."""
    option, origin = _origin()
    return f"pip install {option}{_quoted(origin, extra)}"


def again() -> str:
    """Return the command that installs tinytl once more, where a part of it is missing."""
    option, origin = _origin()
    return f"pip install --force-reinstall --no-deps {option}{_quoted(origin)}"


def newer() -> str:
    """Return the command, or the words, that lead to a newer tinytl."""
    option, origin = _origin()
    if option == _EDITABLE:
        return f"git -C {shlex.quote(origin)} pull, then pip install {option}{_quoted(origin)}"
    if origin.endswith(".whl"):
        return f"pip install the wheel of a newer tinytl; this one came from {origin}"
    return f"pip install --upgrade {_quoted(origin)}"


def _origin() -> tuple[str, str]:
    """Return pip's option and what follows it; an extra goes behind that."""
    try:
        text = distribution(_NAME).read_text("direct_url.json")
        return origin_of(json.loads(text)) if text else ("", _NAME)
    except PackageNotFoundError:
        return _EDITABLE, _told(Path(__file__).resolve().parents[2])
    except ValueError:
        return "", _NAME


def origin_of(direct_url: Mapping[str, Any]) -> tuple[str, str]:
    """Return ("-e " or "", what pip takes) of the contents of a `direct_url.json`; an extra goes behind the latter.

    A folder that was installed as editable stays so. A remote origin is `tinytl @ URL`, whose extra goes behind the name.
    """
    url = str(direct_url.get("url", ""))
    parts, version = urlsplit(url), direct_url.get("vcs_info") or {}
    if parts.scheme == "file" and not version:
        editable = (direct_url.get("dir_info") or {}).get("editable") is True
        return _EDITABLE if editable else "", _told(Path(unquote(parts.path)))
    if not url:
        return "", _NAME
    return "", f"{_NAME} @ {version['vcs']}+{url}" if version.get("vcs") else f"{_NAME} @ {url}"


def _told(path: Path) -> str:
    """Say a path as it can be typed here: the folder that one is in is a dot."""
    return "." if path == Path.cwd() else str(path)


def _quoted(origin: str, extra: str = "") -> str:
    name, at, url = origin.partition(" @ ")
    return shlex.quote(f"{name}[{extra}]{at}{url}" if extra else origin)
