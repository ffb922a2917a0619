"""Pictures of the staff pages: a headless Chromium logs in as a person would, and its window is kept as a file.

Chromium is driven through chromedriver by the WebDriver protocol over plain HTTP (https://www.w3.org/TR/webdriver2/).
"""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import httpx

from administration import showroom
from administration.errors import PhotographError
from itembank.keyring import KeyFolder

ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"
"""The WebDriver standard's name for a reference to an element."""

START_SECONDS: Final = 60.0
WAIT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: which page, in how large a window (CSS pixels), to which PNG file."""

    path: str
    width: int
    height: int
    file: Path


@dataclass(frozen=True, slots=True)
class Browser:
    """A Chromium window under chromedriver."""

    http: httpx.Client
    session: str

    def ask(self, method: str, command: str, **body: object) -> Any:  # noqa: ANN401 - JSON of any kind
        """One WebDriver command; its value.

        Raises:
            PhotographError: the browser refused it or is gone.
        """
        try:
            answer = self.http.request(
                method, f"/session/{self.session}{command}", json=body if method == "POST" else None
            )
            value = answer.json()["value"]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise PhotographError(command, str(error)) from error
        if not answer.is_success:
            raise PhotographError(command, str(value.get("message", value)).splitlines()[0])
        return value

    def go(self, url: str) -> None:
        """Open an address and wait until it has loaded."""
        self.ask("POST", "/url", url=url)

    def resize(self, width: int, height: int) -> None:
        """Set the page's size in CSS pixels; smaller than a window can be, for a phone."""
        parameters = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("POST", "/goog/cdp/execute", cmd="Emulation.setDeviceMetricsOverride", params=parameters)

    def find(self, css: str) -> str:
        """The first element that a CSS selector names."""
        found = cast("dict[str, str]", self.ask("POST", "/element", using="css selector", value=css))
        return found[ELEMENT]

    def type(self, css: str, text: str) -> None:
        """Type into a field."""
        self.ask("POST", f"/element/{self.find(css)}/value", text=text)

    def click(self, css: str) -> None:
        """Press a button or link; once more when the page has just drawn it anew."""
        try:
            self.ask("POST", f"/element/{self.find(css)}/click")
        except PhotographError as error:
            if "stale element" not in str(error):
                raise
            self.ask("POST", f"/element/{self.find(css)}/click")

    def run(self, script: str) -> Any:  # noqa: ANN401 - as the script answers
        """What a script in the page returns."""
        return self.ask("POST", "/execute/sync", script=script, args=[])

    def wait_until(self, script: str) -> None:
        """Wait until a script in the page returns true.

        Raises:
            PhotographError: it did not within a minute.
        """
        end = time.monotonic() + WAIT_SECONDS
        while not self.run(f"return Boolean({script})"):
            if time.monotonic() > end:
                raise PhotographError("waiting", script)
            time.sleep(0.05)

    def picture(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(str(self.ask("GET", "/screenshot")))

    def shoot(self, url: str, shot: Shot) -> None:
        """Open a page in its size and keep its picture.

        Raises:
            PhotographError: the session has ended, so it would be a picture of the log-in.
        """
        self.resize(shot.width, shot.height)
        self.go(f"{url}{shot.path}")
        if self.run("return location.pathname.startsWith('/login')"):
            raise PhotographError(shot.path, "the session has ended")
        shot.file.write_bytes(self.picture())

    def log_in(self, url: str, user: str, password: str) -> None:
        """Log in on the staff pages as a person would."""
        self.go(f"{url}/login")
        self.type("#user", user)
        self.type("#password", password)
        self.click("#log-in")
        self.wait_until("!location.pathname.startsWith('/login')")


def photograph(url: str, user: str, password: str, shots: Sequence[Shot]) -> None:
    """Log in and keep pictures of pages.

    Args:
        url: the running store, on this machine.
        user, password: a staff account.
        shots: which pages; their files' folders exist.

    Raises:
        PhotographError: no browser, or it failed.
    """
    with browser() as window:
        window.log_in(url, user, password)
        for shot in shots:
            window.shoot(url, shot)


@contextmanager
def browser() -> Generator[Browser]:
    """A headless Chromium, closed afterwards.

    Raises:
        PhotographError: chromium or chromedriver is not here.
    """
    port = _free_port()
    try:
        driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError as error:
        raise PhotographError("chromedriver", error.strerror or "it does not start") from error
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            _wait_for(http)
            window = Browser(http, _session(http))
            try:
                yield window
            finally:
                with suppress(PhotographError):
                    window.ask("DELETE", "")
    finally:
        driver.terminate()
        driver.wait(timeout=START_SECONDS)


def _session(http: httpx.Client) -> str:
    arguments = ["--headless=new", "--disable-gpu", "--hide-scrollbars", "--force-prefers-reduced-motion"]
    if os.geteuid() == 0:  # Chromium's sandbox cannot be had by root
        arguments.append("--no-sandbox")
    options = {"args": [*arguments, "--disable-dev-shm-usage", "--lang=nb"]}
    # The store's own certificate authority is not Chromium's; only this machine's own store is photographed.
    wanted = {"alwaysMatch": {"acceptInsecureCerts": True, "goog:chromeOptions": options}}
    answer = http.post("/session", json={"capabilities": wanted}).json()["value"]
    if "sessionId" not in answer:
        raise PhotographError("chromium", str(answer.get("message", "it does not start")).splitlines()[0])
    return str(answer["sessionId"])


def _wait_for(http: httpx.Client) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with suppress(httpx.TransportError):
            if http.get("/status").json()["value"]["ready"]:
                return
        time.sleep(0.05)
    raise PhotographError("chromedriver", "it does not answer")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def room_pictures(bank: Path, release: str, out: Path) -> tuple[Path, ...]:
    """Pictures of the room page, wide and on a phone, made from the showroom in a running store.

    Args:
        bank: a bank's folder.
        release: one of its releases; its reading part is shown.
        out: the pictures' folder.

    Raises:
        PhotographError: no browser.
        ItemBankError: the bank cannot be published.
    """
    with tempfile.TemporaryDirectory(prefix="provrom-pictures-") as name:
        folder = Path(name)
        authority = KeyFolder(folder / "authority")
        authority.create(1, 1)
        room = showroom.furnish(folder, authority, showroom.reading_package(bank, release, authority))
        try:
            return _room_pictures(room, out)
        finally:
            room.store.close()


def _room_pictures(room: showroom.Showroom, out: Path) -> tuple[Path, ...]:
    page = f"/sittings/{showroom.SITTING}"
    shots = (Shot(page, 1366, 768, out / "room-board.png"), Shot(page, 390, 844, out / "room-board-phone.png"))
    idle = Shot(page, 1366, 768, out / "room-board-pcs.png")
    with showroom.served(room.store) as url, browser() as window:
        showroom.live_through(room, lambda: _look(window, url, page))
        for shot in shots:
            window.shoot(url, shot)
        for seat, fault in ((28, "package_refused"), (29, "login_refused"), (30, "list_expired")):
            room.idle(seat, fault)
        window.shoot(url, idle)
    return (*(shot.file for shot in shots), idle.file)


def _look(window: Browser, url: str, page: str) -> None:
    """Somebody looks at the room page. The room's clock leaps further than a session lasts, so they log in first."""
    window.log_in(url, showroom.USER, showroom.PASSWORD)
    window.go(f"{url}{page}")
