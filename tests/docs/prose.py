# SPDX-License-Identifier: Apache-2.0
"""The prose of a Markdown file: paragraphs with their lines, words and sentences.

In: Markdown text. Out: `Paragraph` records. Tables, blocks of code, headings, comments and pictures are no prose; each item of a list is a
paragraph of its own.
"""

import re
from dataclasses import dataclass

_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+")
_NO_PROSE = re.compile(r"\s*(?:\||#{1,6} |<!--|<[a-z/]|!\[|\[!\[|---)")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_END = re.compile(r"(?<=[.!?…])[»\"')*_`]*\s+(?=[«\"'(*_`\[]*[A-ZÄÖÜ0-9`*«])")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|cf|vs|approx|resp|etc|et al|Fig|No|no|Eq|al)\.$")


@dataclass(frozen=True)
class Paragraph:
    """Where it begins, counted from 1, and its text on one line."""

    line: int
    text: str

    @property
    def words(self) -> int:
        """Words, counted as what white space parts and what has a letter or a digit."""
        return count_words(self.text)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Sentences: what ends with a full stop, question mark or exclamation mark before a new beginning. A colon ends none."""
        parts: list[str] = []
        for part in _END.split(self.text):
            if parts and _ABBREVIATION.search(parts[-1]):
                parts[-1] += f" {part}"
            elif count_words(part):
                parts.append(part)
        return tuple(parts)


def count_words(text: str) -> int:
    """Return the words of a text; a target of a link is none."""
    return sum(bool(re.search(r"\w", word)) for word in re.sub(r"\]\([^)]*\)", "]", text).split())


def paragraphs(markdown: str) -> list[Paragraph]:
    """Return the paragraphs of a file in order."""
    found: list[Paragraph] = []
    lines: list[str] = []
    first, fenced = 0, False

    def close() -> None:
        text = " ".join(lines)
        if count_words(text):
            found.append(Paragraph(first, text))
        lines.clear()

    for number, line in enumerate([*markdown.splitlines(), ""], start=1):
        if _FENCE.match(line):
            fenced = not fenced
            close()
        elif fenced or not line.strip() or _NO_PROSE.match(line):
            close()
        else:
            item = _ITEM.match(line)
            if item:
                close()
            if not lines:
                first = number
            lines.append(line[item.end() :] if item else line.strip())
    return found


def mean_sentence(markdown: str) -> float:
    """Return the mean words of a sentence; 0 without one."""
    sentences = [sentence for paragraph in paragraphs(markdown) for sentence in paragraph.sentences]
    return sum(map(count_words, sentences)) / len(sentences) if sentences else 0.0
