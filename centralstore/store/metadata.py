"""The authority's list of current releases, as this store takes it in and hands it on. It signs nothing of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sqlmodel import Session, select

from centralstore.errors import DamagedError, NotFoundError, SetUpError
from centralstore.records import DeviceView
from centralstore.rights import EVERYWHERE, Act, Actor
from centralstore.store.devices import require_cleared
from centralstore.store.keeper import Keeper, Where
from centralstore.tables import KeptMetadata
from sync.errors import SyncDataError
from sync.metadata import MAX_METADATA_BYTES, NAME, CurrentReleases, ReleaseMetadata

_MEMORY: Final = "memory"
"""Name of the row that keeps what must not be forgotten (`sync.metadata.ReleaseMetadata`); never handed out."""

_WHAT: Final = "List of releases"
_NAME: Final = re.compile(NAME)


class ReleaseLists(Keeper):
    """Taking in and handing out the list's files."""

    def add_metadata(self, actor: Actor, files: Mapping[str, bytes]) -> CurrentReleases:
        """Take in the list's newest files, all or none, after checking them as a PC would.

        Args:
            actor: who does it.
            files: by name, as they lie in the authority's ``metadata`` folder; others of it may be left out if they
                are here already.

        Raises:
            SetUpError: no root of the authority is pinned here.
            DamagedError: forged, older than what is here, mixed, incomplete or out of date.
        """
        root = self._pinned_root()
        wrong = [name for name, data in files.items() if not _NAME.fullmatch(name) or len(data) > MAX_METADATA_BYTES]
        if wrong:
            raise DamagedError(what=_WHAT, problem=f"'{wrong[0][:80]}' is no file of one")

        def work(session: Session) -> CurrentReleases:
            here = _kept(session)
            memory: list[bytes] = []
            known = ReleaseMetadata(
                root,
                kept=here.pop(_MEMORY, None),
                keep=memory.append,
            )
            try:
                current = known.update({**here, **files}.get, now_utc_ms=self.now_ms())
            except SyncDataError as error:
                raise DamagedError(what=_WHAT, problem=str(error).rstrip(".")) from error
            for name, data in {**files, _MEMORY: memory[-1] if memory else b""}.items():
                if data:
                    session.merge(KeptMetadata(name=name, data=data, added_ms=self.now_ms()))
            return current

        detail: dict[str, object] = {"files": sorted(files)}
        return self._act(actor, Act.MANAGE_RELEASES, Where(EVERYWHERE, EVERYWHERE), work, detail=detail)

    def current_releases(self) -> CurrentReleases | None:
        """The list as it is here now, checked again; None where no root was pinned: then the PCs alone check.

        Raises:
            ListRefusedError, ListExpiredError: there is none yet, or its time is over.
        """
        if not self._house.folder.authority_root.exists():
            return None
        memory = self._read(lambda session: session.get(KeptMetadata, _MEMORY))
        known = ReleaseMetadata(
            self._pinned_root(),
            kept=None if memory is None else memory.data,
            keep=lambda _: None,
        )
        return known.current(now_utc_ms=self.now_ms())

    def metadata_files(self) -> dict[str, bytes]:
        """All files of the list by name: what a relay or a stick gets."""
        found = self._read(_kept)
        found.pop(_MEMORY, None)
        return found

    def metadata_file(self, device: DeviceView, name: str) -> bytes:
        """One file of the list, for a PC.

        Raises:
            NotFoundError: there is none of that name.
        """
        require_cleared(device)
        row = self._read(lambda session: session.get(KeptMetadata, name)) if _NAME.fullmatch(name) else None
        if row is None:
            raise NotFoundError(what=f"{_WHAT}: file", name=name[:80], remedy="Add it with 'store add-metadata'.")
        return row.data

    def _pinned_root(self) -> bytes:
        path = self._house.folder.authority_root
        try:
            return path.read_bytes()
        except OSError as error:
            remedy = f"Pin it with 'store trust {self._house.folder.path} --root 1.root.json'."
            raise SetUpError(str(path), "the authority's root file is not here", remedy) from error


def _kept(session: Session) -> dict[str, bytes]:
    return {row.name: row.data for row in session.exec(select(KeptMetadata)).all()}
