"""The kiosk's own words in Bokmål, Nynorsk and English, read from `kiosk/texts/*.json`.

``<b>…</b>`` marks the few strong words of an interface text; task content never passes through here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import cast

from kiosk.screens import Language

LANGUAGES: tuple[Language, ...] = ("nb", "nn", "en")


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of text set in one weight."""

    text: str
    is_strong: bool = False


@dataclass(frozen=True, slots=True)
class Texts:
    """The interface texts of one language; the call fills placeholders."""

    language: Language
    by_key: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The text of ``key``; an unknown key is a fault of ours and raises KeyError."""
        return self.by_key[key].format(**values) if values else self.by_key[key]

    def counted(self, key: str, count: int, **values: object) -> str:
        """The text for one or for many: ``key_one`` or ``key_many``, with ``{n}`` and ``{number}`` filled."""
        form = "one" if count == 1 else "many"
        return self(f"{key}_{form}", n=count, number=self.number(count).capitalize(), **values)

    def number(self, count: int) -> str:
        """A small number in words, a larger one in figures."""
        words = self.by_key["number_words"].split(",")
        return words[count] if count < len(words) else str(count)

    def listed(self, parts: Sequence[str]) -> str:
        """A list in a sentence: "3, 7 og 8"."""
        if len(parts) < 2:  # noqa: PLR2004 - one part needs no "og"
            return "".join(parts)
        return f"{', '.join(parts[:-1])} {self.by_key['list_and']} {parts[-1]}"


@cache
def texts(language: Language) -> Texts:
    """The texts of one language, read once."""
    content = files("kiosk").joinpath("texts", f"{language}.json").read_text("utf-8")
    return Texts(language, cast("dict[str, str]", json.loads(content)))


def runs(marked: str) -> tuple[Run, ...]:
    """An interface text cut at its ``<b>`` marks."""
    found: list[Run] = []
    for index, part in enumerate(marked.replace("</b>", "<b>").split("<b>")):
        if part:
            found.append(Run(part, is_strong=index % 2 == 1))
    return tuple(found)


def plain(marked: str) -> str:
    """An interface text without its marks, for names and screen readers."""
    return marked.replace("<b>", "").replace("</b>", "")
