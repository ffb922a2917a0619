"""Releases made from a bank: the forms, items, media and texts that a programme needs, signed and sealed.

A release with spare forms gives one package more for each spare, sealed with a content key of its own, so that opening
the ordinary one never shows what a reset candidate will get.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from itembank.bank import Bank
from itembank.clips import SOUND_CHECK_CLIP, ClipScript, find_clip, item_scripts
from itembank.faults import Place
from itembank.forms import Plain, engine_task_set, panel_plain
from itembank.package import make_archive
from itembank.rendering import picture_name
from itembank.schema import (
    WRITTEN_STANDARDS,
    FileModel,
    FormsFile,
    FormUse,
    ItemFile,
    OptionModel,
    PicturesFile,
    ReleaseFile,
    StimulusFile,
    TaskFile,
)
from sync.keys import SigningKey, random_key, sha256_hex
from sync.package import PackageFile, encode_package, seal_content, sealed_header_of
from sync.release import Custodians, ReleaseManifest, content_key_check, sign_manifest

DAY_MS = 86_400_000
VALID_DAYS = 180
"""How long a release may be used after it was made: one test period and its complaints."""


@dataclass(frozen=True, slots=True)
class Published:
    """A package and the key that opens it; the key belongs with the authority, never beside the package."""

    manifest: ReleaseManifest
    data: bytes
    content_key: bytes


@dataclass(frozen=True, slots=True)
class _Used:
    """What the forms of one package draw on."""

    items: Mapping[str, ItemFile]
    stimuli: Mapping[str, StimulusFile]
    tasks: Mapping[str, TaskFile]

    @property
    def pictures(self) -> frozenset[str]:
        held = chain(self.items.values(), self.stimuli.values(), self.tasks.values())
        shown = (option.picture for item in self.items.values() for option in _options(item))
        return frozenset(picture for picture in chain((each.picture for each in held), shown) if picture)


def publish(
    bank: Bank, release: ReleaseFile, signing_key: SigningKey, custodians: Custodians, *, now_utc_ms: int
) -> tuple[Published, ...]:
    """The packages of a release: the ordinary one first, then one for each number of spare.

    The bank's checks (`itembank.checks`) are the caller's to run before.

    Raises:
        BankDataError: the release has spare forms only, or one custodian alone for what is no demo.
        ClipMissingError: a clip has not been built.
    """
    place = Place.file(bank, "releases", release.id)
    if custodians.needed == 1 and not bank.programmes[release.programme].is_demo:
        fault = "the programme is no demo, but one results key alone would open its answers"
        raise place.fault("programme", fault, "Make keys of which two or more are needed ('bank keys init --needed 2')")
    spares = sorted({use.spare for use in release.forms})
    if spares[0] != 0:
        raise place.fault("forms", "there are spare forms only", "Add the ordinary forms, with spare 0")
    return tuple(_publish(bank, release, spare, signing_key, custodians, now_utc_ms=now_utc_ms) for spare in spares)


def release_name(release: ReleaseFile, spare: int) -> str:
    """A release's id: its series, its version, and which spare."""
    return f"{release.id}.v{release.version}" + (f".spare{spare}" if spare else "")


def _publish(
    bank: Bank,
    release: ReleaseFile,
    spare: int,
    signing_key: SigningKey,
    custodians: Custodians,
    *,
    now_utc_ms: int,
) -> Published:
    uses = [use for use in release.forms if use.spare == spare]
    programme = bank.programmes[release.programme]
    content_key = random_key()
    name = release_name(release, spare)
    series = release.id + (f".spare{spare}" if spare else "")
    public = make_archive(_public_files(bank, release))
    header = sealed_header_of(
        release=name,
        series=series,
        version=release.version,
        programme=programme.id,
        public_sha256=sha256_hex(public),
    )
    sealed = seal_content(make_archive(_sealed_files(bank, uses)), content_key, header)
    manifest = ReleaseManifest(
        release=name,
        series=series,
        version=release.version,
        programme=programme.id,
        programme_version=programme.version,
        is_demo=programme.is_demo,
        public_sha256=sha256_hex(public),
        public_bytes=len(public),
        sealed_sha256=sha256_hex(sealed),
        sealed_bytes=len(sealed),
        content_key_check=content_key_check(content_key),
        results=custodians,
        made_utc_ms=now_utc_ms,
        expires_utc_ms=now_utc_ms + VALID_DAYS * DAY_MS,
    )
    file = PackageFile(sign_manifest(manifest, signing_key), public, sealed)
    return Published(manifest, encode_package(file), content_key)


def _public_files(bank: Bank, release: ReleaseFile) -> Mapping[str, bytes]:
    texts = bank.texts
    files = {
        "programme.json": bank.programme_path(release.programme).read_bytes(),
        "texts/information.json": _json(texts.information),
        "texts/read-out.json": _json(texts.read_out),
        "texts/personal-data.json": _json(texts.personal_data),
    }
    if texts.sound_check is not None:
        script = ClipScript(SOUND_CHECK_CLIP, f"{bank.folder.name}/texts/sound-check.json", texts.sound_check.script)
        files["texts/sound-check.json"] = _json(texts.sound_check)
        files[SOUND_CHECK_CLIP] = find_clip(bank, script).path.read_bytes()
    return files


def _sealed_files(bank: Bank, uses: Sequence[FormUse]) -> Mapping[str, bytes]:
    used = _used(bank, uses)
    files = {"forms.json": _json(FormsFile(forms=tuple(uses)))}
    for use in uses:
        folder, plain = _form_plain(bank, use)
        files[f"{folder}/{use.form}.json"] = json.dumps(plain, ensure_ascii=False).encode()
    files |= {f"items/{name}.json": _json(_without_script(item)) for name, item in used.items.items()}
    files |= {f"stimuli/{name}.json": _json(stimulus) for name, stimulus in used.stimuli.items()}
    files |= {f"tasks/{name}.json": _json(task) for name, task in used.tasks.items()}
    pictures = {picture: bank.pictures[picture] for picture in sorted(used.pictures)}
    files["pictures.json"] = _json(PicturesFile(pictures=pictures))
    files |= {picture_name(picture): bank.picture_path(picture).read_bytes() for picture in pictures}
    for item in used.items.values():
        files |= _clips(bank, item)
    return files


def _form_plain(bank: Bank, use: FormUse) -> tuple[str, Plain]:
    if use.part == "writing":
        task_set = bank.task_sets[use.form]
        engine_task_set(bank, task_set)
        return "task-sets", task_set.model_dump(mode="json")
    return "panels", panel_plain(bank, bank.panels[use.form])


def _used(bank: Bank, uses: Iterable[FormUse]) -> _Used:
    items: dict[str, ItemFile] = {}
    tasks: dict[str, TaskFile] = {}
    for use in uses:
        if use.part == "writing":
            slots = bank.task_sets[use.form].slots
            tasks |= {task: bank.tasks[task] for slot in slots for task in slot.tasks}
        else:
            modules = bank.panels[use.form].modules.values()
            items |= {item: bank.items[item] for module in modules for item in module.items}
    stimuli = {item.stimulus: bank.stimuli[item.stimulus] for item in items.values() if item.stimulus is not None}
    return _Used(items, stimuli, tasks)


def _options(item: ItemFile) -> Iterable[OptionModel]:
    for words in (item.nb, item.nn):
        if words is not None:
            yield from words.options
            yield from chain.from_iterable(gap.options for gap in words.gaps.values())


def _without_script(item: ItemFile) -> ItemFile:
    """A kiosk plays the clip; what is said in it is not for its memory."""
    silent = {
        standard: words.model_copy(update={"script": ()})
        for standard, words in zip(WRITTEN_STANDARDS, (item.nb, item.nn), strict=True)
        if words is not None
    }
    return item.model_copy(update=silent)


def _clips(bank: Bank, item: ItemFile) -> Mapping[str, bytes]:
    return {script.name: find_clip(bank, script).path.read_bytes() for script in item_scripts(bank, item).values()}


def _json(model: FileModel) -> bytes:
    return model.model_dump_json(exclude_defaults=True).encode()
