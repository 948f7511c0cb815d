# SPDX-License-Identifier: Apache-2.0
"""Hints that install something name where this tinytl came from, and pip takes them."""

import shlex
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tinytl import install_hint
from tinytl.install_hint import origin_of

ROOT = Path(__file__).resolve().parents[2]
WHEEL = "tinytl-0.1.0-py3-none-any.whl"


class _Installed:
    """A distribution that pip installed from somewhere."""

    def __init__(self, direct_url: str | None) -> None:
        self._text = direct_url

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self._text


def installed(monkeypatch: pytest.MonkeyPatch, direct_url: str | None) -> None:
    monkeypatch.setattr(install_hint, "distribution", lambda name: _Installed(direct_url))


@pytest.mark.parametrize(
    ("direct_url", "extra", "again", "newer"),
    [
        (
            '{"url": "file:///home/me/tiny%20tl", "dir_info": {"editable": true}}',
            "pip install -e '/home/me/tiny tl[host]'",
            "pip install --force-reinstall --no-deps -e '/home/me/tiny tl'",
            "git -C '/home/me/tiny tl' pull, then pip install -e '/home/me/tiny tl'",
        ),
        (
            '{"url": "file:///home/me/tinytl", "dir_info": {}}',
            "pip install '/home/me/tinytl[host]'",
            "pip install --force-reinstall --no-deps /home/me/tinytl",
            "pip install --upgrade /home/me/tinytl",
        ),
        (
            f'{{"url": "file:///tmp/{WHEEL}", "archive_info": {{}}}}',
            f"pip install '/tmp/{WHEEL}[host]'",
            f"pip install --force-reinstall --no-deps /tmp/{WHEEL}",
            f"pip install the wheel of a newer tinytl; this one came from /tmp/{WHEEL}",
        ),
        (
            '{"url": "https://example.org/tinytl.git", "vcs_info": {"vcs": "git", "commit_id": "a"}}',
            "pip install 'tinytl[host] @ git+https://example.org/tinytl.git'",
            "pip install --force-reinstall --no-deps 'tinytl @ git+https://example.org/tinytl.git'",
            "pip install --upgrade 'tinytl @ git+https://example.org/tinytl.git'",
        ),
        (None, "pip install 'tinytl[host]'", "pip install --force-reinstall --no-deps tinytl", "pip install --upgrade tinytl"),
        ("{", "pip install 'tinytl[host]'", "pip install --force-reinstall --no-deps tinytl", "pip install --upgrade tinytl"),
    ],
)
def test_where_it_came_from(monkeypatch: pytest.MonkeyPatch, direct_url: str | None, extra: str, again: str, newer: str) -> None:
    installed(monkeypatch, direct_url)
    assert (install_hint.with_extra("host"), install_hint.again(), install_hint.newer()) == (extra, again, newer)


def test_the_folder_that_one_is_in_is_a_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert origin_of({"url": ROOT.as_uri(), "dir_info": {"editable": True}}) == ("-e ", ".")
    monkeypatch.setattr(install_hint, "_origin", lambda: ("-e ", "."))
    assert install_hint.with_extra("host") == "pip install -e '.[host]'"


def test_without_an_installation_it_is_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> Any:
        raise install_hint.PackageNotFoundError(name)

    monkeypatch.setattr(install_hint, "distribution", missing)
    monkeypatch.chdir(tmp_path)
    assert install_hint.with_extra("test") == f"pip install -e '{ROOT}[test]'"


def test_pip_takes_a_wheel_with_an_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The real pip, which would install and stops before it; the wheel is one of the same name."""
    folder = tmp_path / "a b"
    folder.mkdir()
    facts = "tinytl-0.1.0.dist-info/"
    with zipfile.ZipFile(folder / WHEEL, "w") as made:
        made.writestr(f"{facts}METADATA", "Metadata-Version: 2.1\nName: tinytl\nVersion: 0.1.0\nProvides-Extra: host\n")
        made.writestr(f"{facts}WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr(f"{facts}RECORD", "")
    installed(monkeypatch, f'{{"url": "{(folder / WHEEL).as_uri()}", "archive_info": {{}}}}')
    words = shlex.split(install_hint.with_extra("host"))
    assert words[:2] == ["pip", "install"]
    tried = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-index", "--ignore-installed", *words[2:]]
    ran = subprocess.run(tried, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "Would install tinytl-0.1.0" in ran.stdout and "does not provide" not in ran.stderr
