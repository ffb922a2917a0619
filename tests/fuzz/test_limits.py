"""Sizes come first: what is longer than its limit is refused before anything of it is read, and swells nothing."""

from __future__ import annotations

import json
import time
import tracemalloc
from bisect import bisect_left
from typing import Final

import pytest

from centralstore.csvfile import MAX_FILE_BYTES, ImportPlan, parse_people
from engine.check import check_panel
from engine.errors import PanelError
from engine.panel import MAX_ROUTES, parse_panel
from engine.programme import parse_programme
from itembank.bank import MAX_FILE_BYTES as MAX_BANK_FILE_BYTES
from itembank.errors import BankDataError, PackageError
from itembank.package import make_archive
from itembank.pictures import MAX_DEPTH, MAX_ELEMENTS, MAX_PICTURE_BYTES, MAX_VALUE, check_picture
from sync.segment import MAX_SEGMENT_BYTES
from tests.fuzz.parsers.packages import dress_package, read_package
from tests.fuzz.target import BANK, at_path
from tests.fuzz.targets import targets
from tests.strategies import panel_plain, programme_plain

REFUSED_MS: Final = 250.0
LIMITS: Final = {
    name: target.limit
    for name, target in targets().items()
    if target.limit is not None and target.limit <= MAX_SEGMENT_BYTES and name != "PC's own files"
}
"""All but packages, whose two gibibytes are told by their lengths, and what a PC wrote itself."""


@pytest.mark.parametrize("name", LIMITS)
def test_one_byte_too_many_is_refused_before_anything_is_read(name: str) -> None:
    target, limit = targets()[name], LIMITS[name]
    genuine = target.data_of(target.examples()[0])
    data = genuine + b" " * (limit + 1 - len(genuine))
    tracemalloc.start()
    begun = time.thread_time()
    try:
        value = target.read(data)
    except target.errors as error:
        told = str(error)
    else:
        assert isinstance(value, ImportPlan), "it was read"
        told = " ".join(value.problems)
    spent_ms = (time.thread_time() - begun) * 1000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 10 < len(told) < 700
    assert spent_ms < REFUSED_MS
    assert peak < 8 * limit + 4 * 2**20, "it was parsed"


def test_a_package_of_any_length_is_cut_off_by_its_own_lengths() -> None:
    genuine = targets()["package file"].data_of(targets()["package file"].examples()[1])
    for data in (genuine + b" ", genuine[:-1], genuine[:8] + b"\xff" * 20 + genuine[28:]):
        with pytest.raises(targets()["package file"].errors, match="test package is damaged"):
            targets()["package file"].read(data)


def test_an_archive_inside_a_package_is_not_unpacked() -> None:
    """Fifty megabytes of spaces in fifty kilobytes: refused in the time and memory of the fifty."""
    import io
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("programme.json", b" " * 50_000_000)
    data = dress_package([stream.getvalue(), make_archive({})], 0)
    tracemalloc.start()
    with pytest.raises(PackageError, match="a part is not an archive"):
        at_path(read_package, "swells.provrom")(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize(
    "name", ["panel", "programme", "canonical JSON", "bank item", "corrected keys", "PC's own files"]
)
@pytest.mark.parametrize("data", [b"[" * 50_000, b'{"a":' * 20_000, b"[" * 5_000 + b"]" * 5_000, b"9" * 15_000])
def test_depth_and_long_numbers_are_refused(name: str, data: bytes) -> None:
    targets()[name].try_bytes(data)
    if name != "PC's own files":  # which are passed over
        with pytest.raises(targets()[name].errors):
            targets()[name].read(data)


def layered(layers: int) -> dict[str, object]:
    """A panel whose modules stand in layers of two, each leading to both of the next: 2^layers routes."""
    plain = panel_plain("reading")
    assert isinstance(plain["items"], list)
    names = [[f"m{layer}-{side}" for side in "ab"] for layer in range(layers)]
    items, modules, routing = [], [], {}
    for layer, pair in enumerate(names):
        for name in pair:
            items.append({**plain["items"][0], "id": f"i-{name}", "parameters": None, "listening": None})
            is_last = layer == layers - 1
            modules.append({"id": name, "kind": "final" if is_last else "routing", "items": [f"i-{name}"]})
            if not is_last:
                routing[name] = [
                    {"low": side, "high": side, "target": target} for side, target in enumerate(names[layer + 1])
                ]
    return {
        **plain,
        "items": items,
        "modules": modules,
        "routing": routing,
        "first": names[0][0],
        "level_table": [],
        "scale": None,
    }


def test_a_routing_with_exponentially_many_routes_is_refused_soon() -> None:
    programme = programme_plain()
    for part in programme["parts"]:
        part |= {"route_graph": {}, "first_module": None}
    begun = time.thread_time()
    with pytest.raises(PanelError, match=f"more than {MAX_ROUTES} routes"):
        check_panel(parse_panel(layered(28), "panel.json"), parse_programme(programme, "programme.json"))
    with pytest.raises(PanelError, match="has more than 30 modules"):
        check_panel(parse_panel(layered(40), "panel.json"), parse_programme(programme, "programme.json"))
    assert time.thread_time() - begun < 2


def test_pictures_and_files_have_limits_that_the_sample_banks_keep_far_below() -> None:
    sizes = {path.suffix: 0 for path in BANK.rglob("*.*")}
    for path in BANK.rglob("*.*"):
        if path.is_file() and "build" not in path.parts:
            sizes[path.suffix] = max(sizes[path.suffix], path.stat().st_size)
    assert sizes[".svg"] * 10 < MAX_PICTURE_BYTES
    assert sizes[".json"] * 10 < MAX_BANK_FILE_BYTES
    assert MAX_ELEMENTS > 1000 > MAX_DEPTH < MAX_VALUE
    with pytest.raises(BankDataError, match="is the most"):
        check_picture(b" " * (MAX_PICTURE_BYTES + 1), "x.svg")


def test_the_costliest_picture_that_is_taken_is_drawn_soon() -> None:
    """Without a budget of lines such a picture of a quarter of a megabyte kept the window waiting for forty seconds."""
    from tests.fuzz.parsers.packages import drawn

    def zigzag(lines: int) -> bytes:
        one = '<path stroke="red" stroke-linejoin="round" d="M0 0{}"/>'
        full, rest = divmod(lines, 200)
        paths = one.format("l1 240l0-240" * 200) * full + one.format("l1 240l0-240" * rest)
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 240">{paths}</svg>'.encode()

    def is_refused(lines: int) -> bool:
        try:
            check_picture(zigzag(lines), "x.svg")
        except BankDataError as error:
            return "more lines than a picture needs" in str(error)
        return False

    first_refused = bisect_left(range(2_000), True, key=is_refused)
    assert 100 < first_refused < 1_000
    begun = time.thread_time()
    drawn(zigzag(first_refused - 1))
    assert time.thread_time() - begun < 10


def test_a_file_of_people_is_told_a_bounded_number_of_faults() -> None:
    problems = parse_people("number,name,protected,login,password\n" + "1,A,perhaps,l,p\n" * 10_000).problems
    assert len(problems) == 201
    assert parse_people(" " * (MAX_FILE_BYTES + 1)).problems[0].endswith("Divide the file.")


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/x", "..", "", "a\0b", "å"])
def test_no_name_in_a_list_of_pcs_is_a_path(name: str) -> None:
    plain = {"devices": {"pc-07": "ab" * 32}, "sitting": name, "store": "cd" * 32}
    with pytest.raises(PackageError, match=r"devices\.json: "):
        targets()["devices file"].read(
            json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        )
