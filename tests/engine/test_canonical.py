"""One form for equal data."""

from __future__ import annotations

import json

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.canonical import canonical_bytes, canonical_sha256
from engine.errors import CanonicalError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("aæz\u0301🙂", max_size=3), inner, max_size=3),
    max_leaves=12,
)


@for_all(PLAIN)
def test_canonical_bytes_are_json_that_reads_back(plain):
    assert json.loads(canonical_bytes(plain)) == plain


@for_all(st.dictionaries(st.text("abæ🙂", max_size=3), st.integers(), max_size=6), st.randoms())
def test_the_order_of_keys_makes_no_difference(plain, chance):
    items = list(plain.items())
    chance.shuffle(items)
    assert canonical_bytes(dict(items)) == canonical_bytes(plain)


def test_the_form_itself():
    """RFC 8259 JSON without spaces; keys by code point, so that Z comes before a, and æ after both."""
    plain = {"æ": 1, "a": [True, None, "å\n"], "Z": {"b": -1, "a": ()}}
    assert canonical_bytes(plain) == '{"Z":{"a":[],"b":-1},"a":[true,null,"å\\n"],"æ":1}'.encode()
    # sha256 of the two bytes {}, as `printf {} | sha256sum` gives it
    assert canonical_sha256({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize(
    ("plain", "field"),
    [
        (1.0, "$"),
        ({"a": [1, 0.5]}, "$.a[1]"),
        ({1: 2}, "$"),
        ({"a": b"x"}, "$.a"),
        ({"a": {"b": {1, 2}}}, "$.a.b"),
        (["\ud800"], "$[0]"),
        ({"\udc00": 1}, "$"),
        (float("nan"), "$"),
    ],
)
def test_what_has_no_canonical_form_is_refused_with_its_place(plain, field):
    with pytest.raises(CanonicalError) as caught:
        canonical_bytes(plain)
    assert caught.value.field == field
