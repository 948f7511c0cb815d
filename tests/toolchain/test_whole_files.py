# SPDX-License-Identifier: Apache-2.0
"""Files are there whole or not at all: what was there before stays, and nothing else is left."""

from pathlib import Path

import pytest

from tinytl.errors import BundleError
from tinytl.files import whole_file, write_whole


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b"before")
    with whole_file(path) as stream:
        stream.write(b"after")
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_secrets_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with whole_file(path, mode=0o600) as stream:
        (being_written,) = tmp_path.iterdir()
        assert being_written.stat().st_mode & 0o077 == 0
        stream.write(b"{}")
    write_whole(path, b"[]", mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o600 and path.read_bytes() == b"[]"


def broken_off(path: Path) -> None:
    with whole_file(path) as stream:
        stream.write(b"half")
        raise KeyboardInterrupt


def test_a_block_that_raises_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt):
        broken_off(path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_that_is_a_folder_is_refused_with_the_systems_reason(tmp_path: Path) -> None:
    (tmp_path / "taken" / "inner").mkdir(parents=True)
    with pytest.raises(BundleError) as caught:
        write_whole(tmp_path / "taken", b"x")
    assert str(caught.value) == f"{tmp_path / 'taken'} cannot be written: Is a directory; expected a folder that exists and may be written"
    assert list(tmp_path.iterdir()) == [tmp_path / "taken"]
