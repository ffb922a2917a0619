"""Test packages and what a PC needs to use them: grants, the release share, the roster ticket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sqlmodel import Session, col, select

from centralstore.errors import DamagedError, GoneError, NotFoundError, NotNowError, SetUpError, TakenError
from centralstore.folder import write_private
from centralstore.plain import plain_programme
from centralstore.records import DeviceView
from centralstore.rights import EVERYWHERE, Act, Actor
from centralstore.store.devices import cleared_devices, require_cleared
from centralstore.store.keeper import Where
from centralstore.store.lent import central_ticket_key, lent_number, require_here
from centralstore.store.metadata import ReleaseLists
from centralstore.store.planning import get_sitting, sitting_parts, sitting_releases
from centralstore.store.room import Room
from centralstore.tables import (
    Account,
    Audit,
    Candidate,
    Device,
    Enrolment,
    KeptGrant,
    KeptRelease,
    Place,
    Sitting,
    SittingPart,
)
from centralstore.words import Role, SittingState
from engine.programme import parse_programme
from itembank.content import Page
from itembank.errors import PackageError
from itembank.package import open_public
from sync.canonical import canonical_bytes, plain_of
from sync.errors import SyncDataError
from sync.keys import BoxPublic, VerifyKey, sha256_hex
from sync.release import (
    Ed25519Trust,
    ReleaseManifest,
    SittingGrants,
    open_lent_share,
    open_store_share,
    seal_device_share,
    verify_grant,
)
from sync.ticket import (
    Ticket,
    TicketCandidate,
    TicketDayCode,
    TicketDevice,
    TicketPart,
    TicketRelease,
    TicketStaff,
    seal_ticket,
)

MARGIN_MS: Final = 12 * 3_600_000
"""A ticket and a day code hold from twelve hours before the planned begin to twelve hours after the planned end."""

TICKET_ROLES: Final = (Role.TEST_MANAGER.value, Role.TEST_LEADER.value, Role.INVIGILATOR.value)


class Releases(Room, ReleaseLists):
    """Packages, grants, shares, tickets."""

    # --- for the authority and the store's own command line -----------------------------------------------------------

    def content_key(self) -> VerifyKey:
        """The authority's public key that releases and grants are signed with.

        Raises:
            SetUpError: it was not set.
        """
        text = self._house.folder.settings.content_key
        if not text:
            path = self._house.folder.path
            raise SetUpError(str(path), "no content key is set", f"Set it with 'store trust {path} KEY'.")
        return VerifyKey.from_hex(text)

    def add_release(self, actor: Actor, data: bytes) -> str:
        """Take in a test package after checking its signature, age and parts, and that the list names it; its id.

        Raises:
            DamagedError: it is not a genuine, current package.
            TakenError: another package is here under the same id.
        """
        new = self._house.folder.releases / f"{sha256_hex(data)}.new"
        _write_whole(new, data)
        try:
            public = open_public(new, self._trust(), now_utc_ms=self.now_ms())
            current = self.current_releases()
            if current is not None:
                current.release(public.manifest.release, now_utc_ms=self.now_ms()).verify_file(data)
        except (SyncDataError, PackageError) as error:
            new.unlink()
            raise DamagedError(what="Test package", problem=str(error).rstrip(".")) from error
        manifest = public.manifest
        sha256, name = sha256_hex(data), f"{manifest.release}.provrom"

        def work(session: Session) -> None:
            known = session.get(KeptRelease, manifest.release)
            if known is not None and known.sha256 != sha256:
                raise TakenError("Release", manifest.release, "It has other content; give the new one another id.")
            session.merge(
                KeptRelease(
                    id=manifest.release,
                    sha256=sha256,
                    size=len(data),
                    file_name=name,
                    series=manifest.series,
                    version=manifest.version,
                    manifest=plain_of(manifest),
                    programme=plain_programme(public.programme),
                    added_ms=self.now_ms(),
                )
            )

        detail: dict[str, object] = {"release": manifest.release}
        try:
            self._act(actor, Act.MANAGE_RELEASES, Where(EVERYWHERE, EVERYWHERE), work, detail=detail)
            new.replace(self._house.folder.releases / name)
        finally:
            new.unlink(missing_ok=True)
        return manifest.release

    def add_grants(self, actor: Actor, grants: SittingGrants) -> None:
        """Take in what the authority made for a sitting: the store's sealed share and a grant for each PC and release.

        Raises:
            DamagedError: not the authority's, or not sealed to this store.
            NotNowError: the sitting is closed.
        """
        key = self.content_key()
        try:
            open_store_share(grants.store_share, sitting=grants.sitting, box=self._house.keys.box, content_key=key)
            found = [verify_grant(data, key) for data in grants.grants.values()]
        except SyncDataError as error:
            raise DamagedError("Grants", str(error).rstrip(".")) from error
        recovery = {grant.recovery_public for grant in found} | {grants.recovery_public.hex}
        if len(recovery) != 1 or {grant.sitting for grant in found} - {grants.sitting}:
            raise DamagedError("Grants", "they are not all of one sitting and recovery key")

        def work(session: Session) -> None:
            row = get_sitting(session, grants.sitting)
            if row.state == SittingState.CLOSED.value:
                raise NotNowError(
                    what="Adding grants", where=f"sitting {row.id}", why="it is closed", remedy="Plan another sitting."
                )
            if row.recovery_public not in {"", grants.recovery_public.hex}:
                why = "there are grants with another recovery key"
                raise NotNowError(
                    what="Adding grants",
                    where=f"sitting {row.id}",
                    why=why,
                    remedy="Make grants from the same secrets.",
                )
            row.store_share, row.recovery_public = grants.store_share, grants.recovery_public.hex
            session.add(row)
            for (device, release), data in grants.grants.items():
                session.merge(KeptGrant(sitting=row.id, release=release, device=device, data=data))

        self._act(actor, Act.MANAGE_RELEASES, self._where(grants.sitting), work, detail={"grants": len(found)})

    def release_keys(self, sitting: str) -> Mapping[str, BoxPublic]:
        """The public keys of the PCs cleared for a sitting's room: what grants are made for."""

        def work(session: Session) -> Mapping[str, BoxPublic]:
            row = get_sitting(session, sitting)
            return {device.id: BoxPublic(device.x25519) for device in cleared_devices(session, row.site, row.room)}

        return self._read(work)

    # --- for the PCs --------------------------------------------------------------------------------------------------

    def public_keys(self) -> dict[str, str]:
        """The store's public keys that an enrolled PC trusts from now on, in hexadecimal digits.

        The authority's are not among them: a PC is given its root by hand, and the rest by its list.
        """
        keys = self._house.keys
        return {
            "order_key": keys.order.public.hex,
            "ticket_key": keys.ticket.public.hex,
            "receipt_key": keys.receipt.public.hex,
        }

    def release_expiry(self, release: str) -> int:
        """When a release ceases to be handed out, UTC milliseconds.

        Raises:
            NotFoundError: no such release here.
        """
        row = self._read(lambda session: session.get(KeptRelease, release))
        if row is None:
            raise NotFoundError("Release", release)
        return ReleaseManifest.model_validate_json(canonical_bytes(row.manifest)).expires_utc_ms

    def read_out_texts(self, actor: Actor, sitting: str) -> Mapping[str, Mapping[str, Page]]:
        """What the test leader reads aloud, by language and name ("general", "reading", …), from a signed release.

        Raises:
            NoRightError: another room's or site's; logged.
            NotFoundError: none of the sitting's releases is here.
            DamagedError: the kept file is not genuine or out of date.
        """
        self._look(actor, sitting)
        kept = self._read(lambda session: [row.file_name for row in _kept(session, sitting) if not _is_spare(row)])
        if not kept:
            raise NotFoundError(what="Release of sitting", name=sitting, remedy="Add it with 'store add-release'.")
        try:
            path = self._house.folder.releases / kept[0]
            public = open_public(path, self._trust(), now_utc_ms=self.now_ms())
        except (SyncDataError, PackageError) as error:
            raise DamagedError(what="Test package", problem=str(error).rstrip(".")) from error
        return {language: texts.read_out for language, texts in public.content.texts.items()}

    def public_box(self) -> BoxPublic:
        """The key to which the authority seals this store's half of a sitting's content key."""
        return self._house.keys.box.public

    def require_device_sitting(self, device: DeviceView, sitting: str) -> None:
        """Let pass only a sitting of the PC's room, open or not.

        Raises:
            NotFoundError: there is none of that id in its room.
        """
        require_cleared(device)
        row = self._read(lambda session: get_sitting(session, sitting))
        if (row.site, row.room) != (device.site, device.room):
            raise NotFoundError("Sitting", sitting, "It is not in this PC's room.")

    def device_sittings(self, device: DeviceView) -> tuple[dict[str, object], ...]:
        """The sittings of a PC's room that are not closed, as plain data."""
        require_cleared(device)

        def work(session: Session) -> tuple[dict[str, object], ...]:
            query = select(Sitting).where(
                Sitting.site == device.site, Sitting.room == device.room, Sitting.state != SittingState.CLOSED.value
            )
            rows = session.exec(query.order_by(col(Sitting.date), col(Sitting.id))).all()
            return tuple(self._device_sitting(session, row) for row in rows)

        return self._read(work)

    def release_file(self, device: DeviceView, release: str) -> Path:
        """The file of a release that a sitting of the PC's room uses.

        Raises:
            NotFoundError: no such release here, or no sitting of the room that is not closed uses it.
        """
        require_cleared(device)

        def work(session: Session) -> KeptRelease | None:
            query = select(Sitting.id).where(
                Sitting.site == device.site, Sitting.room == device.room, Sitting.state != SittingState.CLOSED.value
            )
            used = (row for sitting in session.exec(query).all() for row in _kept(session, sitting))
            return next((row for row in used if row.id == release), None)

        row = self._read(work)
        if row is None:
            raise NotFoundError("Release", release, "No sitting in this PC's room uses it, or it was never added.")
        return self._house.folder.releases / row.file_name

    def grant(self, device: DeviceView, sitting: str, release: str) -> bytes:
        """A PC's grant; it opens nothing before the release share is out.

        Raises:
            GoneError: the sitting is closed.
            NotFoundError: the authority made none for this PC.
        """

        def work(session: Session) -> bytes:
            self._sitting_of(session, device, sitting, "The grant")
            row = session.get(KeptGrant, (sitting, release, device.id))
            if row is None:
                raise NotFoundError(
                    what=f"In sitting {sitting}, grant of PC {device.name} for release",
                    name=release,
                    remedy="Make grants anew.",
                )
            return row.data

        return self._read(work)

    def share(self, device: DeviceView, sitting: str) -> bytes:
        """The release share sealed to a cleared PC of the room, only while the sitting is OPENED.

        Raises:
            NotNowError: not opened yet.
            GoneError: closed; the share was deleted.
        """
        key = self.content_key()

        def work(session: Session) -> tuple[bytes, bytes, VerifyKey | None]:
            row = self._sitting_of(session, device, sitting, "The release share")
            require_here(session, sitting, "The release share")
            if row.state != SittingState.OPENED.value:
                raise NotNowError(
                    what="Handing out the release share",
                    where=f"sitting {sitting}",
                    why="it is not opened",
                    remedy="Open it first.",
                )
            return row.store_share, session.get_one(Device, device.id).x25519, central_ticket_key(session, sitting)

        store_share, public, central = self._read(work)
        box = self._house.keys.box
        if central is None:
            share = open_store_share(store_share, sitting=sitting, box=box, content_key=key)
        else:
            share = open_lent_share(store_share, sitting=sitting, box=box, ticket_key=central)
        return seal_device_share(
            share, sitting=sitting, device=device.id, public=BoxPublic(public), ticket_key=self._house.keys.ticket
        )

    def ticket(self, device: DeviceView, sitting: str) -> bytes:
        """The roster ticket for one PC, made from what is kept now, signed and sealed to the PC.

        Raises:
            GoneError: the sitting is closed.
            NotNowError: the authority's grants are not here, so there is no recovery key to name.
        """
        require_cleared(device)
        # The day code is made first: a reader cannot.
        self._write(lambda session: self._ensured(session, sitting))

        def work(session: Session) -> tuple[Ticket, bytes]:
            row = self._sitting_of(session, device, sitting, "The ticket")
            require_here(session, sitting, "The ticket")
            if not row.recovery_public:
                raise NotNowError(
                    what="Making a ticket",
                    where=f"sitting {sitting}",
                    why="its grants are not here",
                    remedy="Add the grants.",
                )
            return self._ticket(session, row, device.id), session.get_one(Device, device.id).x25519

        ticket, public = self._read(work)
        return seal_ticket(ticket, BoxPublic(public), self._house.keys.ticket)

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _trust(self) -> Ed25519Trust:
        rows = self._read(lambda session: session.exec(select(KeptRelease.series, KeptRelease.version)).all())
        high_water: dict[str, int] = {}
        for series, version in rows:
            high_water[series] = max(version, high_water.get(series, 0))
        return Ed25519Trust(self.content_key(), high_water)

    def _ensured(self, session: Session, sitting: str) -> None:
        self.ensure_day_code(session, get_sitting(session, sitting))

    def _sitting_of(self, session: Session, device: DeviceView, sitting: str, what: str) -> Sitting:
        require_cleared(device)
        row = get_sitting(session, sitting)
        if (row.site, row.room) != (device.site, device.room):
            raise NotFoundError("Sitting", sitting, "It is not in this PC's room.")
        if row.state == SittingState.CLOSED.value:
            raise GoneError(what, sitting)
        return row

    def _ticket_version(self, session: Session) -> int:
        """Rises with every act, so with every change of a roster, and over a restored backup."""
        newest = session.exec(select(Audit.id).order_by(col(Audit.id).desc()).limit(1)).first() or 0
        return self._house.folder.settings.tickets_from + newest + 1

    def _device_sitting(self, session: Session, row: Sitting) -> dict[str, object]:
        return {
            "sitting": row.id,
            "date": row.date,
            "state": row.state,
            "lent": lent_number(session, row.id),
            "ticket_version": self._ticket_version(session),
            "programme": row.programme,
            "releases": [
                {"release": release.id, "sha256": release.sha256, "bytes": release.size}
                for release in _kept(session, row.id)
            ],
            "parts": [part.part for part in sitting_parts(session, row.id)],
        }

    def _ticket(self, session: Session, row: Sitting, device: str) -> Ticket:
        parts = sitting_parts(session, row.id)
        begins, ends = parts[0].planned_start_ms, parts[-1].planned_end_ms
        return Ticket(
            sitting=row.id,
            version=self._ticket_version(session),
            device=device,
            site=row.site,
            room=row.room,
            date=row.date,
            begins_utc_ms=begins,
            ends_utc_ms=ends,
            issued_utc_ms=self.now_ms(),
            expires_utc_ms=ends + MARGIN_MS,
            parts=tuple(TicketPart(programme=row.programme, part=part.part) for part in parts),
            candidates=_candidates(session, row),
            devices=tuple(found.id for found in cleared_devices(session, row.site, row.room)),
            signing_keys=tuple(
                TicketDevice(device=found.id, signing=found.ed25519.hex())
                for found in cleared_devices(session, row.site, row.room)
            ),
            staff=_staff(session, row),
            day_codes=(self._day_code_entry(session, row, begins, ends),),
            releases=_ticket_releases(session, row, parts),
            recovery_public=row.recovery_public,
            order_key=self._house.keys.order.public.hex,
        )

    def _day_code_entry(self, session: Session, row: Sitting, begins: int, ends: int) -> TicketDayCode:
        code = self.ensure_day_code(session, row)
        return TicketDayCode(
            scope=code.sitting or f"{code.site} {code.date}",
            valid_from_utc_ms=max(0, begins - MARGIN_MS),
            valid_to_utc_ms=ends + MARGIN_MS,
            verifier=code.verifier,
        )


def _kept(session: Session, sitting: str) -> list[KeptRelease]:
    return [session.get_one(KeptRelease, release) for release in sitting_releases(session, sitting)]


def _candidates(session: Session, row: Sitting) -> tuple[TicketCandidate, ...]:
    parts: dict[str, list[TicketPart]] = {}
    for entry in session.exec(select(Enrolment).where(Enrolment.sitting == row.id).order_by(col(Enrolment.part))).all():
        parts.setdefault(entry.candidate, []).append(
            TicketPart(
                programme=row.programme, part=entry.part, level=entry.level, accommodation_ms=entry.accommodation_ms
            )
        )
    people = session.exec(
        select(Candidate)
        .join(Place, col(Place.candidate) == col(Candidate.number))
        .where(Place.sitting == row.id)
        .order_by(col(Place.seat))
    ).all()
    return tuple(
        TicketCandidate(
            number=person.number,
            name=person.name,
            login=person.login,
            password=person.verifier,
            parts=tuple(parts.get(person.number, ())),
        )
        for person in people
    )


def staff_of(session: Session, row: Sitting) -> list[Account]:
    """The accounts of a sitting's room that may work there, by user name."""
    query = select(Account).where(
        Account.site == row.site,
        col(Account.room).in_((EVERYWHERE, row.room)),
        col(Account.is_active).is_(True),
        col(Account.role).in_(TICKET_ROLES),
    )
    return list(session.exec(query.order_by(col(Account.user))).all())


def _staff(session: Session, row: Sitting) -> tuple[TicketStaff, ...]:
    return tuple(
        TicketStaff.model_validate({"user": account.user, "verifier": account.verifier, "role": account.role})
        for account in staff_of(session, row)
    )


def _ticket_releases(session: Session, row: Sitting, parts: Sequence[SittingPart]) -> tuple[TicketRelease, ...]:
    """The packages of each part: the newest ordinary one first, spares for resets after it."""
    ordered = sorted(_kept(session, row.id), key=lambda kept: (_is_spare(kept), -kept.version, kept.id))
    covered = {kept.id: {rules.part for rules in parse_programme(kept.programme, kept.id).parts} for kept in ordered}
    return tuple(
        TicketRelease(programme=row.programme, part=part.part, release=kept.id, sha256=kept.sha256)
        for part in parts
        for kept in ordered
        if part.part in covered[kept.id]
    )


def _is_spare(release: KeptRelease) -> bool:
    """Whether it holds the forms for resets (`itembank.publish` names their series so)."""
    return ".spare" in release.series


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file and wait until it is on the disk.

    Raises:
        SetUpError: the disk refused; nothing is left of it.
    """
    try:
        path.unlink(missing_ok=True)
        write_private(path, data)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise SetUpError(
            str(path), f"cannot be written ({error.strerror})", "Free space on the store's disk."
        ) from error
