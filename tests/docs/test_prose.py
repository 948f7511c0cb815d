# SPDX-License-Identifier: Apache-2.0
"""Documents are written for people: no paragraph of more than 120 words, sentences of 20 words at most on average."""

from pathlib import Path

import pytest
from prose import count_words, mean_sentence, paragraphs

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*(ROOT / f"{name}.md" for name in ("README", "DESIGN", "SPEC", "CONTRIBUTING")), *(ROOT / "docs").glob("*.md")])
MOST_WORDS = 120
MOST_ON_AVERAGE = 20.0


def too_long(name: str, markdown: str) -> list[str]:
    """Return a line for each paragraph that is too long: file, line, words, how it begins."""
    return [
        f"{name}:{paragraph.line}: a paragraph of {paragraph.words} words, «{paragraph.text[:60]}…»; expected {MOST_WORDS} at most"
        for paragraph in paragraphs(markdown)
        if paragraph.words > MOST_WORDS
    ]


def longest(name: str, markdown: str, count: int = 10) -> str:
    """Return a line for each of the longest sentences."""
    told = [(count_words(text), paragraph.line, text) for paragraph in paragraphs(markdown) for text in paragraph.sentences]
    return "\n".join(f"{name}:{line}: {words} words, «{text[:80]}…»" for words, line, text in sorted(told, reverse=True)[:count])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_no_paragraph_is_too_long(path: Path) -> None:
    found = too_long(path.name, path.read_text(encoding="utf-8"))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_sentences_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    mean = mean_sentence(text)
    assert mean <= MOST_ON_AVERAGE, (
        f"{path.name}: sentences have {mean:.1f} words on average; expected {MOST_ON_AVERAGE:.0f} at most. The longest:\n"
        + longest(path.name, text)
    )


EXAMPLE = """# A heading is no prose

One sentence. Another one, e.g. This; and it goes on: to
the next line!

| a table | is none |
|---|---|

```text
Neither is code. It is not counted.
```

- an item
- another, with [a link](https://example.org/a b)
  over two lines
1. a third
"""


def test_what_is_prose() -> None:
    found = paragraphs(EXAMPLE)
    assert [(each.line, each.words) for each in found] == [(3, 14), (13, 2), (14, 7), (16, 2)]
    assert found[0].sentences == ("One sentence.", "Another one, e.g. This; and it goes on: to the next line!")
    assert mean_sentence(EXAMPLE) == 25 / 5
    assert mean_sentence("# Nothing\n") == 0


def test_what_is_too_long_is_told_by_file_line_and_words() -> None:
    text = "Short.\n\n" + "word " * 70 + "\n" + "word " * 51 + "\n"
    (told,) = too_long("A.md", text)
    assert told.startswith("A.md:3: a paragraph of 121 words, «word word")
    assert told.endswith("»; expected 120 at most")
    assert longest("A.md", text, 1).startswith("A.md:3: 121 words, «word word")
    assert not too_long("A.md", "- " + "word " * 120 + "\n- " + "word " * 120)
