# SPDX-License-Identifier: Apache-2.0
"""The pages: self-contained, escaped, the same bytes every time, honest about how each number was had."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
import pytest
from example_story import LONG, QUOTE, SCRIPT, hostile_story, measurement

from tinytl.errors import BundleError, ReportError
from tinytl.measurement import Figure, Measurement
from tinytl.report import Story, write_bench_report, write_report

PAGES = ("story", "hostile story", "bench", "hostile bench")


class Reader(HTMLParser):
    """Collects what a browser would see: elements with their attributes, ids, and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Reader:
    return Reader(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PAGES)
def test_page_loads_nothing_and_runs_nothing(pages: dict[str, Path], name: str) -> None:
    reader = read(pages[name])
    names = {tag for tag, _ in reader.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "form", "base", "foreignobject", "image"}
    for _, attributes in reader.tags:
        assert not [key for key in attributes if key.startswith("on")]
        for key in ("src", "href", "xlink:href", "srcset", "action", "poster"):
            assert (attributes.get(key) or "#").startswith(("#", "data:image/png;base64,"))
        assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", attributes.get("style") or "")
    assert not re.search(r"@import|url\((?!#)", pages[name].read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PAGES)
def test_page_forbids_everything_but_its_own_images_and_styles(pages: dict[str, Path], name: str) -> None:
    policies = [
        attributes["content"] for tag, attributes in read(pages[name]).tags if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]


@pytest.mark.parametrize("name", ["story", "bench"])
def test_plain_page_names_no_address_at_all(pages: dict[str, Path], name: str) -> None:
    assert "://" not in pages[name].read_text(encoding="utf-8")


def test_every_text_is_shown_as_text(pages: dict[str, Path]) -> None:
    reader = read(pages["hostile story"])
    assert LONG + SCRIPT in reader.text
    for name in hostile_story().confusion.classes:
        assert name in reader.text
    assert "#f0a505" in reader.text, "a class that is called like a colour stays what it is"
    assert QUOTE in reader.text
    assert not [attributes for tag, attributes in reader.tags if tag == "img" and "onerror" in attributes]


@pytest.mark.parametrize("name", PAGES)
def test_ids_are_unique_and_references_lead_somewhere(pages: dict[str, Path], name: str) -> None:
    page = pages[name].read_text(encoding="utf-8")
    ids = [attributes["id"] for _, attributes in read(pages[name]).tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = set(re.findall(r'(?:href="#|url\(#)([\w-]+)', page))
    assert wanted <= set(ids)


@pytest.mark.parametrize("name", ["story", "bench"])
def test_pictures_have_words_and_tables_have_headers(pages: dict[str, Path], name: str) -> None:
    tags = read(pages[name]).tags
    assert all(attributes.get("alt") for tag, attributes in tags if tag == "img")
    assert all(attributes.get("aria-label") or attributes.get("aria-hidden") for tag, attributes in tags if tag == "svg")
    assert all(attributes.get("scope") for tag, attributes in tags if tag == "th")
    page = pages[name].read_text(encoding="utf-8")
    assert page.count("<table") == page.count("<thead") > 0


@pytest.mark.parametrize("name", ["story", "bench"])
def test_no_colour_is_left_that_ignores_the_dark_page(pages: dict[str, Path], name: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", pages[name].read_text(encoding="utf-8"), flags=re.DOTALL)
    assert drawings
    for drawing in drawings:
        assert not re.findall(r"(?:fill|stroke): #\w+", drawing)


@pytest.mark.long
def test_same_story_same_bytes_whatever_matplotlib_is_set_to(pages: dict[str, Path], story: Story, tmp_path: Path) -> None:
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red", "svg.fonttype": "path"}):
        again = write_report(story, tmp_path / "again.html")
    assert again.read_bytes() == pages["story"].read_bytes()


def test_the_five_numbers_stand_at_the_top(pages: dict[str, Path]) -> None:
    text = re.sub(r"\s+", " ", read(pages["story"]).text)
    top = text[: text.index("Learning on the device")]
    for number in ("81.2 %", "97.4 %", "97.5 %", "60.2 KB", "≈ 32.5 ms"):
        assert number in top
    assert "survived a power cycle byte for byte" in top
    assert "ends with the same head, byte for byte" in top
    assert "Failed." not in top


def test_a_broken_promise_is_shown_as_broken(story: Story, tmp_path: Path) -> None:
    seen = replace(story.accuracies, head_equal_after_power_cycle=False, head_equal_on_twin=False)
    text = re.sub(r"\s+", " ", read(write_report(replace(story, accuracies=seen), tmp_path / "page.html")).text)
    assert "Failed. The learned head did not survive a power cycle byte for byte" in text
    assert "Failed. The twin on the workstation, taught the same samples, does not end with the same head" in text


def test_modelled_figures_never_look_measured(pages: dict[str, Path]) -> None:
    page = pages["story"].read_text(encoding="utf-8")
    rows = re.findall(r"<tr>(.*?)</tr>", page[page.index('<table class="figures">') :].split("</table>")[0], flags=re.DOTALL)[1:]
    assert len(rows) == len(measurement().figures)
    for row in rows:
        modelled = "model" in re.sub(r'class="[^"]*"|>modelled<', "", row)
        assert modelled == ("≈" in row) == ('<span class="tag modelled">' in row)
        assert modelled != ('<span class="tag measured">' in row or '<span class="tag computed">' in row)


def test_parts_that_are_missing_are_left_out(story: Story, tmp_path: Path) -> None:
    figures = {"accuracy": Figure(0.9, "fraction", "device")}
    bare = replace(
        story,
        examples=(),
        pretraining=(),
        commands=(),
        measurement=Measurement("digits", "host", figures),
        memory=replace(story.memory, flash=(), arena=()),
        curve=replace(story.curve, correct=(True,), loss=(0.5,), evaluations=()),
    )
    text = read(write_report(bare, tmp_path / "bare.html")).text
    assert not [
        word for word in ("Pretraining", "A few samples", "Layer by layer", "Inside the arena", "Commands", "Flash,") if word in text
    ]


def test_bench_page_sets_the_targets_side_by_side(pages: dict[str, Path]) -> None:
    reader = read(pages["bench"])
    for text in ("qemu:mps2-an386", "qemu:mps3-an547", "host", "3,871,220", "1,548,488", "instructions (QEMU 7.2 plugin)"):
        assert text in reader.text
    assert "Instructions per inference: qemu:mps2-an386 3.87122e+06" in str(reader.tags)


def test_bench_page_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no measurements to report; expected at least one\nhint: tinytl bench"):
        write_bench_report([], tmp_path / "page.html")


def test_a_missing_folder_is_refused_and_an_old_page_stays(story: Story, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"none/page.html cannot be written: No such file or directory; expected a folder that exists"):
        write_report(story, tmp_path / "none" / "page.html")
    page = tmp_path / "page.html"
    page.write_text("old")
    with pytest.raises(ReportError):
        write_report(replace(story, curve=replace(story.curve, loss=(float("nan"),) * 898)), page)
    assert page.read_text() == "old"
    assert list(tmp_path.iterdir()) == [page]
