"""Ways to break a copy of a bank."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path


def change(folder: Path, file: str, edit: Callable[[dict], object]) -> None:
    """Read a JSON file of a bank, let `edit` change it, and write it again."""
    path = folder / file
    plain = json.loads(path.read_text(encoding="utf-8"))
    edit(plain)
    path.write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")


def apply(folder: Path, fault: Mapping) -> None:
    """Make the changes of a fault file: set or drop fields by dotted path, replace text, or delete a file."""
    for step in fault["changes"]:
        path = folder / step["file"]
        if step.get("delete"):
            path.unlink()
            continue
        if "text" in step:
            path.write_text(step["text"], encoding="utf-8")
            continue
        plain = json.loads(path.read_text(encoding="utf-8"))
        for dotted, value in step.get("set", {}).items():
            holder, last = _holder(plain, dotted)
            holder[last] = value
        for dotted in step.get("drop", []):
            holder, last = _holder(plain, dotted)
            del holder[last]
        path.write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")


def _holder(plain, dotted: str):
    *path, last = dotted.split("/")
    for name in path:
        plain = plain[int(name) if isinstance(plain, list) else name]
    return plain, int(last) if isinstance(plain, list) else last
