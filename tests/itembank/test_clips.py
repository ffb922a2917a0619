"""Clips: the length, the loudness and the form that were promised, and no work done twice."""

from __future__ import annotations

import io
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from itembank.bank import Bank, read_bank
from itembank.clips import (
    LOUDNESS_LUFS,
    SAMPLE_RATE_HZ,
    SOUND_CHECK_CLIP,
    build_clips,
    find_clip,
    remove_unused_clips,
    scripts,
)
from itembank.commands import main
from itembank.errors import ClipMissingError, SpeechError
from tests.itembank.breaking import change
from tests.itembank.conftest import RELEASE

needs_speech = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


@pytest.fixture
def bank(demo: Path) -> Bank:
    return read_bank(demo)


def test_every_clip_is_mono_opus_at_48_khz_and_minus_23_lufs(bank: Bank) -> None:
    import pyloudnorm
    import soundfile

    meter = pyloudnorm.Meter(SAMPLE_RATE_HZ)
    for script in list(scripts(bank))[::4]:  # decoding all takes ten seconds; both standards and the sound check are in
        clip = find_clip(bank, script)
        info = soundfile.info(io.BytesIO(clip.path.read_bytes()))
        assert (info.format, info.subtype, info.channels, info.samplerate) == ("OGG", "OPUS", 1, SAMPLE_RATE_HZ)
        samples, _ = soundfile.read(clip.path)
        assert len(samples) == clip.frames
        # a tolerance of 1 LU: EBU R 128 s1 allows it for short programmes, and Opus changes the level a little
        assert meter.integrated_loudness(samples) == pytest.approx(LOUDNESS_LUFS, abs=1.0)


def test_the_demos_item_clips_last_two_to_five_seconds(bank: Bank) -> None:
    seconds = {script.name: find_clip(bank, script).frames / SAMPLE_RATE_HZ for script in scripts(bank)}
    del seconds[SOUND_CHECK_CLIP]
    assert 2.0 <= min(seconds.values()) <= max(seconds.values()) <= 5.0


def test_a_second_build_makes_nothing(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", str(demo)]) == 0
    assert "0 clips built, 24 kept" in capsys.readouterr().out


@needs_speech
def test_only_a_changed_script_is_spoken_again(demo: Path, bank: Bank) -> None:
    old = {script.name: find_clip(bank, script).path for script in scripts(bank)}
    change(demo, "items/D-L01/item.json", lambda plain: plain["nb"]["script"][0].update(text="Kjøp melk, Nora."))
    changed = read_bank(demo)
    assert build_clips(changed) == (1, 23)
    assert old["clips/D-L01.nb.ogg"].exists()
    remove_unused_clips(changed)
    new = {script.name: find_clip(changed, script).path for script in scripts(changed)}
    assert {name for name in new if new[name] != old[name]} == {"clips/D-L01.nb.ogg"}
    assert not old["clips/D-L01.nb.ogg"].exists()


@needs_speech
def test_building_one_release_leaves_the_clips_of_the_others(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(demo / "releases" / f"{RELEASE}.json", demo / "releases" / "reading.json")
    change(demo, "releases/reading.json", lambda plain: plain.update(id="reading", forms=plain["forms"][1:2]))
    before = sorted(path.name for path in (demo / "build").iterdir())
    assert main(["build", str(demo), "--release", "reading"]) == 0
    assert "0 clips built, 1 kept" in capsys.readouterr().out, "the sound check alone"
    assert sorted(path.name for path in (demo / "build").iterdir()) == before


def test_a_release_that_the_bank_does_not_have_is_told(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", str(demo), "--release", "nowhere"]) == 1
    assert capsys.readouterr().err.endswith("it has no release 'nowhere'. Name a file of its releases folder.\n")


@needs_speech
def test_of_two_builds_at_a_time_the_second_waits_and_finds_the_clips(demo: Path) -> None:
    first = find_clip(read_bank(demo), next(iter(scripts(read_bank(demo))))).path
    first.unlink()
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(build_clips, [read_bank(demo), read_bank(demo)]))
    assert sorted(done) == [(0, 24), (1, 23)]
    assert first.is_file()


@needs_speech
def test_a_pause_between_lines_is_as_long_as_the_script_says(demo: Path) -> None:
    def said_twice(plain: dict, pause_ms: int) -> None:
        line = {"voice": "C", "text": "Hei."}
        plain["nb"]["script"] = [line | {"pause_ms": pause_ms}, line]

    lengths: list[int] = []
    for pause_ms in (0, 1500):
        change(demo, "items/D-L01/item.json", lambda plain, pause_ms=pause_ms: said_twice(plain, pause_ms))
        bank = read_bank(demo)
        build_clips(bank)
        lengths += [find_clip(bank, script).frames for script in scripts(bank) if script.name == "clips/D-L01.nb.ogg"]
    assert (lengths[1] - lengths[0]) / SAMPLE_RATE_HZ == pytest.approx(1.5, abs=0.001)


def test_a_clip_whose_length_is_not_known_counts_as_missing(bank: Bank) -> None:
    script = next(iter(scripts(bank)))
    find_clip(bank, script).path.with_suffix(".json").unlink()
    with pytest.raises(ClipMissingError):
        find_clip(bank, script)


def test_without_a_voice_nothing_is_built(demo: Path) -> None:
    change(demo, "items/D-L01/item.json", lambda plain: plain["nb"]["script"][0].update(voice="Z"))
    with pytest.raises(SpeechError, match="the bank has no voice 'Z'"):
        build_clips(read_bank(demo))


def test_without_espeak_the_build_says_what_to_install(
    demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(demo, "items/D-L01/item.json", lambda plain: plain["nb"]["script"][0].update(text="Hei."))
    monkeypatch.setenv("PATH", "")
    assert main(["build", str(demo)]) == 1
    assert "Install espeak-ng and run 'bank build' again." in capsys.readouterr().err
