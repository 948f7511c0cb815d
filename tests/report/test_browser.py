# SPDX-License-Identifier: Apache-2.0
"""In a real browser: at the width of a phone and of a desk nothing is wider than the page."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

WIDTHS = (320, 390, 768, 1280)
# Every page in a frame of every width; the result is the frame's own idea of how wide its contents are.
MEASURE = """
<script>
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map((frame) => {
    const page = frame.contentDocument;
    page.querySelectorAll("details").forEach((each) => { each.open = true; });
    const shown = [...page.querySelectorAll(".wide, .narrow")].filter((each) => each.getClientRects().length).length;
    const boxes = [...page.querySelectorAll(".scroll, .scroll *, svg, svg *")];
    const inside = new Set(boxes);
    const right = Math.max(...[...page.body.querySelectorAll("*")].filter((each) => !inside.has(each))
      .map((each) => each.getBoundingClientRect().right));
    return [frame.title, page.scrollingElement.scrollWidth, Math.ceil(right), shown, page.querySelectorAll(".wide").length];
  });
  document.querySelector("#found").textContent = JSON.stringify(found);
});
</script>
"""


def test_nothing_is_wider_than_the_page(pages: dict[str, Path], tmp_path: Path) -> None:
    browser = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no Chromium: apt-get install chromium")
    style = "border:0;height:900px;width"
    frames = [
        f'<iframe title="{name}" style="{style}:{width}px" srcdoc="{html.escape(path.read_text(encoding="utf-8"))}"></iframe>'
        for name, path in pages.items()
        for width in WIDTHS
    ]
    wrapper = tmp_path / "wrapper.html"
    wrapper.write_text(f'<!DOCTYPE html><meta charset="utf-8">{MEASURE}<pre id="found"></pre>{"".join(frames)}', encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    options += ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}"]
    command = [browser, *options, "--window-size=1400,1000", "--dump-dom", wrapper.as_uri()]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    match = re.search(r'<pre id="found">(\[.*?\])</pre>', ran.stdout)
    assert match, ran.stderr[-2000:]
    found = json.loads(html.unescape(match[1]))
    assert len(found) == len(pages) * len(WIDTHS)
    for (name, content, right, shown, drawings), width in zip(found, WIDTHS * len(pages), strict=True):
        assert content <= width, f"{name} is {content} px wide in a window of {width}"
        assert right <= width, f"{name} reaches to {right} px in a window of {width}"
        assert shown == drawings > 0, f"{name} shows {shown} of {drawings} plots at {width} px"
