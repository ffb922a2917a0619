"""The few marks of text in a bank, read into blocks.

A text is a tuple of strings, one a block. At the start: ``# `` heading, ``- `` bullet, ``| `` close-set line, else a
paragraph. Inside: ``**strong**``, ``{gap-id}``, ``[word-id:the word]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from itembank.content import Block, BlockKind, ChoiceGap, HotWord, Inline, TextGap, Words

_KINDS: Mapping[str, BlockKind] = {"# ": "heading", "- ": "bullet", "| ": "line"}
_MARK = re.compile(
    r"\*\*(?P<strong>[^*]+)\*\*|\{(?P<gap>[A-Za-z0-9-]+)\}|\[(?P<word>[A-Za-z0-9-]+):(?P<text>[^\[\]{}]+)\]",
)
_LEFT_OVER = re.compile(r"\*\*|[{}\[\]]")

Gap: TypeAlias = TextGap | ChoiceGap


class MarkupError(ValueError):
    """A text whose marks do not fit together; the message names the text's faulty piece."""


def parse_blocks(texts: Sequence[str], gaps: Mapping[str, Gap] | None = None) -> tuple[Block, ...]:
    """Blocks of a text.

    Raises:
        MarkupError: a gap that is not in ``gaps``, or a mark that is not closed.
    """
    return tuple(_block(text, gaps or {}) for text in texts)


def plain_text(blocks: Sequence[Block]) -> str:
    """The words of blocks without marks, for counting and searching; gaps are left out."""
    return "\n".join("".join(_words(piece) for piece in block.pieces) for block in blocks)


def _block(text: str, gaps: Mapping[str, Gap]) -> Block:
    kind = _KINDS.get(text[:2], "paragraph")
    return Block(kind, tuple(_pieces(text if kind == "paragraph" else text[2:], gaps)))


def _pieces(text: str, gaps: Mapping[str, Gap]) -> Iterator[Inline]:
    end = 0
    for mark in _MARK.finditer(text):
        if mark.start() > end:
            yield _run(text[end : mark.start()])
        yield _marked(mark, gaps)
        end = mark.end()
    if end < len(text):
        yield _run(text[end:])


def _marked(mark: re.Match[str], gaps: Mapping[str, Gap]) -> Inline:
    if mark["strong"] is not None:
        return Words(mark["strong"], is_strong=True)
    if mark["gap"] is None:
        return HotWord(mark["word"], mark["text"])
    if mark["gap"] not in gaps:
        message = f"the gap {{{mark['gap']}}} is not described under 'gaps'"
        raise MarkupError(message)
    return gaps[mark["gap"]]


def _run(text: str) -> Words:
    if stray := _LEFT_OVER.search(text):
        message = f"the mark '{stray[0]}' in '{text.strip()[:40]}' has no counterpart"
        raise MarkupError(message)
    return Words(text)


def _words(piece: Inline) -> str:
    match piece:
        case Words(text) | HotWord(_, text):
            return text
        case TextGap() | ChoiceGap():
            return ""
