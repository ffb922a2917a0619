"""Text with few marks becomes blocks, and nothing is lost on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.content import Block, ChoiceGap, HotWord, Option, TextGap, Words
from itembank.markup import MarkupError, parse_blocks, plain_text

GAP = TextGap("g1", 8)
LIST = ChoiceGap("g2", (Option("a", "er"), Option("b", "var")))
plain_words = st.text(st.characters(exclude_characters="*{}[]|#-:", exclude_categories=["Cs", "Cc"]), min_size=1)


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("Hei.", Block("paragraph", (Words("Hei."),))),
        ("# Til alle", Block("heading", (Words("Til alle"),))),
        ("- mat", Block("bullet", (Words("mat"),))),
        ("| Mandag 9–20", Block("line", (Words("Mandag 9–20"),))),
        ("Kom **nå**.", Block("paragraph", (Words("Kom "), Words("nå", is_strong=True), Words(".")))),
        ("Det koster {g1} kroner.", Block("paragraph", (Words("Det koster "), GAP, Words(" kroner.")))),
        ("Han {g2} her.", Block("paragraph", (Words("Han "), LIST, Words(" her.")))),
        ("Vi [w1:maler] nå.", Block("paragraph", (Words("Vi "), HotWord("w1", "maler"), Words(" nå.")))),
        ("-20 grader", Block("paragraph", (Words("-20 grader"),))),
    ],
)
def test_each_mark_becomes_its_block_or_piece(text: str, block: Block) -> None:
    assert parse_blocks([text], {"g1": GAP, "g2": LIST}) == (block,)


@pytest.mark.parametrize("text", ["{g9}", "**halvt", "et ] tegn", "[w1 maler]", "{g1", "[:x]"])
def test_marks_that_do_not_fit_together_are_refused(text: str) -> None:
    with pytest.raises(MarkupError):
        parse_blocks([text], {"g1": GAP})


@given(st.lists(plain_words, min_size=1, max_size=5))
def test_text_without_marks_comes_through_unchanged(texts: list[str]) -> None:
    assert plain_text(parse_blocks(texts)) == "\n".join(texts)


@given(plain_words, plain_words, plain_words)
def test_strong_and_pressable_words_keep_their_text(before: str, word: str, after: str) -> None:
    texts = [f"{before}**{word}**{after}", f"{before}[w1:{word}]{after}"]
    assert plain_text(parse_blocks(texts)) == "\n".join([before + word + after] * 2)
