"""What a PC reads of its own disk."""

from __future__ import annotations

from itertools import product
from typing import Final, get_args

from kiosk.errors import KioskError
from kiosk.folder import StateFolder
from kiosk.screens import TEXT_SIZES, Settings, Theme
from tests.fuzz.target import CASE_BYTES, Fault, Target, canonical_json, raw, scratch


def read_pc_files(data: bytes) -> object:
    """Every small file of a PC's folder, with these bytes in it."""
    folder = StateFolder(scratch() / "pc")
    (folder.root / "clocks").mkdir(parents=True, exist_ok=True)
    (folder.root / "settings").mkdir(parents=True, exist_ok=True)
    for name in ("device.json", "high-water.json", "clocks/a.json", "clocks/a.alive", "settings/c.json"):
        (folder.root / name).write_bytes(data)
    usual = Settings("nb", 100, "light", is_still=False)
    kept = folder.settings("c", usual)
    if (kept.language, kept.theme, kept.text_size) not in product(("nb", "nn", "en"), THEMES, TEXT_SIZES):
        raise Fault("settings that no screen has")
    return folder.high_water(), folder.anchor("a"), folder.lived_until("a"), folder.enrolment()


THEMES: Final = get_args(Theme)

PC_FILES: Final = (
    {"language": "nn", "text_size": 150, "theme": "dark", "is_still": True},
    {"at_ms": 1, "boot_ms": 2, "wall_ms": 3, "boot_id": "b"},
    {"ticket/s1": 3, "norskprove": 2},
)


def targets() -> list[Target]:
    """The targets of this module."""
    return [
        Target("PC's own files", read_pc_files, (KioskError,), lambda: raw(*map(canonical_json, PC_FILES)), CASE_BYTES),
    ]
