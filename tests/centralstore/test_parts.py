"""The store is one object made of parts; a name that two parts define would silently be the first one's."""

from __future__ import annotations

from collections import Counter

from centralstore.store import Store


def test_no_two_parts_of_the_store_define_the_same_name() -> None:
    parts = [part for part in Store.__mro__ if part.__module__.startswith("centralstore.store")]
    assert len(parts) > 10
    names = Counter(name for part in parts for name in vars(part) if not name.startswith("__"))
    assert [name for name, count in names.items() if count > 1 and not name.startswith("_abc")] == []
