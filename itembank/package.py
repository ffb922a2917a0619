"""A test package as it travels: one file, a signed manifest, a public part in the clear and a sealed part.

The file's framing, signature and seal are `sync.package`'s (`PROTOCOL.md` §9); here is what lies inside. Both parts are
ZIP archives without compression. The manifest is signed and holds length and SHA-256 of both, so nothing of a file is
read before it is known to be genuine. Everything is kept in memory: opening a package never writes.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.errors import DataError
from engine.panel import Panel, TaskSet, parse_panel, parse_task_set
from engine.programme import Programme, parse_programme
from itembank.bank import parse_file, parse_json
from itembank.content import ContentSet, PublicContent, SoundCheck, Texts
from itembank.errors import BankFaultsError, PackageError
from itembank.markup import MarkupError
from itembank.rendering import item_content, page, pages, personal_data_form, stimulus_content, task_content
from itembank.schema import (
    LANGUAGES,
    WRITTEN_STANDARDS,
    FileModel,
    FormsFile,
    FormUse,
    InformationFile,
    ItemFile,
    PersonalDataFile,
    PicturesFile,
    ReadOutFile,
    SoundCheckFile,
    StimulusFile,
    TaskFile,
)
from sync.errors import CannotOpenError, DamagedError
from sync.package import PackageFile, decode_package, open_package, verify_package
from sync.release import ReleaseManifest, Trust, content_key_check

SUFFIX = ".provrom"
SOUND_CHECK_MEDIA = "clips/sound-check.ogg"
FETCH_AGAIN = "Fetch it again; if it stays so, publish the release anew"

Model = TypeVar("Model", bound=FileModel)


@dataclass(frozen=True, slots=True)
class PublicPart:
    """What a package shows without its content key."""

    manifest: ReleaseManifest
    programme: Programme
    content: PublicContent


@dataclass(frozen=True, slots=True)
class Package:
    """An opened package: rules for the engine, content for the screen, media in memory."""

    manifest: ReleaseManifest
    programme: Programme
    public: PublicContent
    uses: tuple[FormUse, ...]
    forms: Mapping[str, Panel | TaskSet]
    contents: Mapping[str, ContentSet]
    media_files: Mapping[str, bytes]

    @property
    def release_id(self) -> str:
        """Which release this is."""
        return self.manifest.release

    def form_for(self, part: str, level: str | None, spare: int = 0) -> str:
        """Id of the form for a part and an enrolled level; a form for any level fits every level.

        Raises:
            PackageError: the release has no such form.
        """
        for use in self.uses:
            if use.part == part and use.spare == spare and use.level in {None, level}:
                return use.form
        wanted = f"part '{part}', level '{level}', spare {spare}"
        raise PackageError(self.release_id, f"there is no form for {wanted}", "Publish a release that has one")

    def content(self, written_standard: str) -> ContentSet:
        """All content in Bokmål ("nb") or Nynorsk ("nn")."""
        return self.contents[written_standard]

    def media(self, name: str) -> bytes:
        """A picture (SVG) or clip (Ogg Opus) by its media name.

        Raises:
            PackageError: there is none of that name.
        """
        if name in self.media_files:
            return self.media_files[name]
        if name in self.public.media:
            return self.public.media[name]
        raise PackageError(self.release_id, f"there is no media '{name}'", FETCH_AGAIN)


def open_public(path: Path, trust: Trust, *, now_utc_ms: int) -> PublicPart:
    """The signed part of a package: programme, programme texts and sound check.

    Raises:
        PackageError: the file is not a package, is damaged or does not hold what it should.
        SyncDataError: the manifest is not genuine, out of time or older than one accepted before (`sync.errors`).
    """
    manifest, file = _verified(path, trust, now_utc_ms)
    return _public_part(manifest, _Archive(file.public, path.name))


def open_sealed(path: Path, content_key: bytes, trust: Trust, *, now_utc_ms: int) -> Package:
    """The whole package.

    Raises:
        PackageError: as `open_public`, or the content key is not this release's.
        SyncDataError: as `open_public`.
    """
    manifest, file = _verified(path, trust, now_utc_ms)
    if content_key_check(content_key) != manifest.content_key_check:
        raise PackageError(path.name, "the content key belongs to another release", "Use this release's content key")
    opened = _Archive(_unsealed(file, manifest, content_key, path.name), path.name)
    public_part = _public_part(manifest, _Archive(file.public, path.name))
    uses = opened.model("forms.json", FormsFile).forms
    return Package(
        manifest=manifest,
        programme=public_part.programme,
        public=public_part.content,
        uses=uses,
        forms={use.form: _form(opened, use) for use in uses},
        contents={standard: _content(opened, standard) for standard in WRITTEN_STANDARDS},
        media_files=opened.under("pictures/", ".svg") | opened.under("clips/", ".ogg"),
    )


def make_archive(files: Mapping[str, bytes]) -> bytes:
    """A ZIP archive without compression and without times: the same files give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name])
    return stream.getvalue()


def _verified(path: Path, trust: Trust, now_utc_ms: int) -> tuple[ReleaseManifest, PackageFile]:
    """Manifest and parts of a file, each checked before it is read."""
    try:
        file = decode_package(path.read_bytes())
        return verify_package(file, trust, now_utc_ms=now_utc_ms), file
    except OSError as error:
        raise PackageError(path.name, f"the file cannot be read ({error.strerror})", "Fetch the release") from error
    except DamagedError as error:
        raise PackageError(path.name, error.fault, FETCH_AGAIN) from error


def _unsealed(file: PackageFile, manifest: ReleaseManifest, content_key: bytes, where: str) -> bytes:
    try:
        return open_package(file, manifest, content_key)
    except (CannotOpenError, DamagedError) as error:
        raise PackageError(where, "the sealed part does not open with this content key", FETCH_AGAIN) from error


_NO_ARCHIVE = (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, RuntimeError, EOFError, OSError)
"""What `zipfile` raises for bytes that are no archive, besides its own error."""


def _plain_members(archive: zipfile.ZipFile, most: int) -> list[zipfile.ZipInfo]:
    """The members, each stored as it is and there once: nothing to decrypt, and nothing to unpack that could swell."""
    members = archive.infolist()
    is_plain = all(
        each.compress_type == zipfile.ZIP_STORED and each.file_size == each.compress_size and not each.flag_bits & 1
        for each in members
    )
    if not is_plain or len({each.filename for each in members}) != len(members):
        raise zipfile.BadZipFile
    if sum(each.file_size for each in members) > most:
        raise zipfile.BadZipFile
    return members


class _Archive:
    """The files of one part, in memory."""

    def __init__(self, data: bytes, where: str) -> None:
        self.where = where
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                self._files = {each.filename: archive.read(each) for each in _plain_members(archive, len(data))}
        except _NO_ARCHIVE as error:
            raise PackageError(where, "a part is not an archive", FETCH_AGAIN) from error

    def has(self, name: str) -> bool:
        return name in self._files

    def file(self, name: str) -> bytes:
        if name not in self._files:
            raise PackageError(self.where, f"{name} is missing", FETCH_AGAIN)
        return self._files[name]

    def json(self, name: str) -> object:
        try:
            return parse_json(self.file(name), name)
        except BankFaultsError as error:
            raise PackageError(self.where, str(error.faults[0]).removesuffix("."), FETCH_AGAIN) from error

    def model(self, name: str, model: type[Model]) -> Model:
        try:
            return parse_file(self.file(name), model, name)
        except BankFaultsError as error:
            raise PackageError(self.where, str(error.faults[0]).removesuffix("."), FETCH_AGAIN) from error

    def models(self, folder: str, model: type[Model]) -> Mapping[str, Model]:
        prefix = f"{folder}/"
        names = [name for name in self._files if name.startswith(prefix)]
        return {name.removeprefix(prefix).removesuffix(".json"): self.model(name, model) for name in names}

    def under(self, prefix: str, suffix: str) -> dict[str, bytes]:
        return {name: data for name, data in self._files.items() if name.startswith(prefix) and name.endswith(suffix)}


def _public_part(manifest: ReleaseManifest, archive: _Archive) -> PublicPart:
    try:
        programme = parse_programme(archive.json("programme.json"), archive.where)
    except DataError as error:
        raise PackageError(archive.where, str(error).removesuffix("."), FETCH_AGAIN) from error
    information = archive.model("texts/information.json", InformationFile)
    read_out = archive.model("texts/read-out.json", ReadOutFile)
    personal_data = archive.model("texts/personal-data.json", PersonalDataFile)
    try:
        texts = {language: _texts(language, information, read_out, personal_data) for language in LANGUAGES}
    except MarkupError as error:
        raise PackageError(archive.where, f"a page is faulty: {error}", FETCH_AGAIN) from error
    content = PublicContent(texts, _sound_check(archive), archive.under("clips/", ".ogg"))
    return PublicPart(manifest, programme, content)


def _texts(
    language: str, information: InformationFile, read_out: ReadOutFile, personal_data: PersonalDataFile
) -> Texts:
    return Texts(
        language=language,
        information={part: pages(model, language) for part, model in information.parts.items()},
        read_out={name: page(model, language) for name, model in read_out.texts.items()},
        personal_data=personal_data_form(personal_data, language),
    )


def _sound_check(archive: _Archive) -> SoundCheck | None:
    if not archive.has("texts/sound-check.json"):
        return None
    model = archive.model("texts/sound-check.json", SoundCheckFile)
    return SoundCheck(SOUND_CHECK_MEDIA, model.number, model.choices)


def _form(archive: _Archive, use: FormUse) -> Panel | TaskSet:
    try:
        if use.part == "writing":
            return parse_task_set(archive.json(f"task-sets/{use.form}.json"), archive.where)
        return parse_panel(archive.json(f"panels/{use.form}.json"), archive.where)
    except DataError as error:
        raise PackageError(archive.where, str(error).removesuffix("."), FETCH_AGAIN) from error


def _content(archive: _Archive, written_standard: str) -> ContentSet:
    pictures = archive.model("pictures.json", PicturesFile).pictures
    try:
        return ContentSet(
            written_standard,
            {
                name: item_content(each, written_standard, pictures)
                for name, each in archive.models("items", ItemFile).items()
            },
            {
                name: stimulus_content(each, written_standard, pictures)
                for name, each in archive.models("stimuli", StimulusFile).items()
            },
            {
                name: task_content(each, written_standard, pictures)
                for name, each in archive.models("tasks", TaskFile).items()
            },
        )
    except (ValueError, KeyError) as error:
        raise PackageError(archive.where, f"content is faulty: {error}", FETCH_AGAIN) from error
