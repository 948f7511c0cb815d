# SPDX-License-Identifier: Apache-2.0
"""The surface that plots are drawn on: one style, colours by role, the same bytes every time.

In: a drawing function's figure. Out: an SVG to put inside an HTML page, or a PNG. In the SVG every colour is a CSS variable (`--target`,
`--ink` …), so that one drawing serves the light and the dark page, and text stays text in the reader's own font.
Colours: P. Okabe and K. Ito, «Color Universal Design», darkened or lightened until they contrast with the page.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from html import escape
from typing import TYPE_CHECKING, Any

from tinytl import install_hint
from tinytl.errors import ReportError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS_PER_INCH = 72.0  # of the SVG's own unit: one unit is one CSS pixel when the plot is as wide as drawn


@dataclass(frozen=True)
class Palette:
    """Colours by what they stand for. Defaults: the light page."""

    ink: str = "#1b2026"
    muted: str = "#58616b"
    rule: str = "#dde1e5"
    paper: str = "#ffffff"
    target: str = "#0a66a8"
    source: str = "#a84a08"
    head: str = "#0b7a5b"
    frozen: str = "#6b7783"
    extra: str = "#8a4a86"
    soft: str = "#c3cad1"


LIGHT = Palette()
# Stand-ins that the SVG writer prints as they are; each becomes the CSS variable of its role.
PAGE = Palette(**{field.name: f"#f0a5{number:02x}" for number, field in enumerate(fields(Palette))})

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans", "font.size": 12.0, "axes.titlesize": 12.0, "axes.labelsize": 12.0,
    "xtick.labelsize": 11.0, "ytick.labelsize": 11.0, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8,
    "axes.axisbelow": True, "text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "tinytl", "path.simplify": True,
    "axes.formatter.useoffset": False, "axes.unicode_minus": True, "figure.dpi": _POINTS_PER_INCH, "lines.solid_capstyle": "round",
}  # fmt: skip


@contextmanager
def canvas(width: float, height: float, palette: Palette) -> Iterator["Figure"]:
    """Yield an empty figure of width × height CSS pixels, in the style; draw and render it inside the `with`.

    Args:
        width, height: of the figure, CSS pixels. palette: colours of text, axes and rules.

    Raises:
        ReportError: matplotlib is not installed.
    """
    try:
        from matplotlib import style
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ReportError("plots need matplotlib, which is not installed", hint=install_hint.with_extra("host")) from error
    colours = {
        "text.color": palette.ink, "axes.edgecolor": palette.soft, "axes.labelcolor": palette.muted, "axes.titlecolor": palette.ink,
        "xtick.color": palette.soft, "ytick.color": palette.soft, "xtick.labelcolor": palette.muted, "ytick.labelcolor": palette.muted,
        "grid.color": palette.rule, "grid.linewidth": 0.8,
    }  # fmt: skip
    with style.context(["default", {**_STYLE, **colours}], after_reset=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's font may have it
        yield Figure(figsize=(width / _POINTS_PER_INCH, height / _POINTS_PER_INCH), layout="constrained")


def quiet(axes: "Axes") -> None:
    """Leave the axes with light horizontal lines and no tick marks."""
    axes.grid(visible=True, axis="y")
    axes.tick_params(length=0)


def to_svg(figure: "Figure", *, label: str, name: str) -> str:
    """Return the figure as an `<svg>` element drawn with the `PAGE` palette.

    Args:
        figure: drawn with `PAGE`. label: the text alternative. name: makes the element's ids unique in the page; letters, digits, dashes.
    """
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = stream.getvalue()
    opening = re.search(r"<svg[^>]*viewBox=\"([^\"]+)\"[^>]*>", text)
    if opening is None:
        raise ReportError("matplotlib wrote an SVG without a viewBox", hint="pip install --upgrade matplotlib")
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", text[opening.end() :], flags=re.DOTALL)
    body = re.sub(r"<[^>]*>", lambda tag: _adopt(tag[0], name), body)
    return f'<svg viewBox="{opening[1]}" role="img" aria-label="{escape(label)}">{body.strip()}'


def _adopt(tag: str, name: str) -> str:
    """Make one tag fit for a page: ids of its own, no namespaces, the page's font and colours, coordinates to a hundredth."""
    tag = tag.replace("xlink:href", "href")
    tag = re.sub(r' id="([^"]+)"', "" if tag.startswith("<g") else rf' id="{name}-\1"', tag)
    tag = re.sub(r'(url\(#|href="#)', rf"\1{name}-", tag)
    tag = re.sub(r" ?font-family: [^;\"]*;?", "", tag)
    tag = re.sub(r"font: ([^;\"]*?)'DejaVu Sans'[^;\"]*", r"font: \1var(--font)", tag)
    tag = re.sub(r' transform="rotate\(-0 [^"]*"', "", tag)
    for field in fields(Palette):
        tag = tag.replace(getattr(PAGE, field.name), f"var(--{field.name})")
    return re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), tag)


def to_png(figure: "Figure", *, scale: float) -> bytes:
    """Return the figure as PNG bytes with a margin, scale image pixels for each CSS pixel, without dates or versions."""
    figure.set_layout_engine("constrained", rect=(0.02, 0.03, 0.96, 0.94))
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_POINTS_PER_INCH * scale, facecolor=LIGHT.paper, metadata={"Software": None})
    return stream.getvalue()
