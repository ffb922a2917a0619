"""What a sitting needs on this PC: packages, grants and the share, fetched ahead and opened when they may be."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from itembank.errors import PackageError
from itembank.package import open_public, open_sealed
from kiosk.folder import write_atomically
from kiosk.releases import DAY_MS
from kiosk.sending import Sending
from sync.errors import (
    DamagedError,
    ListExpiredError,
    ListRefusedError,
    NotCurrentError,
    SyncError,
    WrongSignatureError,
)
from sync.keys import sha256_hex
from sync.release import open_device_share, open_grant

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from sync.client import StoreClient
    from sync.ticket import Ticket, TicketRelease

LIST_AGAIN_S: Final = 10.0
"""How often the list of current releases is asked for where it lacks a release or one is to be opened."""


class Contents(Sending):
    """Everything that is opened."""

    # --- the list of current releases ---------------------------------------------------------------------------------

    def _refresh_list(self, client: StoreClient, every_s: float) -> None:
        """Ask for the list of current releases, if that was not done so many seconds ago.

        While another thread asks this one waits: an order to open must not pass a list on its way that withdraws.
        """
        with self._asking_list:
            if self._threads.now_s() - self._list_asked_s < every_s:
                return
            self._list_asked_s = self._threads.now_s()
            self._list.refresh(client.metadata, now_utc_ms=self._clock.wall_ms())

    def _is_listed(self, ticket: Ticket) -> bool:
        try:
            current = self._list.releases(at_utc_ms=self._clock.wall_ms())
        except SyncError:
            return False
        return {each.release for each in ticket.releases} <= set(current.releases)

    def _opened_at_ms(self) -> int:
        """The time at which a release must be current: now; in an open sitting that of its opening, a day ago at most.

        So a PC that is started again in the middle of an exam opens what it had opened before.
        """
        now_ms = self._clock.wall_ms()
        orders = self._state.orders
        opened = [] if orders is None else [order.at_utc_ms for order in orders.orders if order.kind == "open"]
        return min(now_ms, max(opened[0], now_ms - DAY_MS)) if opened else now_ms

    # --- fetching -----------------------------------------------------------------------------------------------------

    def _fetch_release(self, sitting: str, release: TicketRelease) -> None:
        """The package and the grant, where they are not here yet; a package other than the ticket names is not kept."""
        if not self._folder.release(release.release).exists():
            with self._judging(release.release):
                self._fetch_package(release)
        grant = self._folder.grant(sitting, release.release)
        if not self._folder.has(grant) and not self._is_closed():
            self._folder.write(grant, self._client.grant(sitting, release.release))
            self._wipe_if_closed(sitting)

    def _fetch_package(self, release: TicketRelease) -> None:
        at_ms = self._opened_at_ms()
        listed = self._list.releases(at_utc_ms=at_ms).release(release.release, now_utc_ms=at_ms)
        data = self._client.package(release.release)
        if sha256_hex(data) != release.sha256:
            raise DamagedError(what="test package", fault="it is not the one that the ticket names")
        listed.verify_file(data)
        write_atomically(self._folder.release(release.release), data)

    def _wipe_if_closed(self, sitting: str) -> None:
        """CLOSED may have come in the other thread while this one wrote what is to be wiped."""
        if self._is_closed():
            self._folder.wipe_secrets(sitting)

    # --- opening ------------------------------------------------------------------------------------------------------

    def _open_what_may_be_opened(self, client: StoreClient, *, asks_list: bool = True) -> None:
        """Public parts at any time; packages and the recovery key once the sitting is OPENED."""
        with self._lock:
            ticket = self._state.ticket
        if ticket is None:
            return
        missing = {each.release for each in ticket.releases} - set(self._state.packages)
        if self._is_open() and missing and asks_list:
            # Withdrawn this morning: not opened any more. Without a network what was verified before still holds.
            self._attempted("list", lambda: self._refresh_list(client, LIST_AGAIN_S), keeps_contact=True)
        try:
            self._list.releases(at_utc_ms=self._opened_at_ms())
        except ListRefusedError:
            return
        except ListExpiredError:
            self._change(is_list_expired=True)
            raise
        self._change(is_list_expired=False)
        for each in ticket.releases:
            self._attempted(f"package {each.release}", partial(self._open, client, ticket, each), keeps_contact=True)

    def _open(self, client: StoreClient, ticket: Ticket, wanted: TicketRelease) -> None:
        with self._judging(wanted.release):
            self._open_public(wanted.release)
            if self._is_open() and wanted.release not in self._state.packages:
                self._open_package(client, ticket.sitting, wanted.release)

    def _open_public(self, release: str) -> None:
        path = self._folder.release(release)
        if release in self._state.public or not path.exists():
            return
        at_ms = self._opened_at_ms()
        with _set_aside_if_damaged(path):
            part = open_public(path, self._list.trust(release, at_utc_ms=at_ms), now_utc_ms=at_ms)
        self._change(public={**self._state.public, release: part})

    def _open_package(self, client: StoreClient, sitting: str, release: str) -> None:
        grant = self._folder.read(self._folder.grant(sitting, release))
        if grant is None or not self._folder.release(release).exists():
            return
        at_ms = self._opened_at_ms()
        trust = self._list.trust(release, at_utc_ms=at_ms)
        content_key = trust.current.release(release, now_utc_ms=at_ms).content_key
        share = self._folder.read(self._folder.share(sitting))
        if share is None:
            share = client.share(sitting)
            self._folder.write(self._folder.share(sitting), share)
            self._wipe_if_closed(sitting)
        release_share = self._opened_share(sitting, share)
        granted = open_grant(
            grant,
            sitting=sitting,
            device=self._enrolment.device,
            release=release,
            keys=self._keys,
            release_share=release_share,
            content_key=content_key,
            now_utc_ms=at_ms,
        )
        path = self._folder.release(release)
        with _set_aside_if_damaged(path):
            package = open_sealed(path, granted.content_key, trust, now_utc_ms=at_ms)
        with self._lock:
            # CLOSED may have come meanwhile, in the other thread: then nothing is kept.
            if self._is_open():
                packages = {**self._state.packages, release: package}
                self._state = replace(self._state, packages=packages, recovery=granted.recovery)
                return
        self._folder.wipe_secrets(sitting)

    def _opened_share(self, sitting: str, share: bytes) -> bytes:
        """The release share; one of a store that gives the sitting no more is fetched anew at the next turn."""
        for key, _ in self._lines.ticket_keys(sitting):
            with suppress(WrongSignatureError):
                return open_device_share(
                    share, sitting=sitting, device=self._enrolment.device, box=self._keys.box, ticket_key=key
                )
        self._folder.files.remove(self._folder.share(sitting))
        raise WrongSignatureError(what="release share", signer="a store that gives this sitting")

    # --- packages that are refused ------------------------------------------------------------------------------------

    @contextmanager
    def _judging(self, release: str) -> Generator[None]:
        """That a package is damaged or not on the list stands in ``refused_package`` until a good one is here."""
        try:
            yield
        except (PackageError, DamagedError, NotCurrentError):
            self._judge(release, is_refused=True)
            raise
        if self._folder.release(release).exists():
            self._judge(release, is_refused=False)

    def _forget_refused(self) -> None:
        """Another sitting needs other packages."""
        self._refused.clear()
        self._forget_troubles("fetch", "package")
        self._change(refused_package=False)

    def _judge(self, release: str, *, is_refused: bool) -> None:
        with self._lock:
            (self._refused.add if is_refused else self._refused.discard)(release)
            self._state = replace(self._state, refused_package=bool(self._refused))


@contextmanager
def _set_aside_if_damaged(path: Path) -> Generator[None]:
    """A package that cannot be read, or is not the one listed, is put aside and fetched anew at the next turn."""
    try:
        yield
    except (PackageError, DamagedError, NotCurrentError):
        with suppress(FileNotFoundError):  # another thread found it out, too
            path.replace(path.with_suffix(".damaged"))
        raise
