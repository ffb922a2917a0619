"""Erasing one kind of data for ever, with every proof about the rest still valid."""

from __future__ import annotations

from typing import Final

from sqlmodel import Session, col, select

from centralstore.errors import FieldError, NotNowError
from centralstore.rights import Act, Actor
from centralstore.store.keeper import Keeper
from centralstore.tables import Conflict, KeptEnvelope, Sitting
from centralstore.words import SittingState
from sync.envelope import erase_stream
from sync.segment import StreamName

ERASABLE: Final[tuple[StreamName, ...]] = ("keys", "form")
"""Key timings and the form with personal data. Answers are what a result rests on."""

_BY_NAME: Final[dict[str, StreamName]] = {name: name for name in ERASABLE}


class Erasure(Keeper):
    """Destroying a stream's keys in what the store keeps."""

    def erase_stream(self, actor: Actor, sitting: str, stream: str) -> int:
        """Take a stream's sealed keys out of every envelope of a closed sitting, so that nobody can open it again.

        Identities, signatures, chains, receipts and the store's log stay valid. Backups, exports and sticks made before
        keep what they have.

        Returns:
            How many envelopes were changed; 0 when it was done before.

        Raises:
            FieldError: not a stream that may be erased.
            NotFoundError: no such sitting.
            NotNowError: the sitting is not closed, so more may come.
            NoRightError: not theirs to do.
        """
        chosen = _BY_NAME.get(stream)
        if chosen is None:
            raise FieldError("erase", "stream", f"'{stream}' is none", f"Use {' or '.join(ERASABLE)}.")
        where = self._where(sitting)

        def work(session: Session) -> int:
            if session.get_one(Sitting, sitting).state != SittingState.CLOSED.value:
                why, remedy = "more may come while it is not closed", "Close it, and see that every PC has delivered."
                raise NotNowError("Erasing", f"sitting {sitting}", why, remedy)
            return _erase(session, sitting, chosen, KeptEnvelope) + _erase(session, sitting, chosen, Conflict)

        return self._act(actor, Act.ERASE_STREAM, where, work, detail={"stream": stream})


def _erase(session: Session, sitting: str, stream: StreamName, table: type[KeptEnvelope | Conflict]) -> int:
    changed = 0
    numbers = session.exec(select(table.id).where(col(table.sitting) == sitting)).all()
    for number in numbers:
        row = session.get_one(table, number)
        erased = erase_stream(row.data, stream)
        if erased != row.data:
            row.data = erased
            changed += 1
            session.flush()
        session.expunge(row)  # a sitting's envelopes are more than memory should hold
    return changed
