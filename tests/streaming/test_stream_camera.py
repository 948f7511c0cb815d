# SPDX-License-Identifier: Apache-2.0
"""Frames as samples: of a real video file through OpenCV, and picamera2 by a stand-in, since only a Raspberry Pi has it."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tinytl.data import prepare_samples
from tinytl.errors import DataError
from tinytl_bridge import Device
from tinytl_bridge.streaming import Format, Wishes, open_source, teach_live
from tinytl_cli import cli

FRAMES = 12


def colours() -> list[np.ndarray]:
    """RGB frames of one colour each, from red to blue, 48×64: no codec can spoil them much."""
    return [np.full((48, 64, 3), (240 - 20 * n, 30, 20 * n), np.uint8) for n in range(FRAMES)]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    cv2 = pytest.importorskip("cv2", reason="needs tinytl[camera]")
    path = tmp_path / "colours.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    assert writer.isOpened()
    for frame in colours():
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def frames_of(name: str) -> list[np.ndarray]:
    return [arrival.record.x for arrival in open_source(name, Format(), print).arrivals() if arrival is not None]  # type: ignore[union-attr]


def test_a_file_gives_every_frame_in_its_colours(video: Path) -> None:
    frames = frames_of(f"camera:{video}")
    assert len(frames) == FRAMES and all(frame.dtype == np.uint8 for frame in frames)
    difference = np.abs(np.stack(frames).astype(int) - np.stack(colours()))
    assert difference.max() < 12, "red is red and blue is blue"
    assert [frame.tolist() for frame in frames_of(f"camera:{video}?every=5")] == [frames[at].tolist() for at in (0, 5, 10)]


def test_frames_are_prepared_as_the_bundle_says(video: Path, device: Device) -> None:
    """Resized and made grey like any image, to the head that the same images teach by hand."""
    frames = np.stack(frames_of(f"camera:{video}"))
    told = device.metadata()
    prepared = prepare_samples(frames, told["input"], told["preprocessing"]).reshape(FRAMES, -1)
    for sample in prepared:
        device.teach_prepared(sample, 5)
    by_hand = device.head_parameters()
    device.rollback("factory")
    result = teach_live(device, open_source(f"camera:{video}", Format(), print), Wishes(label="5"))
    assert (result.taught.taught, result.refused) == (FRAMES, 0)
    assert device.head_parameters().tobytes() == by_hand.tobytes()


def test_two_things_by_the_command(video: Path, state: Path) -> None:
    where = ("teach", "--target", "host", "--state", str(state), "--stream", f"camera:{video}", "--json")
    first = json.loads(CliRunner().invoke(cli, [*where, "--label", "cup", "--samples", "4"], catch_exceptions=False).stdout)
    second = json.loads(CliRunner().invoke(cli, [*where, "--label", "pen"], catch_exceptions=False).stdout)
    assert (first["taught"], first["classes_added"], first["ended_by"]) == (4, "cup", "samples")
    assert (second["taught"], second["classes_added"], second["ended_by"]) == (FRAMES, "pen", "end of the stream")


def test_no_such_camera(tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="needs tinytl[camera]")
    (tmp_path / "no.avi").write_bytes(b"no video")
    for name, text in (
        (f"camera:{tmp_path / 'none.avi'}", "none.avi: no such device or file; expected camera:0, camera:/dev/video0, a file, camera:pi0"),
        (f"camera:{tmp_path / 'no.avi'}", "no.avi cannot be opened: OpenCV cannot open it"),
        (f"camera:{tmp_path / 'no.avi'}?every=0", "every '0' of camera:"),
    ):
        with pytest.raises(DataError) as refused:
            open_source(name, Format(), print)
        assert text in refused.value.text()


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, text in (
        ("picamera2", "camera:pi0", "camera:pi0 needs picamera2, which is not installed\nhint: sudo apt-get install -y python3-picamera2"),
        ("cv2", "camera:0", "camera:0 needs OpenCV, which is not installed\nhint: pip install"),
        ("paho.mqtt.client", "mqtt://broker.local/lab", "MQTT needs paho-mqtt, which is not installed\nhint: pip install"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(DataError) as refused:
            open_source(name, Format(), print)
        assert refused.value.text().startswith(text)


def test_a_ribbon_camera_is_asked_as_picamera2_says(monkeypatch: pytest.MonkeyPatch, device: Device) -> None:
    """The newest frame counts: two wait at most, and the camera is stopped in the end."""
    calls: list[Any] = []

    class Picamera2:
        def __init__(self, number: int) -> None:
            calls.append(number)

        def create_video_configuration(self, main: dict[str, Any]) -> dict[str, Any]:
            return main

        def configure(self, configuration: dict[str, Any]) -> None:
            calls.append(configuration)

        def start(self) -> None:
            calls.append("start")

        def capture_array(self, name: str) -> np.ndarray:
            assert name == "main"
            return np.full((480, 640, 3), 100, np.uint8)

        def stop(self) -> None:
            calls.append("stop")

        def close(self) -> None:
            calls.append("close")

    module = ModuleType("picamera2")
    module.Picamera2 = Picamera2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    result = teach_live(device, open_source("camera:pi1", Format(), print), Wishes(label="3", samples=4))
    assert calls == [1, {"format": "BGR888", "size": (640, 480)}, "start", "stop", "close"]
    assert (result.taught.taught, result.most_waiting) == (4, 2)
