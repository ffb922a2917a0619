"""What is no bundle is refused in one sentence, and costs neither memory nor a traceback."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sync.canonical import canonical_bytes
from sync.keys import sha256_hex
from sync.package import PackageFile, decode_package, encode_package
from tests.verifier.forger import Forger
from tests.verifier.room import Room
from verifier.bundle import _read as read_file
from verifier.errors import UnreadableError, WrongError
from verifier.main import main


@pytest.fixture
def forger(room: Room, bundle: Path, tmp_path: Path) -> Forger:
    return Forger.of(room, bundle, tmp_path / "bundle")


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one sentence with which the command refuses."""
    assert main([str(each) for each in arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("verify: ")
    assert lines[0].endswith(".")
    return lines[0]


def test_a_folder_that_is_not_there_or_no_bundle_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be read" in refusal(capsys, tmp_path / "nowhere")
    assert "there is no bundle.json in it" in refusal(capsys, tmp_path)
    (tmp_path / "file").write_text("x")
    assert "cannot be read" in refusal(capsys, tmp_path / "file")


CONTENTS: tuple[Callable[[Any], bytes], ...] = (
    lambda _plain: b"",
    lambda _plain: b"\xff\xfe",
    lambda _plain: b"[" * 200_000,
    lambda _plain: b'{"a":' * 50_000,
    lambda _plain: b"1" * 100_000,
    lambda plain: json.dumps(plain, indent=1).encode(),
    lambda plain: canonical_bytes({**plain, "kind": "receipt"}),
    lambda plain: canonical_bytes({**plain, "body": []}),
    lambda plain: canonical_bytes({**plain, "body": {**plain["body"], "format": 2}}),
    lambda plain: canonical_bytes({**plain, "body": {**plain["body"], "format": True}}),
    lambda plain: canonical_bytes({**plain, "body": {**plain["body"], "made_utc_ms": 10**30}}),
    lambda plain: canonical_bytes({**plain, "body": {**plain["body"], "devices": {}}}),
    lambda plain: canonical_bytes({**plain, "signature": "Ω"}),
    lambda plain: canonical_bytes({**plain, "more": 1}),
)


@pytest.mark.parametrize("change", CONTENTS, ids=range(len(CONTENTS)))
def test_a_useless_table_of_contents_is_told_in_a_sentence(
    forger: Forger, capsys: pytest.CaptureFixture[str], change: Callable[[Any], bytes]
) -> None:
    forger.path("bundle.json").write_bytes(change(forger.json("bundle.json")))
    assert "its table of contents cannot be used" in refusal(capsys, forger.folder)


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/passwd", "a/../../b", "log/\u0000x", "C:\\x", "a//b", ".", ""], ids=range(8)
)
def test_names_that_lead_out_of_the_folder_are_findings_and_never_opened(forger: Forger, name: str) -> None:
    outside = forger.folder.parent / "outside"
    outside.write_bytes(b"secret")
    entry = {"name": name, "bytes": 6, "sha256": sha256_hex(b"secret")}
    forger.seal(lambda body: body["files"].append(entry))
    report = forger.report()
    assert [finding.check for finding in report.findings] == ["files as listed"]
    assert "impossible file" in report.findings[0].sentence


@pytest.mark.parametrize("target", ["/dev/zero", "../outside", "bundle.json", "."], ids=range(4))
def test_links_are_not_followed(forger: Forger, capsys: pytest.CaptureFixture[str], target: str) -> None:
    (forger.folder / "log" / "link.json").symlink_to(target)
    assert "is a link, a device or a folder too deep" in refusal(capsys, forger.folder)


def test_a_pipe_in_the_folder_does_not_hold_the_verifier_up(forger: Forger, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(forger.folder / "audit2.json")
    assert "is a link, a device or a folder too deep" in refusal(capsys, forger.folder)


def test_folders_without_end_are_refused(forger: Forger, capsys: pytest.CaptureFixture[str]) -> None:
    (forger.folder / "a/b/c/d/e").mkdir(parents=True)
    assert "a folder too deep" in refusal(capsys, forger.folder)


def test_a_huge_file_is_not_read(forger: Forger) -> None:
    """A file of 8 TiB that takes no room, listed as it is and listed as small."""
    with forger.path("audit.json").open("wb") as file:
        file.truncate(2**43)
    assert "files as listed" in forger.found()
    files = forger.json("bundle.json")["body"]["files"]

    def lie(body: Any) -> None:
        body["files"] = [each if each["name"] != "audit.json" else {**each, "bytes": 2**43} for each in files]

    body = forger.json("bundle.json")["body"]
    lie(body)
    forger.path("bundle.json").write_bytes(forger.sign("bundle", body, forger.keys.log))
    report = forger.report()
    assert any("larger than 2 GiB" in finding.sentence for finding in report.findings)


def test_a_file_listed_twice_and_one_not_listed_are_findings(forger: Forger) -> None:
    forger.seal(lambda body: body["files"].append(body["files"][0]))
    assert forger.found() == {"files as listed"}
    forger.seal().path("log/more.json").write_bytes(b"[]")
    assert forger.found() == {"files as listed"}


@pytest.mark.parametrize(
    "name", ["orders.json", "acks.json", "results.json", "audit.json", "conflicts.json", "log/leaves.json"]
)
@pytest.mark.parametrize(
    "data",
    [b"", b"null", b"{}", b"[{}]", b"[1]", b'[{"content":1}]', b"[[[[", b'{"format":1}', b"[" * 100_000],
    ids=range(9),
)
def test_useless_files_are_findings_one_by_one(forger: Forger, name: str, data: bytes) -> None:
    forger.path(name).write_bytes(data)
    assert forger.seal().found()


ODD: tuple[Any, ...] = (None, True, -1, 2**60, "", "x", "0" * 64, [], {}, [None], {"a": 1}, "\u0000", "../..")


def edited(luck: Random, plain: Any) -> Any:
    """Plain data with one thing in it taken out, doubled or made into something odd."""
    if isinstance(plain, dict) and plain and luck.random() < 0.85:
        key = luck.choice(sorted(plain))
        how = luck.random()
        if how < 0.15:
            return {name: value for name, value in plain.items() if name != key}
        return {**plain, key: luck.choice(ODD) if how < 0.3 else edited(luck, plain[key])}
    if isinstance(plain, list) and plain and luck.random() < 0.85:
        at = luck.randrange(len(plain))
        how = luck.random()
        if how < 0.1:
            return plain[:at] + plain[at + 1 :]
        return [*plain[:at], *([plain[at]] * (how < 0.2)), edited(luck, plain[at]), *plain[at + 1 :]]
    return luck.choice(ODD)


EDITED = ("bundle.json", "orders.json", "acks.json", "results.json", "audit.json", "conflicts.json", "log/leaves.json",
    "log/proofs.json", "log/consistency.json", "log/checkpoint.json")  # fmt: skip


def test_whatever_a_store_writes_and_signs_is_told_and_never_a_crash(forger: Forger, bundle: Path, proof: Any) -> None:
    """One edit anywhere in the JSON, signed anew where that needs a signature, and often logged anew."""
    with proof("edited bundles, signed by the store", ci=60, full=20_000) as trial:
        for seed in trial.seeds():
            luck = Random(seed)
            name = luck.choice(EDITED)
            plain = json.loads((bundle / name).read_bytes())
            if name == "bundle.json":
                body = edited(luck, plain["body"])
                forger.path(name).write_bytes(forger.sign("bundle", body, forger.keys.log))
            elif name == "log/checkpoint.json":
                body = edited(luck, plain["body"])
                forger.path(name).write_bytes(forger.sign("checkpoint", body, forger.keys.log))
                forger.seal()
            else:
                forger.put(name, edited(luck, plain))
                forger.seal()
            try:
                trial.count("found", forger.report().status)
            except UnreadableError:
                trial.count("refused")
            for changed in {name, "bundle.json"}:
                forger.path(changed).write_bytes((bundle / changed).read_bytes())


def _archive(level: int, **files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", level) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return stream.getvalue()


COMPRESSED, NO_ARCHIVE = "compressed, sealed or too large", "something that is no archive"


@pytest.mark.parametrize(
    ("public", "sentence"),
    [
        (b"PK\x03\x04 no archive", NO_ARCHIVE),
        (_archive(zipfile.ZIP_DEFLATED, programme__json=bytes(50_000_000)), COMPRESSED),
        (_archive(zipfile.ZIP_STORED, other__json=b"{}"), "programme.json is missing in it"),
        (_archive(zipfile.ZIP_STORED, programme__json=b"{"), "programme.json in it is not JSON"),
        (_archive(zipfile.ZIP_STORED, programme__json=b"[" * 100_000), "programme.json in it is not JSON"),
        (_archive(zipfile.ZIP_STORED, programme__json=b'{"parts": 1}'), "'parts' is not a list"),
        (
            _archive(zipfile.ZIP_STORED, programme__json=b"{}").replace(b"\x02\x00\x00\x00", b"\xff\xff\xff\x7f"),
            "says it is larger than it is",
        ),
    ],
    ids=["noise", "bomb", "no programme", "no JSON", "deep", "wrong field", "wrong size"],
)
def test_an_archive_that_is_none_or_grows_is_a_finding(forger: Forger, public: bytes, sentence: str) -> None:
    """Even where the authority itself signed it."""
    name = forger.names("releases")[0]
    package = decode_package(forger.path(name).read_bytes())
    body = json.loads(package.manifest)["body"]
    body |= {"public_sha256": sha256_hex(public), "public_bytes": len(public)}
    manifest = forger.sign("release-manifest", body, forger.room.keys.signing_key())
    forger.path(name).write_bytes(encode_package(PackageFile(manifest, public, package.sealed)))
    findings = forger.seal().report(content_keys=None, results_keys=()).findings
    assert [(finding.check, sentence in finding.sentence) for finding in findings] == [("test packages genuine", True)]


def test_what_changes_while_it_is_read_is_told(tmp_path: Path) -> None:
    """Between the look at the folder and the reading of a file somebody may put something else in its place."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WrongError, match="it is no plain file"):
        read_file(tmp_path, "pipe", 10)
    with pytest.raises(WrongError, match="it cannot be read"):
        read_file(tmp_path, "gone", 10)
    (tmp_path / "grown").write_bytes(b"12345")
    with pytest.raises(WrongError, match="it has 5 bytes where 4 is the most"):
        read_file(tmp_path, "grown", 4)


def test_a_folder_of_too_many_files_is_refused(
    forger: Forger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verifier.bundle.MOST_FILES", 5)
    assert "it has more than 5 files" in refusal(capsys, forger.folder)


def test_key_files_that_are_none_are_told(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.key"
    wrong.write_text("abc")
    large = tmp_path / "large.key"
    large.write_bytes(bytes(70_000))
    for option in ("--results-key", "--authority-key"):
        assert "64 hexadecimal digits" in refusal(capsys, bundle, option, wrong)
        assert "larger than" in refusal(capsys, bundle, option, large)
        assert "it is no file" in refusal(capsys, bundle, option, tmp_path / "none")
        assert "it cannot be read" in refusal(capsys, bundle, option, tmp_path / ("x" * 300))
    assert "no folder" in refusal(capsys, bundle, "--content-keys", wrong)
    large.unlink()
    assert "64 hexadecimal digits" in refusal(capsys, bundle, "--content-keys", tmp_path)
    large.write_bytes(bytes(70_000))
    assert "not JSON" in refusal(capsys, bundle, "--pinned-store", wrong)
    wrong.write_text('{"log_key": "abc"}')
    assert "names no key" in refusal(capsys, bundle, "--pinned-store", wrong)
    assert "larger than" in refusal(capsys, bundle, "--witness", large)
    wrong.write_text("{")
    assert "is not JSON" in refusal(capsys, bundle, "--corrected-keys", wrong)
    assert "cannot be written" in refusal(capsys, bundle, "--json", tmp_path / "nowhere" / "report.json")


def test_called_wrongly_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 2
    assert "BUNDLE" in capsys.readouterr().err


def test_a_name_cannot_move_the_readers_cursor(forger: Forger, capsys: pytest.CaptureFixture[str]) -> None:
    (forger.folder / "log" / "\x1b[2Jgone").write_bytes(b"")
    assert main([str(forger.folder)]) == 1
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "[2Jgone" in told
