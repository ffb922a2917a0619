"""Who is asking: session cookie, form tokens, limits. Every page and every form comes through here."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from administration.errors import ForeignFormError, NotLoggedInError
from administration.forms import FORM_BYTES, Form
from administration.limits import Limiter
from administration.texts import Language
from centralstore.door import address_of, read_body
from centralstore.rights import Actor
from centralstore.store import Store

SESSION_COOKIE: Final = "__Host-provrom"
FORM_COOKIE: Final = "__Host-provrom-form"
LANGUAGE_COOKIE: Final = "__Host-provrom-language"
"""The prefix makes browsers refuse them without Secure, with a Domain or with another path."""

MINUTE_MS: Final = 60_000
LOG_INS_A_MINUTE: Final = 30
"""From one address; a whole test site may share one. Each account has its own, harder pauses in the store."""

REQUESTS_A_MINUTE: Final = 1_200
"""Of one session: a room page asks at most four times a second."""

LONGEST_TOKEN: Final = 128

IDLE_MS: Final = 30 * MINUTE_MS
"""Without any request for so long a session ends. An open room page asks by itself: a room is watched all the time."""

MOST_SESSIONS: Final = 10_000
"""Sessions whose last request is remembered; one that was forgotten, or is older than this process, begins anew."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a logged-in person."""

    request: Request
    actor: Actor
    token: str
    language: Language
    form: Form

    @property
    def csrf(self) -> str:
        """What this session's forms must carry."""
        return form_token(self.token)


class Door:
    """Lets requests in."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._log_ins = Limiter(LOG_INS_A_MINUTE, MINUTE_MS)
        self._requests = Limiter(REQUESTS_A_MINUTE, MINUTE_MS)
        self._seen = OrderedDict[str, int]()

    async def visit(self, request: Request) -> Visit:
        """The person behind a request; a posted form is read and checked.

        Raises:
            NotLoggedInError: no session that holds.
            ForeignFormError: a form of another page.
            TooManyRequestsError: more than a person can ask.
        """
        token = request.cookies.get(SESSION_COOKIE, "")
        if not token or len(token) > LONGEST_TOKEN:
            raise NotLoggedInError
        self._requests.count(token, self._store.now_ms())
        actor = await run_in_threadpool(lambda: self._store.session_actor(token))
        if actor is None or await self._is_idle(token):
            raise NotLoggedInError
        form = Form({})
        if request.method == "POST":
            form = Form.read(await read_body(request, FORM_BYTES))
            check_form(request, form, token)
        return Visit(request, actor, token, language_of(request), form)

    async def _is_idle(self, token: str) -> bool:
        """Whether a session was silent for too long; it is ended then, and else remembered as seen now."""
        now = self._store.now_ms()
        last = self._seen.pop(token, now)
        if now - last > IDLE_MS:
            await run_in_threadpool(lambda: self._store.end_session(token))
            return True
        self._seen[token] = now
        while len(self._seen) > MOST_SESSIONS:
            self._seen.popitem(last=False)
        return False

    async def stranger_form(self, request: Request) -> Form:
        """A form of somebody not logged in: the log-in form or the choice of language there.

        Raises:
            ForeignFormError: it did not come from our page.
            TooManyRequestsError: too many from this address.
        """
        self._log_ins.count(address_of(request), self._store.now_ms())
        form = Form.read(await read_body(request, FORM_BYTES))
        check_form(request, form, request.cookies.get(FORM_COOKIE, ""))
        return form


def form_token(secret: str) -> str:
    """The token of the forms that belong to a cookie's secret; it does not tell the secret."""
    return hashlib.sha256(b"provrom form\0" + secret.encode()).hexdigest()


def check_form(request: Request, form: Form, secret: str) -> None:
    """Let pass only a form made by a page of ours for this very browser.

    Raises:
        ForeignFormError: another origin, or the token is missing or wrong.
    """
    origin = request.headers.get("origin")
    is_own = origin is None or origin == f"{request.url.scheme}://{request.headers.get('host', '')}"
    if not is_own or not secret or not hmac.compare_digest(form.text("csrf").encode(), form_token(secret).encode()):
        raise ForeignFormError


def language_of(request: Request) -> Language:
    """The language chosen in this browser; Bokmål when none was."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return Language(chosen) if chosen in set(Language) else Language.NB


def keep_session(response: Response, token: str, seconds: int) -> None:
    """Give the browser its session; it is gone when the browser closes or after ``seconds``."""
    response.set_cookie(SESSION_COOKIE, token, max_age=seconds, path="/", secure=True, httponly=True, samesite="strict")


def end_session(response: Response) -> None:
    """Take the session from the browser, and everything it may have kept of the pages."""
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    response.delete_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="strict")


def form_secret(request: Request) -> str:
    """The secret that ties the log-in form to this browser: the one it has, or a new one."""
    return request.cookies.get(FORM_COOKIE, "")[:LONGEST_TOKEN] or secrets.token_urlsafe(32)


def keep_form_secret(response: Response, secret: str) -> None:
    """Give the browser the log-in form's secret."""
    response.set_cookie(FORM_COOKIE, secret, path="/", secure=True, httponly=True, samesite="strict")


def keep_language(response: Response, language: Language) -> None:
    """Remember the chosen language for a year."""
    response.set_cookie(
        LANGUAGE_COOKIE, language.value, max_age=365 * 86_400, path="/", secure=True, httponly=True, samesite="strict"
    )
