# SPDX-License-Identifier: Apache-2.0
"""The agent's files beside its model: whole or not at all; what a kill left half written takes no room for ever."""

import subprocess
import sys

import pytest

from tinytl.errors import DeviceError
from tinytl_bridge.agent.extractor_choice import ExtractorChoice
from tinytl_bridge.agent.kept_files import KeptFiles
from tinytl_bridge.agent.running import keeper
from tinytl_bridge.targets.host import HostTarget

KILLED = """
import os, signal, sys
from pathlib import Path
from tinytl.files import whole_file
with whole_file(Path(sys.argv[1])) as stream:
    stream.write(b"half")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_kill_left_half_written_is_removed_and_the_file_before_it_stays(tmp_path):
    KeptFiles(tmp_path / "files").keep("model", b"before")
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "files" / "model")], check=False)
    assert len(list((tmp_path / "files").iterdir())) == 2
    files = KeptFiles(tmp_path / "files")
    assert files.path("model").read_bytes() == b"before" and files.path("samples") is None
    assert [path.name for path in (tmp_path / "files").iterdir()] == ["model"]


def test_a_disk_that_takes_no_file_is_told_to_the_host(tmp_path):
    files = KeptFiles(tmp_path / "files")
    keep = keeper(files, ExtractorChoice("runtime", HostTarget(state_dir=tmp_path), files, tmp_path))
    (tmp_path / "files").rmdir()
    with pytest.raises(
        DeviceError, match=r"the agent cannot keep the file 'samples': .*; expected room on its disk\nhint: free some space"
    ):
        keep("samples", b"some")


@pytest.mark.parametrize("name", ["other", "../model", "", ".model.x"])
def test_another_name_is_refused(tmp_path, name):
    with pytest.raises(DeviceError, match=r"is none that the agent keeps; expected model, samples"):
        KeptFiles(tmp_path / "files").keep(name, b"")
