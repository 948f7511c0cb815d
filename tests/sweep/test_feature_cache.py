# SPDX-License-Identifier: Apache-2.0
"""Features by content: made once, whole or not at all, and again where a file is damaged."""

import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tinytl.errors import BenchError
from tinytl_bench.sweep.features.cache import FeatureCache, content_key

ROWS = np.arange(70, dtype=np.int8).reshape(10, 7)
KEY = content_key("extractor", ROWS, {"range": [0, 1]})


def blocks() -> Iterator[np.ndarray]:
    yield from (ROWS[:6], ROWS[6:])


def rows(cache: FeatureCache, make: Callable[[], Iterator[np.ndarray]] = blocks) -> np.ndarray:
    return cache.rows(KEY, 7, 10, "int8", make)


def test_features_are_made_once_and_mapped(tmp_path: Path) -> None:
    first, second = FeatureCache(tmp_path / "new"), FeatureCache(tmp_path / "new")
    for cache in (first, first, second):
        found = rows(cache)
        assert isinstance(found, np.memmap) and not found.flags.writeable
        assert np.array_equal(found, ROWS)
    assert (first.made, second.made) == ([KEY], [])


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-3]),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\x7f"),
        lambda path: path.unlink(),
        lambda path: path.with_suffix(".json").unlink(),
        lambda path: path.with_suffix(".json").write_text("{"),
    ],
    ids=["shorter", "other byte", "gone", "no record", "half a record"],
)
def test_damaged_features_are_made_again(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    cache = FeatureCache(tmp_path)
    rows(cache)
    damage(cache.path(KEY))
    again = FeatureCache(tmp_path)
    assert np.array_equal(rows(again), ROWS)
    assert again.made == [KEY]


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield ROWS[:6]
        raise KeyboardInterrupt

    cache = FeatureCache(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        rows(cache, broken)
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock"]
    assert np.array_equal(rows(cache), ROWS)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ([ROWS[:6]], "6 rows of features were made; expected 10"),
        ([ROWS.astype(np.int16)], r"a block of features is int16 \(10, 7\); expected int8 \(n, 7\)"),
        ([ROWS[:, :3]], r"a block of features is int8 \(10, 3\)"),
    ],
)
def test_features_of_another_shape_are_refused(tmp_path: Path, made: list[np.ndarray], text: str) -> None:
    with pytest.raises(BenchError, match=text):
        rows(FeatureCache(tmp_path), lambda: iter(made))
    assert not list(tmp_path.glob("*.npy"))


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk; in a process of its own, which keeps it."""
    ran = multiprocessing.get_context("fork").Process(target=_write_within_a_kilobyte, args=(tmp_path,))
    ran.start()
    ran.join(30)
    assert ran.exitcode == 0
    assert not list(tmp_path.glob("*.npy*")) and not list(tmp_path.glob(".*.npy*"))


def _write_within_a_kilobyte(folder: Path) -> None:
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
    with pytest.raises(BenchError, match=r"features cannot be kept in .*\nhint: free some space, or --cache FOLDER on another disk"):
        FeatureCache(folder).rows(KEY, 700, 100, "int8", lambda: iter([np.zeros((100, 700), np.int8)]))


def test_a_key_depends_on_all_parts() -> None:
    parts = (b"extractor", ROWS, {"b": 1, "a": 2})
    others = (
        (b"extractoR", *parts[1:]), (parts[0], ROWS.astype(np.uint8), parts[2]), (parts[0], ROWS.reshape(7, 10), parts[2]),
        (*parts[:2], {"b": 2, "a": 2}), (b"extractor" + ROWS.tobytes(), parts[2]),
    )  # fmt: skip
    assert len({content_key(*each) for each in (parts, *others)}) == 1 + len(others)
    assert content_key({"a": 2, "b": 1}) == content_key({"b": 1, "a": 2})
