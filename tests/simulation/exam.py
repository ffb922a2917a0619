"""The small exam that simulated rooms sit: three parts of seconds instead of hours, made by the product's own code.

Listening: two items, one heard twice and one once. Reading: a first module of two items and one of two final ones.
Writing: two tasks, the second with a choice of topics. A spare form of reading is used after a reset.
"""

from __future__ import annotations

import io
import json
from functools import cache
from typing import Any, Final

import numpy as np
import soundfile

from itembank.keyring import KeyFolder
from itembank.package import make_archive
from sync.keys import random_key, sha256_hex
from sync.package import PackageFile, encode_package, seal_content, sealed_header_of
from sync.release import ReleaseManifest, content_key_check, sign_manifest
from tests.strategies import part_plain, programme_plain

DAY_MS: Final = 86_400_000
START_MS: Final = 1_795_420_800_000
"""2026-11-23 08:00 UTC: when the sitting is planned to begin, and when every simulation begins."""

SERIES: Final = "simulated"
RELEASE: Final = f"{SERIES}.v1"
PROGRAMME: Final = "simulated"
RATE_HZ: Final = 48_000
CLIP_MS: Final = 1_500
LIMIT_MS: Final = {"reading": 25_000, "writing": 25_000}
GRANTED_MS: Final = 5_000
"""The accommodation that some candidates have in reading and writing."""

PARTS: Final = ("listening", "reading", "writing")
LEVEL: Final = {"listening": "", "reading": "", "writing": "A2-B1"}
PLAYS: Final = {"L-1": 2, "L-2": 1}
OPTIONS: Final = ("A", "B", "C")
TASKS: Final = ("W-1", "W-2a", "W-2b")


def programme() -> dict[str, Any]:
    """The programme's rules."""
    short = {"warnings_ms": [6_000], "accommodation_cap_ms": 2 * GRANTED_MS, "earliest_leave_ms": 0}
    listening = part_plain(
        "listening", delivery="fixed_form", duration_min_ms=None, duration_max_ms=None, route_graph={},
        first_module=None, plays_by_level={"A1": 2, "B2": 1},
    )  # fmt: skip
    graph = {"RM1": ["FM-A", "FM-B"]}
    return programme_plain(
        id=PROGRAMME,
        parts=[
            listening,
            part_plain("reading", limit_ms=LIMIT_MS["reading"], route_graph=graph, first_module="RM1", **short),
            part_plain("writing", limit_ms=LIMIT_MS["writing"], tasks_by_level={"A2-B1": 2}, **short),
        ],
    )


def package(keys: KeyFolder) -> tuple[ReleaseManifest, bytes]:
    """A genuine, signed and sealed test package; its content key is kept with the authority's keys."""
    plain = programme()
    public = make_archive(_public_files(plain))
    content_key = random_key()
    header = sealed_header_of(
        release=RELEASE, series=SERIES, version=1, programme=PROGRAMME, public_sha256=sha256_hex(public)
    )
    sealed = seal_content(make_archive(_sealed_files()), content_key, header)
    manifest = ReleaseManifest(
        release=RELEASE,
        series=SERIES,
        version=1,
        programme=PROGRAMME,
        programme_version=plain["version"],
        is_demo=True,
        public_sha256=sha256_hex(public),
        public_bytes=len(public),
        sealed_sha256=sha256_hex(sealed),
        sealed_bytes=len(sealed),
        content_key_check=content_key_check(content_key),
        results=keys.custodians(),
        made_utc_ms=START_MS - DAY_MS,
        expires_utc_ms=START_MS + 30 * DAY_MS,
    )
    keys.keep_content_key(RELEASE, content_key)
    return manifest, encode_package(PackageFile(sign_manifest(manifest, keys.signing_key()), public, sealed))


@cache
def clip() -> bytes:
    """A recording of silence."""
    stream = io.BytesIO()
    soundfile.write(stream, np.zeros(RATE_HZ * CLIP_MS // 1000, dtype=np.float32), RATE_HZ, format="FLAC")
    return stream.getvalue()


def _public_files(plain: dict[str, Any]) -> dict[str, bytes]:
    page = {"heading": "Les dette", "body": ["Du har god tid."]}
    one_page = {"nb": page, "nn": page, "en": page}
    information = {part: {"nb": [page], "nn": [page], "en": [page]} for part in PARTS}
    line = {"voice": "A", "text": "førtisju"}
    return {
        "programme.json": _json(plain),
        "texts/information.json": _json({"parts": information}),
        "texts/read-out.json": _json({"texts": {"general": one_page}}),
        "texts/personal-data.json": _json(
            {
                "introduction": one_page,
                "fields": [{"id": "language", "label": _thrice("Språk"), "help": _thrice("Språk")}],
            }
        ),
        "texts/sound-check.json": _json({"number": "47", "choices": ["17", "47"], "script": [line]}),
        "clips/sound-check.ogg": clip(),
    }


def _sealed_files() -> dict[str, bytes]:
    uses = [
        {"part": "listening", "level": None, "form": "listening-1"},
        {"part": "reading", "level": None, "form": "reading-1"},
        {"part": "reading", "level": None, "form": "reading-2", "spare": 1},
        {"part": "writing", "level": "A2-B1", "form": "writing-1"},
    ]
    files = {"forms.json": _json({"forms": uses}), "pictures.json": _json({"pictures": {}})}
    files["panels/listening-1.json"] = _json(_listening())
    for number in (1, 2):
        files[f"panels/reading-{number}.json"] = _json(_reading(number))
    files["task-sets/writing-1.json"] = _json(_writing())
    for item in (*PLAYS, *(item for number in (1, 2) for items in _modules(number).values() for item in items)):
        files[f"items/{item}.json"] = _json(_item(item))
    for task in TASKS:
        files[f"tasks/{task}.json"] = _json(_task(task))
    for item in PLAYS:
        for standard in ("nb", "nn"):
            files[f"clips/{item}.{standard}.ogg"] = clip()
    return files


def _listening() -> dict[str, Any]:
    frames = RATE_HZ * CLIP_MS // 1000
    items = [
        _rules(item, level)
        | {
            "listening": {
                "reading_ms": 800,
                "gap_ms": 400,
                "answering_ms": 1_500,
                "clips": {
                    standard: {"id": f"clips/{item}.{standard}.ogg", "frames": frames, "sample_rate_hz": RATE_HZ}
                    for standard in ("nb", "nn")
                },
            }
        }
        for item, level in (("L-1", "A1"), ("L-2", "B2"))
    ]
    return _panel("listening-1", "listening", {"form": list(PLAYS)}, {}, items)


def _modules(number: int) -> dict[str, list[str]]:
    return {module: [f"R{number}-{module}-{place}" for place in (1, 2)] for module in ("RM1", "FM-A", "FM-B")}


def _reading(number: int) -> dict[str, Any]:
    modules = _modules(number)
    routing = {"RM1": [{"low": 0, "high": 1, "target": "FM-A"}, {"low": 2, "high": 2, "target": "FM-B"}]}
    items = [_rules(item, "A2") for items in modules.values() for item in items]
    return _panel(f"reading-{number}", "reading", modules, routing, items)


def _panel(
    name: str, part: str, modules: dict[str, list[str]], routing: dict[str, Any], items: list[dict[str, Any]]
) -> dict[str, Any]:
    kinds = {"form": "form", "RM1": "routing"}
    routes = [["RM1", final] for final in ("FM-A", "FM-B")] if routing else [["form"]]
    counts = {module: len(held) for module, held in modules.items()}
    rows = [
        {"route": route, "levels": ["A1"] * 2 + ["A2"] * (sum(counts[module] for module in route) - 1)}
        for route in routes
    ]
    return {
        "id": name,
        "part": part,
        "levels": ["below_A1", "A1", "A2", "B1", "B2"],
        "modules": [
            {"id": module, "kind": kinds.get(module, "final"), "items": held} for module, held in modules.items()
        ],
        "first": next(iter(modules)),
        "routing_basis": "module",
        "routing": routing,
        "level_table": rows,
        "items": items,
        "scale": None,
    }


def _rules(item: str, level: str) -> dict[str, Any]:
    return {
        "id": item,
        "level": level,
        "key": {"kind": "choice", "correct": ["A"]},
        "max_score": 1,
        "is_scored": True,
        "parameters": None,
        "listening": None,
    }


def _writing() -> dict[str, Any]:
    slots = [{"id": "S1", "tasks": ["W-1"]}, {"id": "S2", "tasks": ["W-2a", "W-2b"]}]
    return {"id": "writing-1", "part": "writing", "level": "A2-B1", "slots": slots}


def _item(item: str) -> dict[str, Any]:
    words = {"prompt": f"Hva er riktig i {item}?", "options": [{"id": each, "text": each} for each in OPTIONS]}
    plain: dict[str, Any] = {
        "id": item,
        "type": "choice",
        "part": "listening" if item in PLAYS else "reading",
        "level": "A2",
        "skill": "detalj",
        "topic": "hverdag",
        "author": "Prøverom",
        "status": "sample",
        "exposure": 0,
        "key": {"kind": "choice", "correct": ["A"]},
        "nb": words,
        "nn": words,
    }
    if item in PLAYS:
        plain["timing"] = {"reading_ms": 800, "gap_ms": 400, "answering_ms": 1_500}
    return plain


def _task(task: str) -> dict[str, Any]:
    words = {"heading": f"Skriv {task}", "body": ["Skriv en hilsen."]}
    return {
        "id": task, "level": "A2", "topic": "bolig", "author": "Prøverom", "status": "sample", "difficulty": 1,
        "nb": words, "nn": words,
    }  # fmt: skip


def _thrice(text: str) -> dict[str, str]:
    return {"nb": text, "nn": text, "en": text}


def _json(plain: object) -> bytes:
    return json.dumps(plain, ensure_ascii=False, sort_keys=True).encode()
