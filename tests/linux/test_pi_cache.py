# SPDX-License-Identifier: Apache-2.0
"""Folders of the cache: whole or absent, made once, forgotten when nobody uses them."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tinytl.errors import BuildError
from tinytl_bridge.emulated_pi.cache import cache_folder, key_of, made_once


def test_a_key_is_of_the_parts_and_their_borders() -> None:
    assert key_of(["a", b"b"]) == key_of(["a", "b"]) and len(key_of([])) == 16
    assert len({key_of(parts) for parts in (["ab"], ["a", "b"], ["b", "a"], [])}) == 4


def test_the_cache_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TINYTL_CACHE_DIR", str(tmp_path))
    assert cache_folder() == tmp_path / "emulated-pi"


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def fail(part: Path) -> None:
        (part / "half").touch()
        raise BuildError("the network is away")

    with pytest.raises(BuildError, match="the network is away"):
        made_once(tmp_path / "whole", fail)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_two_at_once_make_it_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def fill(part: Path) -> None:
        made.append(part)
        time.sleep(0.1)
        (part / "file").write_text("whole")

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: (made_once(tmp_path / "whole", fill) / "file").read_text(), range(2)))
    assert found == ["whole", "whole"] and len(made) == 1


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BuildError, match=r"(?s)cannot be made: .*expected a disk with 500 MB free\nhint: TINYTL_CACHE_DIR=FOLDER"):
        made_once(tmp_path / "file/whole", lambda part: None)


def test_what_nobody_used_for_a_month_goes(tmp_path: Path) -> None:
    ages = {"old": 31 * 86400, "used": 20 * 86400, ".part-cut": 2 * 86400, ".part-now": 60}
    for name, age in ages.items():
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    made_once(tmp_path / "new", lambda part: None)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"new", "used", ".part-now"}
