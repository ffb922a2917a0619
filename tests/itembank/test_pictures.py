"""A picture of a bank is a plain drawing: nothing in it fetches, runs, refers or swells."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from itembank.bank import read_bank
from itembank.checks import check_bank
from itembank.errors import BankDataError
from itembank.pictures import MAX_DEPTH, MAX_ELEMENTS, MAX_PICTURE_BYTES, MAX_VALUE, check_picture

BANKS = Path(__file__).parents[2] / "banks"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{}</svg>'
BOMB = (
    '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)

HOSTILE = {
    "a script": (SVG.format("<script>alert(1)</script>"), "the element 'script'"),
    "a script of another namespace": (
        SVG.format('<x:script xmlns:x="http://www.w3.org/1999/xhtml"/>'),
        "the element 'script'",
    ),
    "a handler": (SVG.format('<rect onload="alert(1)"/>'), "the attribute 'onload'"),
    "an embedded page": (SVG.format("<foreignObject/>"), "the element 'foreignObject'"),
    "a picture from elsewhere": (SVG.format('<image href="file:///etc/passwd"/>'), "the element 'image'"),
    "a link": (
        SVG.format('<a xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="https://example.org"/>'),
        "the element 'a'",
    ),
    "a shape used again": (SVG.format('<use href="#g"/>'), "the element 'use'"),
    "a colour from elsewhere": (SVG.format('<rect fill="url(https://example.org/x#y)"/>'), "a reference"),
    "a style sheet": (SVG.format("<style>@import 'x'</style>"), "the element 'style'"),
    "a style": (SVG.format('<rect style="fill:url(x)"/>'), "the attribute 'style'"),
    "another base": (SVG.format('<g xml:base="https://example.org"/>'), "the attribute"),
    "a filter": (SVG.format("<filter/>"), "the element 'filter'"),
    "an animation": (SVG.format("<animate/>"), "the element 'animate'"),
    "an entity that swells": (BOMB + SVG.format("&i;"), "a document type"),
    "an external entity": ('<!DOCTYPE svg SYSTEM "file:///etc/passwd">' + SVG.format(""), "a document type"),
    "a style sheet beside it": ('<?xml-stylesheet href="x.css"?>' + SVG.format(""), "a processing instruction"),
    "another root": ('<g xmlns="http://www.w3.org/2000/svg"/>', "another root"),
    "a page": ("<html><body/></html>", "the element 'html'"),
    "no XML": ("BM6", "not well-formed XML"),
    "nothing": ("", "not well-formed XML"),
    "another encoding": ('<?xml version="1.0" encoding="UTF-7"?>+ADw-svg/+AD4-', "another encoding than UTF-8"),
    "Latin letters": ('<?xml version="1.0" encoding="ISO-8859-1"?>' + SVG.format(""), "another encoding than UTF-8"),
    "a picture in it": (SVG.format("<svg/>"), "an svg in it"),
    "a prefix, so that the window does not see what it is": (
        '<x:svg xmlns:x="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>',
        "svg with a prefix",
    ),
    "no size": ('<svg xmlns="http://www.w3.org/2000/svg"/>', "a number without meaning"),
    "no height": (SVG.replace("0 0 9 9", "0 0 9 0").format(""), "a size of 9 x 0"),
    "a size that is none": (SVG.replace("0 0 9 9", "0 0 nan 9").format(""), "a number without meaning"),
    "a huge size": (SVG.replace("<svg", '<svg width="1e30" height="1"').format(""), "a size of 1e+30 x 1"),
    "a line for a picture": (SVG.replace("0 0 9 9", "0 0 900 9").format(""), "a size of 900 x 9"),
    "a unit": (SVG.format('<rect width="3px"/>'), "or with a unit, in 'rect'"),
    "infinitely far": (SVG.format('<circle cx="inf" r="1"/>'), "a number without meaning"),
    "far away": (SVG.format('<circle cx="2000" r="1"/>'), "far outside"),
    "far away by a shift": (SVG.format('<g transform="translate(0 900)"><rect/></g>'), "far outside"),
    "far away by growth": (SVG.format('<g transform="scale(30)"><circle cx="9" r=".1"/></g>'), "far outside"),
    "a slant": (SVG.format('<g transform="skewX(89.999)"/>'), "a number without meaning"),
    "a path that is none": (SVG.format('<path d="M0 0 L1"/>'), "a number without meaning"),
    "a path of nothing known": (SVG.format('<path d="0 0"/>'), "a number without meaning"),
    "an arc with flags in one": (SVG.format('<path d="M0 0a1 1 0 012 2"/>'), "a number without meaning"),
    "lines to and fro": (SVG.format(f'<path d="M0 0{"l8 8l-8-8" * 700}"/>'), "more lines than"),
    "tiny dashes": (SVG.format('<line x2="9" stroke-dasharray="0.001"/>'), "too small dashes"),
    "dashes of nothing": (SVG.format('<line x2="9" stroke-dasharray="0 0"/>'), "too small dashes"),
    "wide ends": (SVG.format(f'<g stroke-width="90"><path d="M0 0{"l0 0" * 99}"/></g>'), "more lines than"),
    "an unknown entity": (SVG.format("&x;"), "not well-formed XML"),
    "too many shapes": (SVG.format("<rect/>" * MAX_ELEMENTS), "more than"),
    "too deep groups": (SVG.format("<g>" * MAX_DEPTH + "</g>" * MAX_DEPTH), "more than"),
    "too long a path": (SVG.format(f'<path d="{"1 " * MAX_VALUE}"/>'), "too long a value"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_picture_is_refused_at_once_with_the_reason(name: str) -> None:
    text, reason = HOSTILE[name]
    begun = time.thread_time()
    with pytest.raises(BankDataError, match=r"demo/pictures/x\.svg: ") as refused:
        check_picture(text.encode(), "demo/pictures/x.svg")
    assert reason in str(refused.value)
    assert time.thread_time() - begun < 0.5


def test_a_picture_that_is_too_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(BankDataError, match=f"{MAX_PICTURE_BYTES + 1} bytes where {MAX_PICTURE_BYTES} is the most"):
        check_picture(b"\xff" * (MAX_PICTURE_BYTES + 1), "x.svg")


def test_a_drawing_with_title_groups_and_every_shape_is_taken() -> None:
    shapes = "<title>Hus</title><g transform='scale(2)'><rect x='1' y='1' width='3' height='3' fill='#aa0'/></g>"
    lines = "<polygon points='0,0 1,1'/><polyline points='0,0 1,1'/><circle r='1'/><ellipse rx='1' ry='2'/>"
    check_picture(SVG.format(shapes + lines + "<line x1='0' x2='1'/><path d='M0 0L1 1'/>").encode(), "x.svg")


def test_all_pictures_of_the_sample_banks_are_plain_drawings() -> None:
    pictures = sorted(BANKS.glob("*/pictures/*.svg"))
    assert len(pictures) > 20
    for path in pictures:
        check_picture(path.read_bytes(), path.name)


def test_a_bank_with_a_hostile_picture_makes_no_release(demo: Path) -> None:
    assert [each for each in check_bank(read_bank(demo)) if "svg" in str(each)] == []
    path = next((demo / "pictures").glob("*.svg"))
    path.write_text(HOSTILE["a script"][0], encoding="utf-8")
    told = [str(each) for each in check_bank(read_bank(demo))]
    remedy = "Leave only shapes, lines and colours in it."
    assert told == [f"{demo.name}/pictures/{path.name}: line 1 has the element 'script'. {remedy}"]
