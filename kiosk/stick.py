"""Envelopes by USB stick: what staff do when a PC cannot reach the store at all.

`./run kiosk --state DIR --export FOLDER` first takes in the receipts that an import at the store left in the folder,
then saves every envelope that has none. It may be given as often as one likes, with the same stick or another. With
``--everything`` it saves all that lies on this PC: for a store whose own copies are gone, and its backups with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiosk.alone import alone
from kiosk.errors import NotEnrolledError, SetUpError
from sync.keys import DeviceKeys
from sync.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kiosk.folder import StateFolder
    from sync.files import Files


def export(
    folder: StateFolder,
    stick: Path,
    tell: Callable[[str], None],
    *,
    is_everything: bool = False,
    files: Files | None = None,
) -> None:
    """Take receipts in from a stick and save on it what has none yet.

    Args:
        folder: this PC's state folder; the exam window must not be open on it.
        stick: an existing folder, of a stick or elsewhere.
        tell: told one sentence for each thing that was done; "saved" only after it is synced to the stick.
        is_everything: save also what has the store's receipt.
        files: the disk and the stick.

    Raises:
        KioskError: the PC is not enrolled, the exam window is open, or there is no such folder.
        StickError, FileFailedError (sync): the stick refused; nothing is lost here.
    """
    enrolment = folder.enrolment()
    if enrolment is None:
        raise NotEnrolledError
    if not stick.is_dir():
        raise SetUpError(what=f"There is no folder {stick}", remedy="Put the stick in, and name its folder.")
    with alone(folder.root):
        keys = DeviceKeys.load(folder.device_keys)
        receipt_key = enrolment.key("receipt_key")
        outbox = Outbox(folder.journals, device_key=keys.signing, receipt_key=receipt_key, files=files)
        taken = outbox.take_receipts(stick)
        if taken.new:
            tell(f"{enrolment.name}: {taken.new} receipts of the store were taken in from {stick}.")
        for name in taken.damaged:
            tell(f"{stick / name} is not a genuine receipt of the store. Import the stick there once more.")
        saved = outbox.export(stick, with_receipted=is_everything)
        if not saved:
            tell(f"{enrolment.name}: everything on this PC has the store's receipt; nothing was left to save.")
            return
        where = " It is a folder of this PC's own disk, not a stick." if _is_same_disk(folder.root, stick) else ""
        tell(
            f"{enrolment.name}: {saved} envelopes are saved to {stick}.{where} "
            f"At the store: ./run store import-envelopes STORE {stick}; then bring the stick back here."
        )


def _is_same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev
