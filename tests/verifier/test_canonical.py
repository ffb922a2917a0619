"""Canonical JSON has one reader more: it takes and refuses exactly what the protocol's own does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync.canonical import canonical_bytes, parse_canonical
from sync.errors import DamagedError
from verifier.canonical import Fields, decode, encode, entries, table
from verifier.errors import WrongError

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(plain)
def test_what_one_writes_the_other_reads(value: Any) -> None:
    data = canonical_bytes(value)
    assert encode(value) == data
    assert decode(data, "it", limit=2**20) == value


@given(st.binary() | plain.map(lambda value: canonical_bytes(value) + b" ") | st.text().map(str.encode))
@example(b"1.0")
@example(b"1e3")
@example(b"-0")
@example(b"NaN")
@example(b'{"b":1,"a":2}')
@example(b'{"a":1,"a":2}')
@example(b'"\\ud800"')
@example(b'"\\u00e5"')
@example(b"\xef\xbb\xbf1")
def test_what_one_refuses_the_other_refuses(data: bytes) -> None:
    def taken(read: Callable[[], object]) -> bool:
        try:
            read()
        except (WrongError, DamagedError):
            return False
        return True

    ours = taken(lambda: decode(data, "it", limit=1000))
    assert ours == taken(lambda: parse_canonical(data, "it", limit=1000))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"1.0", "is not canonical JSON"),
        (b"NaN", "is not canonical JSON"),
        (b"{", "is not canonical JSON"),
        (b"[1, 2]", "not in its canonical form"),
        (b"1234567890", "10 bytes where 9 is the most"),
    ],
    ids=range(5),
)
def test_what_is_no_canonical_json_is_told(data: bytes, sentence: str) -> None:
    with pytest.raises(WrongError, match=sentence):
        decode(data, "it", limit=9)


@pytest.mark.parametrize("value", [1.5, {"a": {1: 2}}, b"x", [(1, 2)], "\ud800", {"\udfff": 1}], ids=range(6))
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(WrongError, match="no canonical form"):
        encode(value)


READS: tuple[tuple[Callable[[Fields], object], str], ...] = (
    (lambda fields: fields.take("none"), "lacks the field 'none'"),
    (lambda fields: fields.text("number"), "'number' is not a text"),
    (lambda fields: fields.id("text"), "'text' is not an id"),
    (lambda fields: fields.hex("id", 32), "'id' is not 32 bytes in hexadecimal digits"),
    (lambda fields: fields.hex("id", None), "'id' is not  bytes in hexadecimal digits"),
    (lambda fields: fields.count("flag"), "'flag' is not a number from 0 on"),
    (lambda fields: fields.count("number", 9), "'number' is not a number from 9 on"),
    (lambda fields: fields.count("huge"), "'huge' is not a number from 0 on"),
    (lambda fields: fields.optional_count("text"), "'text' is not a number"),
    (lambda fields: fields.flag("number"), "'number' is neither true nor false"),
    (lambda fields: fields.is_value("number", True), "'number' is not True"),
    (lambda fields: fields.list("object"), "'object' is not a list"),
    (lambda fields: fields.texts("numbers"), "'numbers' is not a list of texts"),
    (lambda fields: fields.counts("list"), "'list' is not a list of numbers"),
    (lambda fields: fields.object("list"), "'list' is not an object"),
    (lambda fields: fields.objects("list"), "'list' is not an object"),
    (lambda fields: fields.number("flag"), "'flag' is not a number"),
    (lambda fields: fields.end(), "has the unknown field 'flag'"),
)


@pytest.mark.parametrize(("read", "sentence"), READS, ids=range(len(READS)))
def test_a_field_of_another_kind_is_told_by_name(read: Callable[[Fields], object], sentence: str) -> None:
    held = {
        "number": 1,
        "flag": True,
        "huge": 2**53,
        "text": "æ",
        "id": "pc-7",
        "list": ["a"],
        "numbers": [1],
        "object": {},
    }
    with pytest.raises(WrongError, match=sentence):
        read(Fields(held, "it"))


def test_fields_are_read_each_by_its_kind() -> None:
    fields = table(canonical_bytes({"a": None, "b": None, "c": [1], "d": {"e": "00ff"}}), "it", limit=100)
    assert fields.optional_count("a") is None
    assert fields.optional_object("b") is None
    assert fields.counts("c") == (1,)
    assert fields.object("d").hex("e", 2) == "00ff"
    fields.end()
    assert list(fields) == ["a", "b", "c", "d"]
    assert entries([1], "it") == [1]
    with pytest.raises(WrongError, match="it has 3 bytes where 2 is the most"):
        decode(b"123", "it", limit=2)
