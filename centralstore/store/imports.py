"""Taking in a whole file of people and sittings, or nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

from sqlmodel import Session

from centralstore.csvfile import ImportPlan, parse_people
from centralstore.errors import ImportRefusedError, NoRightError, StoreError
from centralstore.rights import EVERYWHERE, Act, Actor
from centralstore.store.accounts import check_password, insert_account, own_words
from centralstore.store.keeper import Keeper, Where, require
from centralstore.store.planning import insert_candidate, insert_place, insert_sitting
from sync.passwords import PasswordVerifier


class Imports(Keeper):
    """Import of CSV files (`centralstore.csvfile`)."""

    def import_people(self, actor: Actor, text: str, name: str) -> dict[str, int]:
        """Take in a file's accounts, candidates, sittings and places in one transaction.

        Args:
            actor: whose rights count for every row.
            text: the file's text.
            name: the file's name, for the error's sentence.

        Returns:
            How many of each kind.

        Raises:
            ImportRefusedError: one sentence for every malformed row; nothing was taken in.
            NoRightError: a row is outside the actor's scope.
        """
        plan = parse_people(text)
        verifiers = self._verifiers(plan)
        if plan.problems:
            raise ImportRefusedError(name, tuple(plan.problems))

        def work(session: Session) -> dict[str, int]:
            problems: list[str] = []
            for line, insert in self._inserts(session, actor, plan, verifiers):
                with _noted(session, line, problems):
                    insert()
                    session.flush()
            if problems:
                raise ImportRefusedError(name, tuple(problems))
            return {
                "accounts": len(plan.accounts),
                "candidates": len(plan.candidates),
                "sittings": len(plan.sittings),
                "places": len(plan.places),
            }

        return self._act(actor, Act.ADD_CANDIDATE, Where(actor.site, EVERYWHERE), work, detail={"file": name})

    def _verifiers(self, plan: ImportPlan) -> dict[int, str]:
        """Verifiers by line, made before the transaction: each costs a good part of a second."""
        cost = self._house.folder.settings.password_cost
        for line, account in plan.accounts:
            try:
                check_password(account.password, "account", own_words(account))
            except StoreError as error:
                plan.problems.append(f"line {line}: {error}")
        if plan.problems:
            return {}
        people = [
            *((line, new.password) for line, new in plan.accounts),
            *((line, new.password) for line, new in plan.candidates),
        ]
        return {line: PasswordVerifier.make(password, cost).text for line, password in people}

    def _inserts(
        self, session: Session, actor: Actor, plan: ImportPlan, verifiers: dict[int, str]
    ) -> Iterator[tuple[int, Callable[[], None]]]:
        now = self.now_ms()
        for line, account in plan.accounts:
            require(actor, Act.MANAGE_ACCOUNTS, Where(account.site, account.room))
            yield line, lambda new=account, line=line: insert_account(session, new, verifiers[line], now)
        for line, candidate in plan.candidates:
            yield line, lambda new=candidate, line=line: insert_candidate(session, new, verifiers[line])
        for line, sitting in plan.sittings:
            require(actor, Act.PLAN_SITTING, Where(sitting.site, sitting.room))
            yield line, lambda new=sitting: insert_sitting(session, new)
        for line, place in plan.places:
            yield line, lambda new=place: insert_place(session, new)


@contextmanager
def _noted(session: Session, line: int, problems: list[str]) -> Generator[None]:
    """A row's refusal becomes a sentence, so that all of a file's faults are told at once."""
    try:
        with session.begin_nested():
            yield
    except NoRightError:
        raise
    except StoreError as error:
        problems.append(f"line {line}: {error}")
