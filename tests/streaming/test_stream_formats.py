# SPDX-License-Identifier: Apache-2.0
"""Bytes → samples: each format as documented, cut anywhere, any bytes at all, never more in memory than a record may take."""

import base64
import json
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamed import SAMPLE_TYPE, image, json_line, npy

from tinytl.errors import DataError
from tinytl_bridge.streaming.formats import Format
from tinytl_bridge.streaming.formats.csv_lines import CsvLines
from tinytl_bridge.streaming.formats.json_lines import JsonLines
from tinytl_bridge.streaming.formats.npy_frames import NpyFrames
from tinytl_bridge.streaming.records import LabelledSample, Malformed, Parser, Record

X = np.arange(6, dtype=np.uint8).reshape(2, 3)
B64 = base64.b64encode(X.tobytes()).decode()


def read(parser: Parser, *pieces: bytes) -> list[Record]:
    return [record for piece in pieces for record in parser.feed(piece)] + list(parser.end())


def plain(records: list[Record]) -> list[Any]:
    return [(r.x.tolist(), r.x.dtype.name, r.label, r.number) if isinstance(r, LabelledSample) else (r.what, r.expected) for r in records]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"x": [0.5, 1], "label": "seven", "n": 12}, ([0.5, 1.0], "float32", "seven", 12)),
        ({"x": [[1, 2], [3, 4]], "label": 7, "time": "now"}, ([[1, 2], [3, 4]], "int64", 7, None)),
        ({"x": [1, 2], "dtype": "uint8"}, ([1, 2], "uint8", None, None)),
        ({"x": [1, 2, 3, 4], "dtype": "int8", "shape": [2, 2]}, ([[1, 2], [3, 4]], "int8", None, None)),
        ({"x": B64, "dtype": "uint8", "shape": [2, 3]}, (X.tolist(), "uint8", None, None)),
        ({"x": [1, 2], "dtype": "int32"}, ([1, 2], "float32", None, None)),
    ],
)
def test_json_lines(line: dict[str, Any], expected: tuple[Any, ...]) -> None:
    assert plain(read(JsonLines(), json.dumps(line).encode())) == [expected]


@pytest.mark.parametrize(
    ("line", "what", "expected"),
    [
        ('{"x": [1, 2', "'{\"x\": [1, 2': Expecting ',' delimiter", '{"x": [0.5, 1], "label": "seven", "n": 12} on one line'),
        ('{"label": 3}', "x is missing", "on one line"),
        ('{"x": [[1, 2], [3]]}', "x is no array: ", "lists of numbers, on each level of one length"),
        ('{"x": [1, "a"]}', "x '[1, \"a\"]'", "numbers, in lists of 1 to 4 levels, or base64"),
        ('{"x": [1, null]}', "x '[1, null]'", "numbers"),
        ('{"x": [[[[[1]]]]]}', "x '[[[[[1]]]]]'", "numbers, in lists of 1 to 4 levels"),
        ('{"x": []}', "x holds nothing", "numbers"),
        ('{"x": 5}', "x '5'", "numbers"),
        ('{"x": [300], "dtype": "uint8"}', "x holds 300 to 300", "0 to 255, as dtype uint8 has them"),
        ('{"x": [0.5], "dtype": "int8"}', "x holds fractions, dtype is int8", "whole numbers"),
        ('{"x": [1], "dtype": "complex"}', "dtype 'complex'", "uint8, int8"),
        ('{"x": "AAAA"}', "x is base64 without a dtype", '"dtype": "uint8"'),
        ('{"x": "A!", "dtype": "uint8"}', "x is no base64: ", "base64 of the raw bytes"),
        ('{"x": "AAAA", "dtype": "uint8", "shape": [2, 2]}', "x has 3 bytes", "4, as its shape and dtype uint8 say"),
        ('{"x": [1, 2], "shape": [3]}', "x holds 2 numbers, shape is [3]", "as many as the shape has"),
        ('{"x": [1, 2], "shape": [-1, -2]}', "shape [-1, -2]", "1 to 4 sides of 1 or more"),
        ('{"x": [1], "n": -1}', "n is -1", "a whole number from 0 to 2^53"),
        ('{"x": [1], "label": [1]}', "label is [1]", "on one line"),
        ("[1, 2]", "the line is [1, 2]", "on one line"),
    ],
)
def test_a_line_that_is_no_sample(line: str, what: str, expected: str) -> None:
    good = b'{"x": [1.5]}\n'
    before, told, after = read(JsonLines(), good, line.encode() + b"\n", good)
    assert isinstance(before, LabelledSample) and isinstance(after, LabelledSample)
    assert isinstance(told, Malformed)
    assert what in told.what and expected in told.expected


@pytest.mark.parametrize(
    ("text", "labelled", "expected"),
    [
        ("1.5,2,cat\n", False, [([1.5, 2.0], "float32", "cat", None)]),
        ("a,n,Label,b\n1,7,cat,2\n\n3,8,dog,4\n", False, [([1, 2], "int64", "cat", 7), ([3, 4], "int64", "dog", 8)]),
        ("a,b\n1,2.5\n", True, [([1.0, 2.5], "float32", None, None)]),
        ("﻿0.5,0.25,\"a,b\"\r\n", False, [([0.5, 0.25], "float32", "a,b", None)]),
        ("a,b,c\n1,x,2\n1,2\n1,inf,2\n1,2,\n", False, [
            ("field 'x'", "a finite number"), ("2 fields", "3, as in the header"), ("field 'inf'", "a finite number"),
            ("no label", "a class in field 3")]),
        ("n,label,a\n-1,cat,2\n", False, [("n is '-1'", "a whole number, 0 or more")]),
        ("cat\n", False, [("'cat'", "numbers and a label")]),
        ("1.5,\"a\n", False, [("'1.5,\"a': unexpected end of data", "comma-separated text in UTF-8")]),
    ],
)  # fmt: skip
def test_csv(text: str, labelled: bool, expected: list[Any]) -> None:
    assert plain(read(CsvLines(labelled=labelled), text.encode())) == expected


def test_csv_agrees_with_the_project_s_csv_files(tmp_path: Any) -> None:
    from tinytl.data.csv_file import load_csv

    text = "height,label,width\n" + "".join(f"{n}.5,{'ab'[n % 2]},{n * n}.25\n" for n in range(8))
    (tmp_path / "some.csv").write_text(text)
    dataset = load_csv(tmp_path / "some.csv", seed=1)
    read_there = {(tuple(x.tolist()), dataset.classes[y]) for x, y in zip(dataset.x_train, dataset.y_train, strict=True)}
    records = read(CsvLines(), text.encode())
    read_here = {(tuple(r.x.tolist()), r.label) for r in records if isinstance(r, LabelledSample)}
    assert len(read_here) == 8 and read_there <= read_here


def test_npy_frames() -> None:
    pair = np.array([(image(1, 1), "one", 5), (image(2, 2), "two", 6)], SAMPLE_TYPE)
    records = read(NpyFrames(), npy(X) + npy(pair) + npy(np.asfortranarray(X.astype(">f8"))) + npy(pair[0]))
    assert [(r.label, r.number, r.x.dtype.name, r.x.shape) for r in records if isinstance(r, LabelledSample)] == [
        (None, None, "uint8", (2, 3)), ("one", 5, "uint8", (28, 28)), ("two", 6, "uint8", (28, 28)), (None, None, "float32", (2, 3)),
        ("one", 5, "uint8", (28, 28)),
    ]  # fmt: skip
    assert np.array_equal(records[1].x, image(1, 1)) and np.array_equal(records[3].x, X)


@pytest.mark.parametrize(
    ("frame", "what"),
    [
        (b"what is this", "bytes that begin no frame"),
        (npy(np.array(["a"])), "an array of <U1"),
        (npy(np.zeros((0, 3))), "a frame of shape (0, 3)"),
        (npy(np.zeros(3, [("y", "u1")])), "a frame with fields y"),
        (npy(np.zeros(1, [("x", "u1"), ("label", "f4")])), "a label of type float"),
        (npy(np.zeros(1, [("x", "u1"), ("label", "u1", 2)])), "a label or n that is no single value"),
        (npy(np.array([(1, -4)], [("x", "u1"), ("n", "i4")])), "n is -4"),
        (npy(X)[:40], "a frame's header"),
        (b"\x93NUMPY\x09\x00aaaaaa", "a header of version 9"),
        (npy(X).replace(b"|u1", b"|O8"), "a frame's header: dtype object"),
        (npy(X).replace(b"(2, 3), }", b"(2, 3<<99"), "a frame's header"),
        (npy(X).replace(b"(2, 3), }   ", b"(99999999,)}"), "a frame of 99,999,999 bytes"),
    ],
)
def test_behind_a_broken_frame_the_next_one_is_found(frame: bytes, what: str) -> None:
    records = read(NpyFrames(), npy(X) + frame + npy(X + 1))
    assert [isinstance(record, Malformed) for record in records][0::2] == [False, False], plain(records)
    assert what in records[1].what
    assert np.array_equal(records[-1].x, X + 1)


def test_a_stream_that_ends_within_a_frame() -> None:
    (told,) = read(NpyFrames(), npy(X)[:-1])
    assert plain([told]) == [("the stream ends in the middle of a frame", "whole frames")]


@pytest.mark.parametrize(
    ("begins", "kind"),
    [(b" \n{", "json"), (b"\xef\xbb\xbf{", "json"), (b"\x93", "npy"), (b"3.5,", "csv"), (b"height,", "csv"), (b"\xef\xbb\xbf  -1,", "csv")],
)
def test_the_first_byte_tells_the_format(begins: bytes, kind: str) -> None:
    parser = Format().parser()
    for byte in begins:
        assert list(parser.feed(bytes([byte]))) == []
    assert {"json": JsonLines, "npy": NpyFrames, "csv": CsvLines}[kind] is type(parser._parser)  # type: ignore[attr-defined]


def test_a_format_that_cannot_be_told() -> None:
    with pytest.raises(DataError) as refused:
        list(Format().parser().feed(b"\x00\x01\x02"))
    assert refused.value.text() == (
        "the stream begins with byte 0x00, which tells no format; expected JSON lines, CSV or .npy frames"
        "\nhint: --stream-format json, csv or npy; where a stream is joined in the middle of a line, it must be named"
    )


def streams() -> "st.SearchStrategy[bytes]":
    """Bytes that are near to samples: lines and frames, whole, cut and damaged, with anything between."""
    parts = st.one_of(
        st.sampled_from([
            json_line(X, "a", 3), b'{"x": [1, 2.5], "label": 3}\n', b'{"x": [[1],[2, 3]]}\n', b"1,2,cat\n", b"a,b,label\n", b'"\n', b"\n", b"{",
            npy(X), npy(X)[:-3], npy(np.array([(image(1, 1)[:2, :2], "b", 4)], [("x", "u1", (2, 2)), ("label", "U3"), ("n", "u2")])),
            b"\x93NUMPY\x01\x00v\x00", b"\x93NUM", b"\xef\xbb\xbf",
        ]),
        st.binary(max_size=20),
    )  # fmt: skip
    return st.lists(parts, max_size=6).map(b"".join)


PARSERS: dict[str, Callable[[], Parser]] = {
    "json": lambda: JsonLines(longest=200),
    "csv": lambda: CsvLines(longest=200),
    "npy": lambda: NpyFrames(longest=200),
    "auto": lambda: Format().parser(),
}


@pytest.mark.parametrize("kind", PARSERS)
@settings(max_examples=100, deadline=None)
@given(data=streams(), cuts=st.lists(st.integers(0, 400), max_size=8))
def test_any_bytes_cut_anywhere_give_the_same_records(kind: str, data: bytes, cuts: list[int]) -> None:
    def run(*pieces: bytes) -> Any:
        try:
            return plain(read(PARSERS[kind](), *pieces))
        except DataError as error:
            return error.what

    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    pieces = [data[start:stop] for start, stop in pairwise(places)]
    whole = run(data)
    assert run(*pieces) == whole
    assert run(*(data[at : at + 1] for at in range(len(data)))) == whole


@settings(max_examples=30, deadline=None)
@given(
    data=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=4)
    )
)
def test_any_x_is_a_sample_or_refused(data: Any) -> None:
    (record,) = read(JsonLines(), json.dumps({"x": data}).encode())
    if isinstance(record, LabelledSample):
        assert record.x.dtype.name in ("uint8", "int8", "float32", "int64") and record.x.size


@pytest.mark.parametrize(
    ("kind", "begins", "filling", "told"),
    [
        ("json", b'{"x": [', b"1," * 32768, "a line of more than 100,000 bytes"),
        ("csv", b"1,", b"2," * 32768, "a line of more than 100,000 bytes"),
        ("npy", npy(np.zeros(8, np.uint8)).replace(b"(8,), }     ", b"(80000000,)}"), bytes(65536), "a frame of 80,000,000 bytes"),
        ("npy", b"", b"noise " * 10000, "bytes that begin no frame"),
        ("auto", b"\xef\xbb\xbf", b"  " * 32768, ""),
    ],
)
def test_what_is_too_long_is_refused_and_not_kept(kind: str, begins: bytes, filling: bytes, told: str) -> None:
    longest = 100_000
    parser: Parser = {
        "json": JsonLines(longest=longest), "csv": CsvLines(longest=longest), "npy": NpyFrames(longest=longest), "auto": Format().parser(),
    }[kind]  # fmt: skip
    records = list(parser.feed(begins))
    tracemalloc.start()
    for _ in range(200):  # 13 MB
        records += list(parser.feed(filling))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    records += list(parser.feed(b"\n")) + list(parser.end())
    assert most < 4 * longest
    assert [record.what for record in records if isinstance(record, Malformed)] == [told][: bool(told)]


def test_many_samples_in_a_frame_are_made_one_by_one() -> None:
    frame = npy(np.zeros(20_000, [("x", "u1")]))
    tracemalloc.start()
    count = sum(1 for _ in NpyFrames().feed(frame))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert most < 2 << 20
