"""Which store a PC talks to: the relay of a delegation that holds, and nobody else's word counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from centralstore.folder import init_folder
from kiosk.clock import SystemClock
from kiosk.errors import SetUpError
from kiosk.folder import Enrolment, StateFolder
from kiosk.lines import Lines, take_delegation
from sync.client import StoreClient
from sync.delegation import Delegation, Recall, relay_id, sign_delegation, sign_recall
from sync.errors import ExpiredError, RollbackError, WrongSignatureError
from sync.keys import DeviceKeys, SigningKey
from sync.passwords import TEST_COST

CENTRAL, RELAY, OTHER = SigningKey(bytes([1]) * 32), SigningKey(bytes([2]) * 32), SigningKey(bytes([3]) * 32)
NOW = SystemClock().wall_ms()


class Pc:
    """A PC's folder with what it was enrolled with, and its lines."""

    def __init__(self, root: Path, ca: Path) -> None:
        self.folder = StateFolder(root)
        key = CENTRAL.public.hex
        self.enrolment = Enrolment("pc-1", "7", "https://central.test:1", key, key, key, authority="")
        keys = DeviceKeys.create()

        def connect() -> StoreClient:
            return StoreClient("https://central.test:1", ca, "pc-1", keys, now_utc_ms=lambda: NOW)

        self.lines = Lines(self.folder, self.enrolment, connect, SystemClock())

    def chosen(self, *done: str) -> str:
        return self.lines.choose(lambda sitting: sitting in done).sitting


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return init_folder(tmp_path_factory.mktemp("relay") / "store", cost=TEST_COST).ca_file


@pytest.fixture
def pc(tmp_path: Path, ca: Path) -> Pc:
    return Pc(tmp_path / "pc", ca)


Signed = Callable[..., bytes]


@pytest.fixture
def signed(ca: Path) -> Signed:
    def made(key: SigningKey = CENTRAL, **more: object) -> bytes:
        plain: dict[str, object] = {
            "sitting": "s1", "number": 1, "relay": relay_id(RELAY.public), "name": "laptop", "url": "https://10.0.0.5:8443",
            "ca_pem": ca.read_text(), "order_key": RELAY.public.hex, "ticket_key": RELAY.public.hex,
            "receipt_key": RELAY.public.hex, "box_key": OTHER.public.hex,
            "valid_from_utc_ms": NOW - 1000, "valid_to_utc_ms": NOW + 3_600_000,
        }  # fmt: skip
        return sign_delegation(Delegation.model_validate({**plain, **more}), key)

    return made


def test_without_a_delegation_the_home_store_is_asked(pc: Pc) -> None:
    assert pc.chosen() == ""
    assert pc.lines.delegated() == ()
    assert pc.lines.order_keys("s1") == ()
    assert pc.lines.ticket_keys("s1") == ((CENTRAL.public, "ticket s1"),)


def test_a_delegation_that_holds_leads_to_the_relay_until_all_is_done_or_recalled(pc: Pc, signed: Signed) -> None:
    pc.lines.keep("s1", signed())
    assert pc.chosen() == "s1"
    assert pc.chosen() == "s1"
    assert pc.lines.order_keys("s1") == (RELAY.public,)
    assert pc.lines.receipt_keys() == {"s1": RELAY.public}
    assert [key for key, _ in pc.lines.ticket_keys("s1")] == [RELAY.public, CENTRAL.public]
    assert pc.chosen("s1") == ""
    pc.lines.keep("s1", sign_recall(Recall(sitting="s1", number=1, at_utc_ms=NOW), CENTRAL))
    assert pc.chosen() == ""
    assert [key for key, _ in pc.lines.ticket_keys("s1")] == [CENTRAL.public]
    assert pc.lines.order_keys("s1") == (RELAY.public,)
    pc.lines.keep("s1", signed(number=2))
    assert pc.chosen() == "s1"


def test_what_the_home_store_did_not_sign_or_what_is_older_or_over_changes_nothing(pc: Pc, signed: Signed) -> None:
    with pytest.raises(WrongSignatureError):
        pc.lines.keep("s1", signed(OTHER))
    with pytest.raises(ExpiredError):
        pc.lines.keep("s1", signed(valid_to_utc_ms=NOW - 500))
    assert pc.chosen() == ""
    pc.lines.keep("s1", signed(number=2))
    with pytest.raises(RollbackError):
        pc.lines.keep("s1", signed(number=1))
    with pytest.raises(WrongSignatureError):
        pc.lines.keep("s1", sign_recall(Recall(sitting="s1", number=9, at_utc_ms=NOW), RELAY))
    assert pc.chosen() == "s1"
    pc.folder.write(pc.folder.sitting("s1") / "delegation", signed(OTHER))
    assert pc.chosen() == ""


def test_what_is_over_or_recalled_stays_so_whatever_lies_on_the_disk_or_comes_late(pc: Pc, signed: Signed) -> None:
    place = pc.folder.sitting("s1") / "delegation"
    for times in ({"valid_to_utc_ms": NOW - 500}, {"valid_from_utc_ms": NOW + 3_000_000}):
        pc.folder.write(place, signed(**times))
        assert pc.chosen() == ""
    pc.folder.write(place, signed(number=2))
    assert pc.chosen() == "s1"
    for number in (2, 1):  # the older recall comes late
        pc.lines.keep("s1", sign_recall(Recall(sitting="s1", number=number, at_utc_ms=NOW), CENTRAL))
        assert pc.chosen() == ""


def test_a_stick_brings_no_older_or_recalled_delegation(pc: Pc, signed: Signed, tmp_path: Path) -> None:
    file = tmp_path / "delegation"
    pc.lines.keep("s1", signed(number=2, url="https://10.0.0.6:8443"))
    file.write_bytes(signed())
    assert take_delegation(pc.folder, pc.enrolment, file, "https://192.168.1.9:8443", NOW) == "s1"
    assert pc.lines.choose(lambda _: False).client._url == "https://10.0.0.6:8443"
    file.write_bytes(signed(number=2))
    assert take_delegation(pc.folder, pc.enrolment, file, "", NOW) == "s1"
    pc.lines.keep("s1", sign_recall(Recall(sitting="s1", number=2, at_utc_ms=NOW), CENTRAL))
    assert take_delegation(pc.folder, pc.enrolment, file, "", NOW) == "s1"
    assert pc.chosen() == ""
    with pytest.raises(SetUpError, match="Put the stick in"):
        take_delegation(pc.folder, pc.enrolment, tmp_path / "gone", "", NOW)
    pc.lines.close()


def test_orders_of_an_earlier_relay_still_count_after_another_loan(pc: Pc, signed: Signed, tmp_path: Path) -> None:
    later = signed(number=2, order_key=OTHER.public.hex)
    pc.lines.keep("s1", signed())
    pc.lines.keep("s1", later)
    pc.lines.keep("s1", later)
    assert pc.lines.order_keys("s1") == (OTHER.public, RELAY.public)
    file = tmp_path / "delegation"
    file.write_bytes(signed(number=3))
    assert take_delegation(pc.folder, pc.enrolment, file, "", NOW) == "s1"
    assert pc.lines.order_keys("s1") == (RELAY.public, OTHER.public)
    kept = pc.folder.read(pc.folder.sitting("s1") / "earlier") or b""
    assert kept.splitlines() == [signed(), later]
    pc.folder.write(pc.folder.sitting("s1") / "earlier", signed(OTHER, order_key=CENTRAL.public.hex) + b"\n" + later)
    assert pc.lines.order_keys("s1") == (RELAY.public, OTHER.public)
    pc.lines.close()


def test_a_stick_brings_the_delegation_and_staff_another_address(pc: Pc, signed: Signed, tmp_path: Path) -> None:
    file = tmp_path / "delegation"
    file.write_bytes(signed())
    assert take_delegation(pc.folder, pc.enrolment, file, "https://192.168.1.9:8443", NOW) == "s1"
    line = pc.lines.choose(lambda _: False)
    assert line.client._url == "https://192.168.1.9:8443"
    for wrong in (signed(OTHER), b"PVRMTKT1"):
        file.write_bytes(wrong)
        with pytest.raises(SetUpError, match="store lend"):
            take_delegation(pc.folder, pc.enrolment, file, "", NOW)
    pc.lines.close()
