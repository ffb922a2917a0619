"""Every page that staff sees, as one ASGI application mounted beside the store's service. The composition root.

Pages are plain HTML and work without JavaScript; the room page updates by itself with a little of our own.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from administration.acts import SEAT_ACTS, SITTING_ACTS, Call, Do
from administration.board import Group
from administration.door import (
    LONGEST_TOKEN,
    SESSION_COOKIE,
    Door,
    Visit,
    end_session,
    form_secret,
    form_token,
    keep_form_secret,
    keep_language,
    keep_session,
    language_of,
)
from administration.errors import AdministrationError, FormError, NotLoggedInError
from administration.matters import matters
from administration.oslo import clock, day
from administration.rooms import Room, Rooms
from administration.seatpage import seat_forms, timeline
from administration.texts import Language, say
from administration.wording import (
    chips,
    crowd_words,
    error_words,
    is_shown,
    pc_crowd_words,
    pc_words,
    person,
    relay_line,
    status_words,
    tile_words,
)
from centralstore.door import address_of
from centralstore.errors import StoreError
from centralstore.records import SittingView
from centralstore.refusals import REFUSALS
from centralstore.rights import Act
from centralstore.store import Store
from centralstore.store.accounts import SESSION_MS
from centralstore.words import SittingState

HERE: Final = Path(__file__).parent
POLL_SECONDS: Final = 5.0
"""A room page asks again at least so often: minutes and lost contact change without any event."""

HEADERS: Final[Mapping[bytes, bytes]] = {
    b"content-security-policy": (
        b"default-src 'none'; object-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
        b" connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
    b"strict-transport-security": b"max-age=31536000; includeSubDomains",
    b"cache-control": b"no-store",
}

_LOG: Final = logging.getLogger("administration")

T = TypeVar("T")
Page = Callable[[Visit], Awaitable[Response]]


def extend(app: FastAPI, store: Store) -> None:
    """Add the staff pages to the store's application."""
    app.mount("/", build_site(store))


def build_site(store: Store) -> FastAPI:
    """The staff pages over an open store."""
    site = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    site.add_middleware(_Headers)
    pages = _Pages(store)
    _answer_errors(site, pages)
    site.mount("/static", StaticFiles(directory=HERE / "static"))
    for path, method, page in pages.table():
        site.add_api_route(path, _entered(pages, page), methods=[method], include_in_schema=False)
    site.add_api_route("/login", pages.login, methods=["GET"], include_in_schema=False)
    site.add_api_route("/login", pages.log_in, methods=["POST"], include_in_schema=False)
    site.add_api_route("/language", pages.language, methods=["POST"], include_in_schema=False)
    return site


def _entered(pages: _Pages, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await page(await pages.door.visit(request))

    return answer


class _Headers:
    """Puts the security headers on every answer; files under /static may be kept by the browser."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in HEADERS.items() if name not in known),
                ]
            await send(message)

        await self._app(scope, receive, sending)


async def _away(work: Callable[[], T]) -> T:
    return await run_in_threadpool(work)


# --- errors -----------------------------------------------------------------------------------------------------------


def _answer_errors(site: FastAPI, pages: _Pages) -> None:
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, StoreError | AdministrationError)  # noqa: S101 - registered for these only
        if isinstance(error, NotLoggedInError) and request.method == "GET" and "X-Room" not in request.headers:
            return RedirectResponse("/login", status_code=303)
        if not isinstance(error, NotLoggedInError):
            REFUSALS.count(error.status, type(error).__name__, address_of(request))
        return pages.error(request, error_words(language_of(request), error), error.status)

    async def missing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
        if request.url.path.startswith("/v1/"):
            sentence = f"{request.url.path}: there is no such address. Check the PC's version."
            return JSONResponse({"error": sentence, "code": "not_found"}, status_code=error.status_code)
        return pages.error(request, say(language_of(request), "error.not_found"), error.status_code)

    async def fault(request: Request, error: Exception) -> Response:
        _LOG.error("a page failed", exc_info=error)
        return pages.error(request, say(language_of(request), "error.fault"), 500)

    site.add_exception_handler(StoreError, refused)
    site.add_exception_handler(AdministrationError, refused)
    site.add_exception_handler(HTTPException, missing)
    site.add_exception_handler(Exception, fault)


# --- pages ------------------------------------------------------------------------------------------------------------


class _Pages:
    """A method for every page; each takes a visit and answers."""

    def __init__(self, store: Store) -> None:
        self.door = Door(store)
        self._store = store
        self._rooms = Rooms(store)
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def table(self) -> tuple[tuple[str, str, Page], ...]:
        """Address, method and page of everything behind the log-in."""
        return (
            ("/", "GET", self.home),
            ("/logout", "POST", self.log_out),
            ("/account", "GET", self.account),
            ("/account/password", "POST", self.change_password),
            ("/account/sessions", "POST", self.end_other_sessions),
            ("/sittings", "GET", self.sittings),
            ("/sittings/{sitting}", "GET", self.room),
            ("/sittings/{sitting}/board", "GET", self.board),
            ("/sittings/{sitting}/course", "GET", self.course),
            ("/sittings/{sitting}/attendance", "GET", self.attendance),
            ("/sittings/{sitting}/read-out", "GET", self.read_out),
            ("/sittings/{sitting}/day-code", "POST", self.day_code),
            ("/sittings/{sitting}/do/{act}", "POST", self.do),
            ("/sittings/{sitting}/seats/{candidate}", "GET", self.seat),
            ("/sittings/{sitting}/seats/{candidate}/{act}", "POST", self.do_at_seat),
        )

    def render(self, template: str, language: Language, status: int = 200, **values: object) -> Response:
        """A page from its template; every value is escaped."""
        text = self._templates.get_template(template).render(
            say=partial(say, language),
            language=language,
            languages=tuple(Language),
            clock=clock,
            day=partial(day, language=language),
            person=partial(person, language),
            **values,
        )
        return HTMLResponse(text, status_code=status)

    def error(self, request: Request, sentence: str, status: int) -> Response:
        """A page that says what did not work."""
        return self.render("error.html", language_of(request), status, sentence=sentence)

    # --- in and out ---------------------------------------------------------------------------------------------------

    async def login(self, request: Request) -> Response:
        """The log-in form."""
        return self._login_page(request, "", 200)

    async def log_in(self, request: Request) -> Response:
        """Who gives a staff account's name and password gets a session; a candidate's open nothing here."""
        form = await self.door.stranger_form(request)
        user, password = form.text("user")[:64], form.fields.get("password", "")
        try:
            actor = await _away(lambda: self._store.log_in(user, password))
        except StoreError as error:
            return self._login_page(request, error_words(language_of(request), error), error.status)
        former = request.cookies.get(SESSION_COOKIE, "")[:LONGEST_TOKEN]
        await _away(lambda: self._store.end_session(former))
        token = await _away(lambda: self._store.start_session(actor))
        response = RedirectResponse("/sittings", status_code=303)
        keep_session(response, token, SESSION_MS // 1000)
        return response

    def _login_page(self, request: Request, sentence: str, status: int) -> Response:
        secret = form_secret(request)
        language = language_of(request)
        response = self.render("login.html", language, status, sentence=sentence, csrf=form_token(secret))
        keep_form_secret(response, secret)
        return response

    async def log_out(self, visit: Visit) -> Response:
        """End the session here and in the store."""
        await _away(lambda: self._store.end_session(visit.token))
        response = RedirectResponse("/login", status_code=303)
        end_session(response)
        return response

    async def account(self, visit: Visit) -> Response:
        """One's own account: another password, and where one is logged in."""
        return await self._account_page(visit, "", 200)

    async def _account_page(self, visit: Visit, sentence: str, status: int, *, said: str = "") -> Response:
        sessions = await _away(lambda: self._store.sessions(visit.token))
        return self._page(visit, "account.html", status, sessions=sessions, sentence=sentence, said=said)

    async def change_password(self, visit: Visit) -> Response:
        """Another password, for whoever knows the old one; all other sessions end."""
        old, new, again = (visit.form.fields.get(name, "") for name in ("old", "new", "again"))
        if new != again:
            return await self._account_page(visit, say(visit.language, "account.differ"), FormError.status)
        try:
            await _away(lambda: self._store.change_password(visit.token, old, new))
        except StoreError as error:
            sentence = error_words(visit.language, error, "change_password")
            return await self._account_page(visit, sentence, error.status)
        return await self._account_page(visit, "", 200, said=say(visit.language, "account.changed"))

    async def end_other_sessions(self, visit: Visit) -> Response:
        """Log out everywhere but here."""
        await _away(lambda: self._store.end_other_sessions(visit.token))
        return RedirectResponse("/account", status_code=303)

    async def language(self, request: Request) -> Response:
        """Choose the language of the pages, logged in or not."""
        try:
            form, back = (await self.door.visit(request)).form, "/sittings"
        except NotLoggedInError:
            form, back = await self.door.stranger_form(request), "/login"
        chosen = form.text("language")
        if chosen not in set(Language):
            raise FormError("language", "is none of nb, nn, en")
        place = form.text("back")
        is_ours = place.startswith("/sittings") and "\\" not in place and place.isprintable()
        response = RedirectResponse(place if is_ours else back, status_code=303)
        keep_language(response, Language(chosen))
        return response

    # --- sittings -----------------------------------------------------------------------------------------------------

    async def home(self, _visit: Visit) -> Response:
        """The front door leads to the sittings."""
        return RedirectResponse("/sittings", status_code=303)

    async def sittings(self, visit: Visit) -> Response:
        """The sittings that this account may see."""
        found = await _away(lambda: self._store.sittings(visit.actor))
        titles = await _away(lambda: {each.id: self._titles(each, visit.language) for each in found})
        return self._page(visit, "sittings.html", sittings=found, titles=titles)

    def _titles(self, sitting: SittingView, language: Language) -> str:
        titles = {str(rules.part): rules.titles for rules in self._store.programme(sitting.id).parts}
        return ", ".join(titles[each.part].get(language.value, titles[each.part]["nb"]) for each in sitting.parts)

    # --- the room -----------------------------------------------------------------------------------------------------

    async def room(self, visit: Visit) -> Response:
        """The room page."""
        room = await self._look(visit)
        return self._page(visit, "room.html", 200, **self._room_values(visit, room))

    async def board(self, visit: Visit) -> Response:
        """The changing part of the room page: answers when something changed, or after a few seconds."""
        sitting, asked = _path(visit, "sitting"), visit.request.query_params.get("seen", "")
        if asked.isascii() and asked.isdigit():
            await self._store.bell.wait(f"room/{sitting}", int(asked[:18]), POLL_SECONDS)
        room = await self._look(visit)
        response = self._page(visit, "board.html", 200, **self._room_values(visit, room))
        response.headers["X-Room-Version"] = str(room.board.version)
        return response

    def _room_values(self, visit: Visit, room: Room) -> dict[str, object]:
        language, pcs = visit.language, room.pcs
        show = visit.request.query_params.get("show", "all")
        is_by_seat = visit.request.query_params.get("order", "") == "seat"
        tiles = [tile for tile in room.view.tiles if is_shown(show, tile)]
        groups = [
            (group, [tile for tile in tiles if tile.group is group])
            for group in Group
            if any(tile.group is group for tile in tiles)
        ]
        if is_by_seat:
            groups = [(None, sorted(tiles, key=lambda tile: tile.seat))]
        return {
            "room": room,
            "title": room.title(room.view.part, language),
            "groups": groups,
            "words": {tile.candidate: tile_words(language, tile) for tile in room.view.tiles},
            "chips": chips(language, room.view, pcs),
            "pcs": [(tile, pc_words(language, tile)) for tile in pcs.tiles if show in {"all", "need"}],
            "crowds": [
                *(crowd_words(language, crowd) for crowd in room.view.crowds),
                *(pc_crowd_words(language, fault, count) for fault, count in pcs.crowds),
            ],
            "matters": matters(language, room.board.seats, room.conflicts, room.contradictions),
            "relay_line": relay_line(language, room.lending, room.borrowing),
            "show": show,
            "is_by_seat": is_by_seat,
            "next_act": _next_act(room, language),
            "may_see_code": room.may(Act.SEE_DAY_CODE),
        }

    async def course(self, visit: Visit) -> Response:
        """Opening, starting, signing, closing, reports, adding a candidate."""
        return await self._course_page(visit, "", 200)

    async def _course_page(self, visit: Visit, sentence: str, status: int) -> Response:
        room = await self._look(visit)
        part = room.coming.part if room.coming is not None else ""
        reports = await _away(lambda: self._store.reports(visit.actor, sitting=room.sitting.id))
        incidents = await _away(lambda: self._store.incidents(visit.actor, room.sitting.id))
        return self._page(
            visit, "course.html", status,
            room=room, sentence=sentence, next_part=part, next_title=room.title(part, visit.language),
            missing=", ".join(str(tile.seat) for tile in room.not_logged_in), reports=reports, incidents=incidents,
            running=room.running, relay_line=relay_line(visit.language, room.lending, room.borrowing),
            acts=Act, states=SittingState,
        )  # fmt: skip

    async def attendance(self, visit: Visit) -> Response:
        """The list: who came, how they were identified, who signed."""
        room = await self._look(visit)
        forms = {seat.candidate: seat_forms(room, seat, (), visit.language) for seat in room.board.seats}
        statuses = {tile.candidate: status_words(visit.language, tile) for tile in room.view.tiles}
        line = relay_line(visit.language, room.lending, room.borrowing)
        return self._page(
            visit, "attendance.html", room=room, forms=forms, statuses=statuses, sentence="", relay_line=line
        )

    async def day_code(self, visit: Visit) -> Response:
        """The four digits, for thirty seconds; the look is logged (reglement 4.1)."""
        sitting = _path(visit, "sitting")
        code = await _away(lambda: self._store.day_code(visit.actor, sitting))
        return self._page(visit, "day_code.html", sitting=sitting, code=code)

    async def read_out(self, visit: Visit) -> Response:
        """One text at a time: the general ones, then that of the part to come and no other (annex 5)."""
        room = await self._look(visit)
        texts = await _away(lambda: self._store.read_out_texts(visit.actor, room.sitting.id))
        names = _texts_for(room, tuple(texts["nb"]))
        asked = visit.request.query_params.get("text", "0")
        place = min(int(asked[:3]) if asked.isascii() and asked.isdigit() else 0, max(0, len(names) - 1))
        pages = [(Language(each), texts[each][names[place]]) for each in ("nb", "nn") if names]
        return self._page(visit, "read_out.html", room=room, pages=pages, place=place, count=len(names))

    async def do(self, visit: Visit) -> Response:
        """Do something for the whole sitting."""
        act, sitting = _path(visit, "act"), _path(visit, "sitting")
        try:
            await self._perform(SITTING_ACTS, act, visit, "")
        except (StoreError, FormError) as error:
            return await self._course_page(visit, error_words(visit.language, error, act), error.status)
        target = f"/sittings/{sitting}" if act in {"open", "start"} else f"/sittings/{sitting}/course"
        return RedirectResponse(target, status_code=303)

    # --- one seat -----------------------------------------------------------------------------------------------------

    async def seat(self, visit: Visit) -> Response:
        """A seat: where the candidate is, what can be done, what has happened."""
        return await self._seat_page(visit, "", 200)

    async def do_at_seat(self, visit: Visit) -> Response:
        """Do something at a seat; a refusal is told on its page with the acts still there."""
        act, candidate, sitting = _path(visit, "act"), _path(visit, "candidate"), _path(visit, "sitting")
        try:
            await self._perform(SEAT_ACTS, act, visit, candidate)
        except (StoreError, FormError) as error:
            return await self._seat_page(visit, error_words(visit.language, error, act), error.status)
        place = {"room": f"/sittings/{sitting}", "attendance": f"/sittings/{sitting}/attendance"}
        target = place.get(visit.form.text("back"), f"/sittings/{sitting}/seats/{candidate}")
        return RedirectResponse(target, status_code=303)

    async def _seat_page(self, visit: Visit, sentence: str, status: int) -> Response:
        room = await self._look(visit)
        seat = room.seat(_path(visit, "candidate"))
        devices = await _away(lambda: self._store.devices(visit.actor))
        incidents = await _away(lambda: self._store.incidents(visit.actor, room.sitting.id))
        deviations = await _away(lambda: self._store.deviations(visit.actor, room.sitting.id))
        tile = room.tile(seat.candidate)
        return self._page(
            visit, "seat.html", status,
            room=room, seat=seat, tile=tile, words=tile_words(visit.language, tile), sentence=sentence,
            title=room.title(room.view.part, visit.language),
            relay_line=relay_line(visit.language, room.lending, room.borrowing),
            forms=seat_forms(room, seat, devices, visit.language),
            lines=timeline(room, seat, incidents, deviations, visit.language),
        )  # fmt: skip

    async def _perform(self, acts: Mapping[str, Do], act: str, visit: Visit, candidate: str) -> None:
        do = acts.get(act)
        if do is None:
            raise FormError("act", "is none that we know")
        call = Call(self._store, visit.actor, _path(visit, "sitting"), candidate, visit.form)
        await _away(lambda: do(call))

    async def _look(self, visit: Visit) -> Room:
        sitting = _path(visit, "sitting")
        return await _away(lambda: self._rooms.look(visit.actor, sitting))

    def _page(self, visit: Visit, template: str, status: int = 200, **values: object) -> Response:
        return self.render(template, visit.language, status, visit=visit, csrf=visit.csrf, **values)


def _path(visit: Visit, name: str) -> str:
    return str(visit.request.path_params[name])


def _next_act(room: Room, language: Language) -> str:
    """The sitting's next step in words, when nothing is running; "" when there is none or it is not this account's."""
    if room.is_elsewhere:
        return ""
    if room.sitting.state is SittingState.PLANNED and room.may(Act.OPEN_SITTING):
        return say(language, "act.open")
    is_waiting = room.coming is not None and room.coming.part == room.view.part
    if room.sitting.state is SittingState.OPENED and is_waiting and room.may(Act.START_PART):
        return say(language, "act.start", part=room.title(room.view.part, language).lower())
    return ""


def _texts_for(room: Room, names: tuple[str, ...]) -> tuple[str, ...]:
    """The general text, that on the written test before its first part, and the one of the part to come."""
    coming = room.coming
    part = coming.part if coming is not None else room.view.part
    is_first = coming is not None and coming.position == 0
    wanted = ("general", "written", part) if is_first else ("general", part)
    return tuple(name for name in wanted if name in names)
