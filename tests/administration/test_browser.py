"""The room page in a real browser: it updates by itself, stays steady, says when it is cut off, and looks as drawn."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from administration import showroom
from administration import site as pages
from administration.errors import PhotographError
from administration.photograph import Browser, Shot, browser, photograph
from administration.showroom import Showroom
from itembank.keyring import KeyFolder

PAGE = f"/sittings/{showroom.SITTING}"
TILE = "document.querySelector('#tile-{}')"


@pytest.fixture
def room(tmp_path: Path, authority: KeyFolder, sample_package: bytes) -> Iterator[Showroom]:
    made = showroom.furnish(tmp_path, authority, sample_package)
    yield made
    made.store.close()


def look(window: Browser, answer: str) -> object:
    return window.run(f"return {answer}")


def offline(window: Browser, *, is_offline: bool) -> None:
    """Pull the network cable, or put it back."""
    conditions = {"offline": is_offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    for command, params in (("Network.enable", {}), ("Network.emulateNetworkConditions", conditions)):
        window.ask("POST", "/goog/cdp/execute", cmd=command, params=params)


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height from the PNG's header (ISO/IEC 15948, IHDR)."""
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_the_room_page_lives_in_a_browser(room: Showroom, monkeypatch: pytest.MonkeyPatch) -> None:
    """One browser, one story: thirty seats on one screen, a lock told at once, steady tiles, a lost connection."""
    tile = {seat: TILE.format(room.number(seat)) for seat in (1, 2, 14)}
    with showroom.served(room.store) as url, browser() as window:
        showroom.live_through(room, lambda: None)
        window.log_in(url, showroom.USER, showroom.PASSWORD)
        window.resize(1366, 768)
        window.go(f"{url}{PAGE}")

        assert look(window, "document.querySelectorAll('.tile').length") == 30
        assert look(window, "document.documentElement.scrollHeight <= 768"), "thirty seats without scrolling"
        assert look(window, "document.documentElement.scrollWidth") == 1366
        assert size_of(window.picture()) == (1366, 768)
        groups = "[...document.querySelectorAll('.group h2')].map(h => h.textContent)"
        assert look(window, groups) == ["Trenger deg nå 3", "Følg med 4", "I gang 18", "Ferdig 5"]

        with monkeypatch.context() as patched:
            patched.setattr(pages, "POLL_SECONDS", 600.0)  # what answers the page now is the change alone
            window.go(f"{url}{PAGE}")
            room.running(1, 18, 8, is_locked=True)
            window.wait_until(f"{tile[1]}.dataset.status === 'locked'")

        window.run(f"{tile[1]}.querySelector('button').focus()")
        place = look(window, f"{tile[1]}.getBoundingClientRect().top")
        room.running(2, 15, 8, is_locked=True)
        window.wait_until("!document.querySelector('#news').hidden")
        assert look(window, "document.querySelector('#news').textContent") == "1 ny: plass 2"
        assert look(window, "document.querySelector('#said').textContent") == "1 ny: plass 2", "for screen readers"
        assert look(window, f"{tile[2]}.dataset.group") == "2", "no tile moves while the focus is among them"
        assert look(window, f"{tile[1]}.getBoundingClientRect().top") == place
        assert look(window, "document.activeElement.tagName") == "BUTTON"

        window.run("document.activeElement.blur()")
        window.wait_until(f"{tile[2]}.dataset.group === '0'")

        window.run("window.isOldPage = true")
        window.click(f"#tile-{room.number(14)} button")
        window.wait_until("!window.isOldPage && document.readyState === 'complete'")
        last = room.store.orders(showroom.LEADER, showroom.SITTING)[-1]
        assert (last.kind.value, last.candidate, last.by) == ("unlock", room.number(14), showroom.USER)

        window.resize(390, 844)
        window.wait_until("innerWidth === 390")
        assert look(window, "document.documentElement.scrollWidth") == 390, "nothing scrolls sideways"
        shown = "[...document.querySelectorAll('.chip')].filter(c => c.offsetParent).map(c => c.dataset.show)"
        assert look(window, shown) == ["need", "follow", "running", "done"]
        assert look(window, "document.querySelectorAll('.thumbs a, .thumbs button').length") == 4
        window.resize(1366, 768)

        offline(window, is_offline=True)
        window.wait_until("document.body.classList.contains('lost')")
        said = "document.querySelector('#link').textContent.trim()"
        assert look(window, said) == "Sist oppdatert 10.42. Prøver igjen."
        assert look(window, "document.querySelectorAll('.tile').length") == 30, "the last state stays"
        offline(window, is_offline=False)
        window.wait_until(f"{said} === 'Direkte'")


def test_a_picture_has_the_size_asked_for_and_no_page_scrolls_sideways(room: Showroom, tmp_path: Path) -> None:
    """A phone of 375 pixels, and a laptop of 1366 at 200 per cent, which is a page of 683."""
    paths = ["/sittings", "/account", PAGE, *(f"{PAGE}/{each}" for each in ("course", "attendance", "read-out"))]
    paths.append(f"{PAGE}/seats/{room.number(14)}")
    file = tmp_path / "page.png"
    with showroom.served(room.store) as url, browser() as window:
        window.log_in(url, showroom.USER, showroom.PASSWORD)
        for width, height in ((375, 812), (683, 384)):
            for page in paths:
                window.shoot(url, Shot(page, width, height, file))
                assert size_of(file.read_bytes()) == (width, height)
                assert look(window, "document.documentElement.scrollWidth") == width, page


def test_a_picture_is_never_of_the_log_in(room: Showroom, tmp_path: Path) -> None:
    with showroom.served(room.store) as url:
        photograph(url, showroom.USER, showroom.PASSWORD, [Shot(PAGE, 390, 844, tmp_path / "room.png")])
        with browser() as stranger, pytest.raises(PhotographError, match="the session has ended"):
            stranger.shoot(url, Shot(PAGE, 390, 844, tmp_path / "none.png"))
    assert not (tmp_path / "none.png").exists()


FAULTS = "[...document.querySelectorAll('.group-pcs .tile')].map(t => [t.dataset.seat, t.dataset.fault].join(' '))"


def test_pcs_without_a_candidate_come_and_go_on_the_open_page(room: Showroom) -> None:
    """What a PC tells is on the open page at once: seat, fault and remedy; it is said aloud, and gone when mended."""
    with showroom.served(room.store) as url, browser() as window:
        showroom.live_through(room, lambda: None)
        window.log_in(url, showroom.USER, showroom.PASSWORD)
        window.resize(1366, 768)
        window.go(f"{url}{PAGE}")
        assert look(window, FAULTS) == []
        room.idle(30, "list_expired")
        window.wait_until(f"{FAULTS}.length === 1")
        assert look(window, "document.querySelector('#said').textContent") == "1 ny: plass 30", "for screen readers"
        tile = "document.querySelector('.group-pcs .tile')"
        assert look(window, f"{tile}.querySelector('.status').textContent") == "Lista over gyldige prøver er for gammel"
        assert "Koble PC-en til nettet." in str(look(window, f"{tile}.querySelector('.todo').textContent"))
        room.idle(29, "login_refused", phase="refused")
        room.idle(28, "package_refused", "clock_off")
        window.wait_until(f"{FAULTS}.length === 3")
        assert look(window, FAULTS) == ["28 package_refused", "30 list_expired", "29 login_refused"], "gravest first"
        counts = "document.querySelector('.chip-need b').textContent"
        assert look(window, counts) == "6"
        for width in (1366, 683, 375):
            window.resize(width, 768)
            window.wait_until(f"innerWidth === {width}")
            assert look(window, "document.documentElement.scrollWidth") == width, "nothing scrolls sideways"
            cut = "[...document.querySelectorAll('.group-pcs p')].filter(p => p.scrollWidth > p.clientWidth).length"
            assert look(window, cut) == 0, "no sentence is cut"
        room.idle(30)
        window.wait_until(f"{FAULTS}.length === 2")
        assert look(window, FAULTS) == ["28 package_refused", "29 login_refused"]


def test_what_does_not_agree_is_one_line_and_stays_unfolded_while_the_page_lives(room: Showroom) -> None:
    fold, line = "document.querySelector('details.matters')", "document.querySelector('details.matters li').textContent"
    with showroom.served(room.store) as url, browser() as window:
        showroom.live_through(room, lambda: None)
        room.report(5, attempt="f" * 32)
        window.log_in(url, showroom.USER, showroom.PASSWORD)
        window.resize(1366, 768)
        window.go(f"{url}{PAGE}")
        assert look(window, f"{fold}.open") is False
        window.click("details.matters summary")
        window.wait_until(f"{fold}.open")
        assert look(window, line) == "Daniel Okafor, plass 5: Det finnes to gjennomføringer av samme delprøve."
        room.running(1, 18, 8, is_locked=True)
        window.wait_until(f"{TILE.format(room.number(1))}.dataset.status === 'locked'")
        assert look(window, f"{fold}.open") is True
        assert look(window, "document.activeElement === document.querySelector('details.matters summary')") is True
