"""Which store this PC talks to: the one it was enrolled at, or a relay in the room that it lent the sitting to.

A relay is believed because the home store's delegation says so (`sync.delegation`), for that sitting and in its time.
The delegation comes from the home store, or on a stick; it lies beside the sitting's other files, with a recall that
ends it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kiosk.errors import SetUpError
from sync.delegation import Standing, open_delegation, open_recall, verify_delegation
from sync.errors import DamagedError, SyncError
from sync.keys import VerifyKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kiosk.clock import SystemClock
    from kiosk.folder import Enrolment, StateFolder
    from sync.client import StoreClient
    from sync.delegation import Delegation

_log = logging.getLogger(__name__)


HOME: Final = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A store to talk to: two connections (asking and sending; waiting for orders) and the key that signs tickets.

    ``sitting`` is "" for the home store, which gives any; a relay gives one. ``water`` names its tickets' high water.
    """

    sitting: str
    water: str
    client: StoreClient
    orders_client: StoreClient
    ticket_key: VerifyKey

    @property
    def is_relay(self) -> bool:
        """Whether it is a relay."""
        return bool(self.sitting)


class Lines:
    """The home store's line, those of relays, and which of them holds now."""

    def __init__(
        self, folder: StateFolder, enrolment: Enrolment, connect: Callable[[], StoreClient], clock: SystemClock
    ) -> None:
        self._folder = folder
        self._ticket_key = enrolment.key("ticket_key")
        self._clock = clock
        self.home = Line(HOME, "", connect(), connect(), self._ticket_key)
        self.watcher = connect()
        """A third connection, for asking the home store beside a relay's line."""
        self._relays: dict[tuple[str, int, str], Line] = {}

    def hang_up(self) -> bool:
        """End what threads wait for on any line; whether anything was connected."""
        found = [client.hang_up() for client in self._clients()]
        return any(found)

    def close(self) -> None:
        """Close every connection; no thread may be using one (`hang_up`)."""
        for client in self._clients():
            client.close()

    def _clients(self) -> list[StoreClient]:
        lines = (self.home, *self._relays.values())
        return [self.watcher, *(client for line in lines for client in (line.client, line.orders_client))]

    def choose(self, is_done: Callable[[str], bool]) -> Line:
        """The line to use now: that of the newest sitting with a delegation that holds, unless all of it is done."""
        for sitting in reversed(self._folder.sittings()):
            delegation = self._holding(sitting)
            if delegation is not None and not is_done(sitting):
                return self._relay(delegation)
        return self.home

    def delegated(self) -> tuple[str, ...]:
        """The sittings that were ever delegated, whether it holds or not."""
        return tuple(sitting for sitting in self._folder.sittings() if self._delegation(sitting) is not None)

    def keep(self, sitting: str, data: bytes) -> None:
        """Keep what the home store answers about a sitting's loan: a delegation, or a recall of it.

        Raises:
            SyncError: it is neither, not the home store's, or older than what was seen.
        """
        try:
            recall = open_recall(data, sitting=sitting, ticket_key=self._ticket_key)
        except DamagedError:
            self._keep_delegation(sitting, data)
            return
        if recall.number > self._recalled(sitting):
            self._folder.write(self._path(sitting, "recall"), data)

    def order_keys(self, sitting: str) -> tuple[VerifyKey, ...]:
        """Whose orders count in a sitting beside the home store's, newest loan first; also after a loan has ended."""
        found = [self._delegation(sitting), *reversed(_earlier(self._folder, sitting, self._ticket_key))]
        keys = {each.order_key: None for each in found if each is not None}
        return tuple(VerifyKey.from_hex(key) for key in keys)

    def ticket_keys(self, sitting: str) -> tuple[tuple[VerifyKey, str], ...]:
        """Whose tickets and shares of a sitting are believed now, each with the name of its tickets' high water."""
        holding = self._holding(sitting)
        home = ((self._ticket_key, f"ticket {sitting}"),)
        return home if holding is None else ((VerifyKey.from_hex(holding.ticket_key), _water(holding)), *home)

    def receipt_keys(self) -> dict[str, VerifyKey]:
        """By sitting, whose receipts count beside the home store's."""
        found = [(sitting, self._delegation(sitting)) for sitting in self._folder.sittings()]
        return {sitting: VerifyKey.from_hex(each.receipt_key) for sitting, each in found if each is not None}

    # --- inside -------------------------------------------------------------------------------------------------------

    def _path(self, sitting: str, name: str) -> Path:
        return self._folder.sitting(sitting) / name

    def _keep_delegation(self, sitting: str, data: bytes) -> None:
        before = self._delegation(sitting)
        seen = Standing(0 if before is None else before.number, is_recalled=False)
        now_ms = self._clock.wall_ms()
        found = open_delegation(data, sitting=sitting, ticket_key=self._ticket_key, now_utc_ms=now_ms, seen=seen)
        if found.number > seen.number:
            _write_delegation(self._folder, sitting, data)

    def _delegation(self, sitting: str) -> Delegation | None:
        """The kept delegation, genuine, whatever its time."""
        return _kept_delegation(self._folder, sitting, self._ticket_key)

    def _recalled(self, sitting: str) -> int:
        """The number up to which delegations were recalled; 0 when none was."""
        return _kept_recall(self._folder, sitting, self._ticket_key)

    def _holding(self, sitting: str) -> Delegation | None:
        found = self._delegation(sitting)
        if found is None or found.number <= self._recalled(sitting):
            return None
        return found if found.valid_from_utc_ms <= self._clock.wall_ms() <= found.valid_to_utc_ms else None

    def _relay(self, delegation: Delegation) -> Line:
        """A relay's line; the address that staff gave here stands over the delegation's."""
        given = self._folder.read(self._path(delegation.sitting, "relay-url"))
        url = delegation.url if given is None else given.decode("ascii", "replace")
        key = (delegation.sitting, delegation.number, url)
        if key not in self._relays:
            client, orders_client = (self.home.client.elsewhere(url, delegation.ca_pem) for _ in range(2))
            ticket_key = VerifyKey.from_hex(delegation.ticket_key)
            self._relays[key] = Line(delegation.sitting, _water(delegation), client, orders_client, ticket_key)
        return self._relays[key]


def take_delegation(folder: StateFolder, enrolment: Enrolment, path: Path, url: str, now_utc_ms: int) -> str:
    """Take a delegation from a stick, and the relay's address where staff gives another; the sitting it is for.

    An older or recalled one changes nothing, so that a PC started again as before goes on with what it knows.

    Raises:
        SetUpError: it is none that the home store of this PC made for now, or it cannot be read.
    """
    key = enrolment.key("ticket_key")
    try:
        data = path.read_bytes()
    except OSError as error:
        what = f"The file {path} cannot be read ({error.strerror})"
        raise SetUpError(what, remedy="Put the stick in again.") from error
    try:
        found = verify_delegation(data, key)
        sitting = found.sitting
        before, recalled = _kept_delegation(folder, sitting, key), _kept_recall(folder, sitting, key)
        if found.number <= recalled or (before is not None and found.number < before.number):
            _log.warning("the delegation of sitting %s on the stick is not used: what is known here is newer", sitting)
            return sitting
        open_delegation(data, sitting=sitting, ticket_key=key, now_utc_ms=now_utc_ms)
    except SyncError as error:
        raise SetUpError(str(error).rstrip("."), remedy="Copy the file 'delegation' of 'store lend' again.") from error
    _write_delegation(folder, sitting, data)
    if url:
        folder.write(folder.sitting(sitting) / "relay-url", url.encode("ascii", "replace"))
    return sitting


def _write_delegation(folder: StateFolder, sitting: str, data: bytes) -> None:
    """Keep a newer delegation; the one before stays beside it, for what its relay had signed is still on this disk."""
    path, earlier = folder.sitting(sitting) / "delegation", folder.sitting(sitting) / "earlier"
    before = folder.read(path)
    if before is not None and before != data:
        known = (folder.read(earlier) or b"").splitlines()
        folder.write(earlier, b"\n".join((*(each for each in known if each != before), before)))
    folder.write(path, data)


def _earlier(folder: StateFolder, sitting: str, key: VerifyKey) -> list[Delegation]:
    """The genuine delegations of a sitting before the newest, oldest first."""
    found: list[Delegation] = []
    for data in (folder.read(folder.sitting(sitting) / "earlier") or b"").splitlines():
        try:
            found.append(verify_delegation(data, key))
        except SyncError as error:
            _log.warning("an earlier delegation of sitting %s is not used: %s", sitting, error)
    return [each for each in found if each.sitting == sitting]


def _kept_delegation(folder: StateFolder, sitting: str, key: VerifyKey) -> Delegation | None:
    """The kept delegation of a sitting, genuine, whatever its time; None where there is none."""
    data = folder.read(folder.sitting(sitting) / "delegation")
    if data is None:
        return None
    try:
        found = verify_delegation(data, key)
    except SyncError as error:
        _log.warning("the kept delegation of sitting %s is not used: %s", sitting, error)
        return None
    return found if found.sitting == sitting else None


def _kept_recall(folder: StateFolder, sitting: str, key: VerifyKey) -> int:
    """The number up to which a sitting's delegations were recalled; 0 when none was."""
    data = folder.read(folder.sitting(sitting) / "recall")
    if data is None:
        return 0
    try:
        return open_recall(data, sitting=sitting, ticket_key=key).number
    except SyncError:
        return 0


def _water(delegation: Delegation) -> str:
    return f"ticket {delegation.sitting} {delegation.relay} {delegation.number}"
