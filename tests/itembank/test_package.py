"""A package opens with its key and not otherwise, and says in one sentence why not."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.panel import Panel, TaskSet
from itembank.bank import read_bank
from itembank.errors import ItemBankError, PackageError
from itembank.keyring import KeyFolder
from itembank.package import open_public, open_sealed
from itembank.publish import Published, publish
from sync.errors import ExpiredError, RollbackError, SyncDataError, WrongSignatureError
from sync.keys import SigningKey, random_key
from sync.release import Ed25519Trust
from tests.sync.test_second_implementation import read_package

NOW = 1_790_000_000_000
LATER = NOW + 60_000
YEAR_MS = 365 * 86_400_000


@pytest.fixture(scope="session")
def published(whole_demo: Path, keys: KeyFolder) -> Published:
    bank = read_bank(whole_demo)
    (package,) = publish(bank, bank.releases["norskprove-demo"], keys.signing_key(), keys.custodians(), now_utc_ms=NOW)
    return package


@pytest.fixture(scope="session")
def trust(keys: KeyFolder) -> Ed25519Trust:
    return Ed25519Trust(keys.signing_key().public, {})


@pytest.fixture(scope="session")
def file(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "norskprove-demo.v1.provrom"
    path.write_bytes(published.data)
    return path


def test_what_was_published_opens_whole(file: Path, published: Published, trust: Ed25519Trust) -> None:
    package = open_sealed(file, published.content_key, trust, now_utc_ms=LATER)
    assert package.release_id == "norskprove-demo.v1"
    assert package.programme.id == "norskprove-demo"
    assert isinstance(package.forms[package.form_for("listening", None)], Panel)
    assert isinstance(package.forms[package.form_for("writing", "A2-B1")], TaskSet)
    for standard in ("nb", "nn"):
        content = package.content(standard)
        for form in package.forms.values():
            if isinstance(form, Panel):
                assert set(form.items) <= set(content.items)
            else:
                assert set(form.slot_of) <= set(content.tasks)


def test_every_picture_and_clip_that_is_shown_is_in_the_package(
    file: Path, published: Published, trust: Ed25519Trust
) -> None:
    package = open_sealed(file, published.content_key, trust, now_utc_ms=LATER)
    shown: set[str] = set()
    for standard in ("nb", "nn"):
        content = package.content(standard)
        pictures = [item.picture for item in content.items.values()]
        pictures += [option.picture for item in content.items.values() for option in item.options]
        pictures += [stimulus.picture for stimulus in content.stimuli.values()]
        pictures += [task.picture for task in content.tasks.values()]
        shown |= {picture.media for picture in pictures if picture is not None}
        shown |= {item.clip for item in content.items.values() if item.clip is not None}
    assert len(shown) > 24
    assert all(package.media(name) for name in shown)
    assert package.media("pictures/keys.svg").startswith(b"<svg")
    assert package.media("clips/D-L01.nn.ogg").startswith(b"OggS")


def test_clips_are_as_long_as_the_panel_says(file: Path, published: Published, trust: Ed25519Trust) -> None:
    import io

    import soundfile

    package = open_sealed(file, published.content_key, trust, now_utc_ms=LATER)
    panel = package.forms[package.form_for("listening", None)]
    assert isinstance(panel, Panel)
    for item in panel.items.values():
        assert item.listening is not None
        for clip in item.listening.clips.values():
            info = soundfile.info(io.BytesIO(package.media(clip.id)))
            assert (info.frames, info.samplerate, info.channels) == (clip.frames, 48_000, 1)


def test_the_public_part_opens_without_the_content_key(file: Path, trust: Ed25519Trust) -> None:
    part = open_public(file, trust, now_utc_ms=LATER)
    assert set(part.content.texts) == {"nb", "nn", "en"}
    assert set(part.content.texts["nn"].information) == {"listening", "reading", "writing"}
    assert part.content.sound_check is not None
    assert part.content.media[part.content.sound_check.clip].startswith(b"OggS")


def test_a_published_file_is_opened_from_the_protocol_alone(published: Published, keys: KeyFolder) -> None:
    public, content = read_package(published.data, keys.signing_key().public.hex, published.content_key)
    assert (public[:2], content[:2]) == (b"PK", b"PK")
    assert b"D-R01" in content


def test_nothing_of_the_sealed_part_can_be_read_without_the_key(published: Published) -> None:
    for secret in (b"D-R01", b"Matbutikken", b"correct", b"<svg", b"Storgata"):
        assert secret not in published.data


def test_what_a_clip_says_is_not_in_the_opened_package(file: Path, published: Published, trust: Ed25519Trust) -> None:
    package = open_sealed(file, published.content_key, trust, now_utc_ms=LATER)
    assert "halv ni" not in repr(package.contents)


def test_opening_takes_less_than_300_ms(file: Path, published: Published, trust: Ed25519Trust) -> None:
    """The kiosk opens a package between two screens; the best of five, since other programs run too."""
    times: list[float] = []
    for _ in range(5):
        started = time.perf_counter()
        open_sealed(file, published.content_key, trust, now_utc_ms=LATER)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.3


def test_opening_writes_nothing(file: Path, published: Published, trust: Ed25519Trust) -> None:
    before = sorted(path.name for path in file.parent.iterdir())
    open_sealed(file, published.content_key, trust, now_utc_ms=LATER)
    assert sorted(path.name for path in file.parent.iterdir()) == before


def test_another_key_does_not_open_it(file: Path, trust: Ed25519Trust) -> None:
    with pytest.raises(PackageError, match="the content key belongs to another release"):
        open_sealed(file, random_key(), trust, now_utc_ms=LATER)


def test_a_release_that_another_signed_is_refused(file: Path) -> None:
    with pytest.raises(WrongSignatureError):
        open_public(file, Ed25519Trust(SigningKey.create().public, {}), now_utc_ms=LATER)


def test_an_expired_release_is_refused(file: Path, trust: Ed25519Trust) -> None:
    with pytest.raises(ExpiredError):
        open_public(file, trust, now_utc_ms=NOW + YEAR_MS)


def test_an_older_release_than_one_accepted_is_refused(file: Path, trust: Ed25519Trust) -> None:
    with pytest.raises(RollbackError):
        open_public(file, Ed25519Trust(trust.content_key, {"norskprove-demo": 2}), now_utc_ms=LATER)


def test_a_missing_file_is_told(tmp_path: Path, trust: Ed25519Trust) -> None:
    with pytest.raises(PackageError, match=r"the file cannot be read .* Fetch the release"):
        open_public(tmp_path / "none.provrom", trust, now_utc_ms=LATER)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_changed_byte_anywhere_is_refused_with_a_sentence(
    data: st.DataObject, published: Published, trust: Ed25519Trust, tmp_path: Path
) -> None:
    (length,) = struct.unpack(">I", published.data[8:12])
    ends = (8, 28, 28 + length, 28 + length + published.manifest.public_bytes, len(published.data))
    low, high = data.draw(st.sampled_from(list(zip((0, *ends), ends, strict=False))))
    place = data.draw(st.integers(low, high - 1))
    other = data.draw(st.integers(1, 255))
    damaged = bytearray(published.data)
    damaged[place] ^= other
    path = tmp_path / "damaged.provrom"
    path.write_bytes(damaged)
    with pytest.raises((ItemBankError, SyncDataError), match=r"\.$"):
        open_sealed(path, published.content_key, trust, now_utc_ms=LATER)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_package_cut_anywhere_is_refused(
    data: st.DataObject, published: Published, trust: Ed25519Trust, tmp_path: Path
) -> None:
    path = tmp_path / "cut.provrom"
    path.write_bytes(published.data[: data.draw(st.integers(0, len(published.data) - 1))])
    with pytest.raises((ItemBankError, SyncDataError)):
        open_public(path, trust, now_utc_ms=LATER)


def test_what_the_release_does_not_hold_is_told(file: Path, published: Published, trust: Ed25519Trust) -> None:
    package = open_sealed(file, published.content_key, trust, now_utc_ms=LATER)
    with pytest.raises(PackageError, match="there is no form for part 'writing', level 'B1-B2', spare 0"):
        package.form_for("writing", "B1-B2")
    with pytest.raises(PackageError, match="there is no form for part 'reading', level 'None', spare 1"):
        package.form_for("reading", None, spare=1)
    with pytest.raises(PackageError, match=r"there is no media 'pictures/none\.svg'"):
        package.media("pictures/none.svg")
