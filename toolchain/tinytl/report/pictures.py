# SPDX-License-Identifier: Apache-2.0
"""Pictures outside a plot: example images as data URIs, and the learning curve as a PNG file for a README.

In: `Picture`s and a `Story`. Out: `data:` texts, and a file that is there whole or not at all. No dates or versions in the bytes.
"""

import base64
import io
from pathlib import Path

from tinytl.data.pillow import pillow
from tinytl.files import write_whole
from tinytl.report.canvas import LIGHT, canvas, to_png
from tinytl.report.plots import learning_curve
from tinytl.report.story import Picture, Story


def data_uri(picture: Picture) -> str:
    """Return the image as «data:image/png;base64,…». Raises DataError where Pillow is missing."""
    pixels = picture.array
    stream = io.BytesIO()
    pillow().fromarray(pixels[:, :, 0] if picture.shape[2] == 1 else pixels).save(stream, format="PNG", optimize=False)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def write_learning_curve(story: Story, path: Path | str, *, width: int = 860, height: int = 420, scale: float = 2.0) -> Path:
    """Draw the learning curve as a PNG on white.

    Args:
        story: whose curve is drawn. path: of the PNG. width, height: in CSS pixels. scale: image pixels for each of them.

    Raises:
        ReportError: matplotlib is missing. BundleError: the folder cannot be written.
    """
    with canvas(width, height, LIGHT) as figure:
        learning_curve(figure, LIGHT, story.curve)
        write_whole(Path(path), to_png(figure, scale=scale))
    return Path(path)
