"""A person at a browser: logs in, reads pages, presses buttons; through HTTP only."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

from tests.centralstore.place import PASSWORD, Site


class _Text(HTMLParser):
    """What a page says, without its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in {"style", "script", "title"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"style", "script", "title"}

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.found.append(data.strip())


def text_of(answer: httpx.Response | str) -> str:
    reader = _Text()
    reader.feed(answer if isinstance(answer, str) else answer.text)
    return " ".join(reader.found)


def tile_of(answer: httpx.Response, candidate: str) -> str:
    """The tile's HTML."""
    found = re.search(rf'<article[^>]*id="tile-{candidate}".*?</article>', answer.text, re.DOTALL)
    assert found is not None, answer.text
    return found[0]


def group_of(answer: httpx.Response, candidate: str) -> int:
    found = re.search(r'data-group="(\d)"', tile_of(answer, candidate))
    assert found is not None
    return int(found[1])


def csrf_of(answer: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', answer.text)
    assert found is not None, answer.text
    return html.unescape(found[1])


@dataclass
class Desk:
    """A browser with its cookies."""

    site: Site
    http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.http = self.site.http

    async def log_in(self, user: str, password: str = PASSWORD) -> httpx.Response:
        form = csrf_of(await self.http.get("/login"))
        return await self.http.post("/login", data={"csrf": form, "user": user, "password": password})

    async def see(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def press(self, path: str, page: str = "/sittings", **fields: str) -> httpx.Response:
        """Post a form as the page's button would; ``page`` is where its token stands."""
        token = csrf_of(await self.http.get(page))
        return await self.http.post(path, data={"csrf": token, **fields})
