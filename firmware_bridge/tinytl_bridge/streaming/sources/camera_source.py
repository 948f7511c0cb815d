# SPDX-License-Identifier: Apache-2.0
"""The source `camera:0`, `camera:/dev/video0`, `camera:FILE` or `camera:pi0`: frames of a camera or of a video file, without labels.

In: which camera. Out: arrivals of RGB uint8 (H, W, 3), which the model's own preprocessing then sizes. OpenCV reads V4L2 cameras and
files; picamera2 a camera on a Raspberry Pi's ribbon cable. Of a camera the newest frame counts: what comes while a sample is taught is
passed over. Of a file every frame comes, or each n-th with `?every=N`.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from tinytl import install_hint
from tinytl.errors import DataError
from tinytl_bridge.streaming.records import Arrival, LabelledSample, SourceLost

_PICAMERA = "pi"
_FAILURES = 10
"""Frames in a row that a camera may fail to give."""


class _Frames(Protocol):
    """read: the next frame, RGB uint8 (H, W, 3), None where there is none. release: give the camera back."""

    def read(self) -> np.ndarray | None: ...

    def release(self) -> None: ...


class _OpenCv:
    def __init__(self, place: int | str, *, live: bool) -> None:
        import cv2

        os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
        self._convert, self._code = cv2.cvtColor, cv2.COLOR_BGR2RGB
        self._capture = cv2.VideoCapture(place)
        if not self._capture.isOpened():
            raise OSError("OpenCV cannot open it")
        if live:
            self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # else the driver hands out frames that are a while old

    def read(self) -> np.ndarray | None:
        there, frame = self._capture.read()
        return np.asarray(self._convert(frame, self._code)) if there else None

    def release(self) -> None:
        self._capture.release()


class _PiCamera:
    def __init__(self, number: int) -> None:
        from picamera2 import Picamera2

        self._camera = Picamera2(number)
        # picamera2 names formats by the order in a word: BGR888 is R, G, B in memory.
        self._camera.configure(self._camera.create_video_configuration(main={"format": "BGR888", "size": (640, 480)}))
        self._camera.start()

    def read(self) -> np.ndarray | None:
        return np.asarray(self._camera.capture_array("main"))

    def release(self) -> None:
        self._camera.stop()
        self._camera.close()


class CameraSource:
    """A `Source` of frames.

    Args:
        place: number of a camera, /dev/videoN, a video file, or pi0, pi1 … options: `every`: takes each n-th frame.

    Raises:
        DataError: no such camera or file, or what reads it is not installed.
    """

    def __init__(self, place: str, options: dict[str, str]) -> None:
        every = options.get("every", "1")
        if not (every.isascii() and every.isdigit() and int(every)):
            raise DataError(f"every {every!r} of camera:{place}", expected="a number, 1 or more")
        self.name, self._every, self._closed = f"camera:{place}", int(every), False
        self.live = not Path(place).is_file()
        self._frames = _opened(place, live=self.live)

    def arrivals(self) -> Iterator[Arrival | None]:
        """As `Source.arrivals`. A file ends; a camera that gives no frames is lost."""
        count = failures = 0
        try:
            while not self._closed:
                frame = self._frames.read()
                if frame is None and not self.live:
                    return
                failures = failures + 1 if frame is None else 0
                if failures > _FAILURES:
                    raise SourceLost(f"{self.name} was lost: it gives no frames", hint="is its cable in place?")
                chosen = frame is not None and count % self._every == 0
                count += frame is not None
                yield Arrival(LabelledSample(frame)) if chosen and frame is not None else None
        finally:
            self._frames.release()  # here, in the thread that reads: no driver likes to be closed while it is asked

    def close(self) -> None:
        """As `Source.close`."""
        self._closed = True


def _opened(place: str, *, live: bool) -> _Frames:
    number = place.removeprefix(_PICAMERA)
    try:
        if place.startswith(_PICAMERA) and (number.isdigit() or not number):
            return _PiCamera(int(number or 0))
        if live and not place.isdigit() and not Path(place).exists():
            raise DataError(f"camera:{place}: no such device or file", expected="camera:0, camera:/dev/video0, a file, camera:pi0")
        return _OpenCv(int(place) if place.isdigit() else place, live=live)
    except ImportError as error:
        wanted = "picamera2" if place.startswith(_PICAMERA) else "OpenCV"
        hint = "sudo apt-get install -y python3-picamera2" if wanted == "picamera2" else install_hint.with_extra("camera")
        raise DataError(f"camera:{place} needs {wanted}, which is not installed", hint=hint) from error
    except (OSError, RuntimeError, IndexError) as error:
        raise DataError(
            f"camera:{place} cannot be opened: {error}", expected="a camera that is free, or a video file",
            hint="a camera on a Raspberry Pi's ribbon cable is camera:pi0" if live and not place.startswith(_PICAMERA) else "",
        ) from error  # fmt: skip
