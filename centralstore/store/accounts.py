"""Staff accounts: log-in, browser sessions, giving and withdrawing access.

A candidate's user name and password are kept in another table and are never looked at here, so they open nothing
that staff sees (reglement 3.2).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Final

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from centralstore.errors import FieldError, LogInPausedError, NotFoundError, TakenError, WrongPasswordError
from centralstore.records import AccountView, NewAccount, SessionView
from centralstore.rights import EVERYWHERE, Act, Actor
from centralstore.store.keeper import Keeper, Where
from centralstore.tables import Account, StaffSession
from centralstore.words import Role
from sync.passwords import PasswordVerifier

FREE_TRIES: Final = 5
"""Wrong passwords in a row before waiting begins; then the wait doubles from `FIRST_PAUSE_MS` to `LONGEST_PAUSE_MS`."""

FIRST_PAUSE_MS: Final = 15_000
LONGEST_PAUSE_MS: Final = 15 * 60_000
SESSION_MS: Final = 12 * 3_600_000
"""A staff session ends after twelve hours: longer than any exam day."""

SHORTEST_PASSWORD: Final = 15
LONGEST_PASSWORD: Final = 256
"""OWASP ASVS 5, V6.2.1 advises fifteen characters. None of the often used passwords is so long, and a sentence is."""

EASY_WORDS: Final = tuple(Path(__file__).with_name("easy-words.txt").read_text(encoding="utf-8").split("\n")[:-1])
"""Words that stand in the passwords that are tried first; they do not count towards a password's length."""

_MOST_OTHER: Final = 6
"""Different characters that a password must have besides the easy words: else it is one key held down."""


class Accounts(Keeper):
    """Log-in and accounts."""

    def log_in(self, user: str, password: str) -> Actor:
        """Whoever has this user name and password; every try is logged, wrong ones slow the account down.

        Raises:
            WrongPasswordError: they do not belong together, or access was withdrawn.
            LogInPausedError: too many wrong passwords; carries the seconds to wait.
        """
        stranger = self._nobody
        account = self._read(lambda session: _copy(session, user))
        if account is not None and account.paused_until_ms > self.now_ms():
            raise LogInPausedError(-(-(account.paused_until_ms - self.now_ms()) // 1000))
        # An unknown user costs the same time as a wrong password, so that names cannot be found out by the clock.
        verifier = PasswordVerifier(account.verifier if account is not None else stranger)
        is_right = len(password) <= LONGEST_PASSWORD and verifier.accepts(password)
        is_right = is_right and account is not None and account.is_active
        self._write(lambda session: self._note_log_in(session, user, is_right=is_right))
        if not is_right or account is None:
            raise WrongPasswordError
        return _actor(account)

    @cached_property
    def _nobody(self) -> str:
        """A verifier that no password fits, made once."""
        return PasswordVerifier.make(secrets.token_hex(16), self._house.folder.settings.password_cost).text

    def _note_log_in(self, session: Session, user: str, *, is_right: bool) -> None:
        account = session.get(Account, user)
        if account is not None:
            account.wrong_in_row = 0 if is_right else account.wrong_in_row + 1
            account.paused_until_ms = self.now_ms() + _pause_ms(account.wrong_in_row) if not is_right else 0
            session.add(account)
        actor = _actor(account) if account is not None else Actor(user[:64], Role.INVIGILATOR, EVERYWHERE, EVERYWHERE)
        where = Where(account.site, account.room) if account is not None else Where("", "")
        self._log(session, actor, "log_in", where, {"known": account is not None}, is_allowed=is_right)

    def start_session(self, actor: Actor) -> str:
        """A secret for the browser's cookie, good for twelve hours or until `end_session`."""
        token = secrets.token_urlsafe(32)
        row = StaffSession(
            token_sha256=_digest(token),
            user=actor.user,
            created_ms=self.now_ms(),
            expires_ms=self.now_ms() + SESSION_MS,
        )
        self._write(lambda session: session.add(row))
        return token

    def session_actor(self, token: str) -> Actor | None:
        """Who is logged in with this secret; None when it is unknown or out of date or access was withdrawn."""

        def work(session: Session) -> Actor | None:
            row = session.get(StaffSession, _digest(token))
            if row is None or row.expires_ms <= self.now_ms():
                return None
            account = session.get(Account, row.user)
            return _actor(account) if account is not None and account.is_active else None

        return self._read(work)

    def end_session(self, token: str) -> None:
        """Log out."""

        def work(session: Session) -> None:
            row = session.get(StaffSession, _digest(token))
            if row is not None:
                session.delete(row)

        self._write(work)

    def sessions(self, token: str) -> tuple[SessionView, ...]:
        """The open sessions of the account that has this one, the newest first; () when this one does not hold."""
        actor = self.session_actor(token)

        def work(session: Session) -> tuple[SessionView, ...]:
            rows = session.exec(_open_sessions(actor.user, self.now_ms())).all() if actor is not None else ()
            return tuple(
                SessionView(row.created_ms, row.expires_ms, is_this=row.token_sha256 == _digest(token)) for row in rows
            )

        return self._read(work)

    def end_other_sessions(self, token: str) -> None:
        """Log the account out everywhere but here.

        Raises:
            WrongPasswordError: this session does not hold any more.
        """
        account = self._account_of(token)
        self._write(lambda session: self._end_others(session, account, token, "end_sessions"))

    def change_password(self, token: str, old: str, new: str) -> None:
        """Give the account of this session a new password; its other sessions end. Logged, as every try is.

        Raises:
            WrongPasswordError: ``old`` is not its password, or the session does not hold any more.
            LogInPausedError: too many wrong ones; carries the seconds to wait.
            FieldError: the new one is too easy.
        """
        account = self._account_of(token)
        self.log_in(account.user, old)
        check_password(new, f"account '{account.user}'", own_words(account))
        verifier = PasswordVerifier.make(new, self._house.folder.settings.password_cost).text

        def work(session: Session) -> None:
            row = session.get_one(Account, account.user)
            row.verifier = verifier
            session.add(row)
            self._end_others(session, account, token, "change_password")

        self._write(work)

    def _end_others(self, session: Session, account: Account, token: str, act: str) -> None:
        others = select(StaffSession).where(
            StaffSession.user == account.user, StaffSession.token_sha256 != _digest(token)
        )
        for row in session.exec(others).all():
            session.delete(row)
        self._log(session, _actor(account), act, Where(account.site, account.room), {}, is_allowed=True)

    def _account_of(self, token: str) -> Account:
        actor = self.session_actor(token)
        if actor is None:
            raise WrongPasswordError
        return self._account(actor.user)

    def add_account(self, actor: Actor, new: NewAccount) -> None:
        """Give a person access.

        Raises:
            NoRightError: not the actor's site.
            TakenError: the user name is taken.
            FieldError: the password is too easy.
        """
        check_password(new.password, f"account '{new.user}'", own_words(new))
        verifier = PasswordVerifier.make(new.password, self._house.folder.settings.password_cost).text

        def work(session: Session) -> None:
            insert_account(session, new, verifier, self.now_ms())

        self._act(actor, Act.MANAGE_ACCOUNTS, Where(new.site, new.room), work, detail={"account": new.user})

    def withdraw_account(self, actor: Actor, user: str) -> None:
        """Take access away at once: the account's open sessions end too."""
        account = self._account(user)

        def work(session: Session) -> None:
            row = session.get_one(Account, user)
            row.is_active = False
            session.add(row)

        self._act(
            actor, Act.MANAGE_ACCOUNTS, Where(account.site, account.room), work, detail={"withdrawn": account.user}
        )

    def accounts(self, actor: Actor) -> tuple[AccountView, ...]:
        """The accounts within the actor's scope."""

        def work(session: Session) -> tuple[AccountView, ...]:
            rows = session.exec(select(Account).order_by(col(Account.user))).all()
            return tuple(_view(row) for row in rows if actor.site in {EVERYWHERE, row.site})

        return self._act(actor, Act.MANAGE_ACCOUNTS, Where(actor.site, actor.room), work)

    def _account(self, user: str) -> Account:
        account = self._read(lambda session: _copy(session, user))
        if account is None:
            raise NotFoundError("Account", user)
        return account


def _open_sessions(user: str, now_ms: int) -> SelectOfScalar[StaffSession]:
    query = select(StaffSession).where(StaffSession.user == user, StaffSession.expires_ms > now_ms)
    return query.order_by(col(StaffSession.created_ms).desc())


def own_words(account: NewAccount | Account) -> tuple[str, ...]:
    """What an attacker knows of an account, and tries first."""
    return (account.user, *account.name.split(), account.site, account.room)


def insert_account(session: Session, new: NewAccount, verifier: str, now_ms: int) -> None:
    """Add an account's row.

    Raises:
        TakenError: the user name is taken.
    """
    if session.get(Account, new.user) is not None:
        raise _taken(new.user)
    session.add(
        Account(
            user=new.user,
            name=new.name,
            verifier=verifier,
            role=new.role.value,
            site=new.site,
            room=new.room,
            created_ms=now_ms,
        )
    )


def check_password(password: str, place: str, own: Iterable[str] = ()) -> None:
    """Refuse what is too easy to be a password of staff.

    Args:
        password: as it was typed; any characters count.
        place: what it is for, for the error's sentence.
        own: words of the account itself, as user and name, which do not count either.

    Raises:
        FieldError: too short, too long, or little more than words that are tried first.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise FieldError(place, "password", f"shorter than {SHORTEST_PASSWORD} characters", "Choose a longer one.")
    if len(password) > LONGEST_PASSWORD:
        raise FieldError(place, "password", f"longer than {LONGEST_PASSWORD} characters", "Choose a shorter one.")
    left = password.casefold()
    for word in sorted((*EASY_WORDS, *own), key=len, reverse=True):
        if len(word) >= 3:  # noqa: PLR2004 - shorter ones stand in every text
            left = left.replace(word.casefold(), "")
    if len(set(left)) < _MOST_OTHER:
        raise FieldError(place, "password", "little more than a word that is tried first", "Choose a whole sentence.")


def _taken(user: str) -> TakenError:
    return TakenError("Account", user, "Choose another user name.")


def _copy(session: Session, user: str) -> Account | None:
    row = session.get(Account, user)
    if row is not None:
        session.expunge(row)
    return row


def _actor(account: Account) -> Actor:
    return Actor(account.user, Role(account.role), account.site, account.room)


def _view(account: Account) -> AccountView:
    return AccountView(account.user, account.name, Role(account.role), account.site, account.room, account.is_active)


def _pause_ms(wrong_in_row: int) -> int:
    if wrong_in_row < FREE_TRIES:
        return 0
    return min(FIRST_PAUSE_MS * 2 ** (wrong_in_row - FREE_TRIES), LONGEST_PAUSE_MS)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
