"""The service's door: only requests that a cleared PC signed just now, of sizes and forms that are allowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from centralstore import door
from centralstore.service import build_app
from sync.keys import DeviceKeys
from sync.requests import NONCE_HEADER, SIGNATURE_HEADER, TIME_HEADER, WINDOW_MS, sign_request
from tests.centralstore.place import Clock, Pc, Site, json_bytes

pytestmark = pytest.mark.anyio

LIST = "/v1/device/sittings"


async def test_a_request_is_accepted_once_and_only_as_it_was_signed(site: Site) -> None:
    pc = await site.enrol()
    headers = sign_request(
        device=pc.id, key=pc.keys.signing, method="GET", path=LIST, body=b"", now_utc_ms=site.clock()
    )
    assert (await site.http.get(LIST, headers=headers)).status_code == 200
    again = await site.http.get(LIST, headers=headers)
    assert (again.status_code, again.json()["code"]) == (401, "replayed")
    fresh = sign_request(device=pc.id, key=pc.keys.signing, method="GET", path=LIST, body=b"", now_utc_ms=site.clock())
    elsewhere = await site.http.get("/v1/orders?sitting=s1", headers=fresh)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (401, "signature")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({SIGNATURE_HEADER: "0" * 128}, "signature"),
        ({SIGNATURE_HEADER: "zz"}, "unsigned"),
        ({NONCE_HEADER: ""}, "unsigned"),
        ({TIME_HEADER: "1"}, "clock"),
    ],
)
async def test_a_request_with_a_changed_header_is_refused(site: Site, changes: dict[str, str], code: str) -> None:
    pc = await site.enrol()
    answer = await pc.ask("GET", LIST, b"", **changes)
    assert (answer.status_code, answer.json()["code"]) == (401, code)


async def test_a_pc_whose_clock_is_wrong_is_told_so(site: Site) -> None:
    pc = await site.enrol()
    slow = Pc(site.http, Clock(site.clock() - WINDOW_MS - 1), pc.id, pc.keys)
    answer = await slow.ask("GET", LIST)
    assert (answer.status_code, answer.json()["code"]) == (401, "clock")
    assert (await site.http.get("/v1/time")).json()["utc_ms"] == site.clock()


async def test_a_pc_of_another_room_sees_nothing_of_this_sitting(site: Site) -> None:
    await site.open_pc()
    token = site.store.make_token(site.manager, "oslo", "r2")
    keys = DeviceKeys.create()
    body = json_bytes({"token": token, "name": "PC", "x25519": keys.box.public.hex, "ed25519": keys.signing.public.hex})
    other = Pc(site.http, site.clock, (await site.http.post("/v1/enrol", content=body)).json()["device_id"], keys)
    site.store.clear_device(site.manager, other.id)
    assert (await other.ask("GET", LIST)).json() == []
    for target in ("/v1/device/ticket?sitting=s1", "/v1/device/share?sitting=s1", "/v1/orders?sitting=s1&after=0"):
        assert (await other.ask("GET", target)).status_code == 404, target


async def test_an_enrolment_token_works_once_and_for_a_day(site: Site) -> None:
    keys = DeviceKeys.create()

    def body(token: str) -> bytes:
        return json_bytes(
            {"token": token, "name": "PC", "x25519": keys.box.public.hex, "ed25519": keys.signing.public.hex}
        )

    token = site.store.make_token(site.manager, "oslo", "r1")
    assert (await site.http.post("/v1/enrol", content=body(token))).status_code == 200
    late = site.store.make_token(site.manager, "oslo", "r1")
    site.clock.pass_minutes(24 * 60)
    for refused in (token, late, "guessed"):
        answer = await site.http.post("/v1/enrol", content=body(refused))
        assert (answer.status_code, answer.json()["code"]) == (403, "wrong_token")
    assert len(site.store.devices(site.manager)) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"token":5}', b"\xff\xfe", b'{"token":"x","name":"PC","x25519":"00","ed25519":"00"}'],
)
async def test_a_malformed_enrolment_is_refused_in_a_sentence(site: Site, body: bytes) -> None:
    answer = await site.http.post("/v1/enrol", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "damaged")
    assert answer.json()["error"].startswith("Enrolment: field")


async def test_keys_of_low_order_are_refused_at_enrolment_not_later(site: Site) -> None:
    token = site.store.make_token(site.manager, "oslo", "r1")
    body = json_bytes({"token": token, "name": "PC", "x25519": "00" * 32, "ed25519": "00" * 32})
    assert (await site.http.post("/v1/enrol", content=body)).status_code == 400
    assert site.store.devices(site.manager) == ()


async def test_a_body_that_comes_too_slowly_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BODY_SECONDS", 0.05)
    never = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    answer = await site.http.post("/v1/enrol", content=slow())
    assert (answer.status_code, answer.json()["code"]) == (408, "too_slow")


async def test_a_long_poll_that_nothing_ends_answers_with_no_order(site: Site) -> None:
    pc = await site.open_pc()
    answer = await pc.ask("GET", "/v1/orders?sitting=s1&after=1&wait_ms=20")
    assert answer.json()["orders"] == []


async def test_a_long_poll_is_woken_by_an_order(site: Site) -> None:
    pc = await site.open_pc()
    waiting = asyncio.create_task(pc.ask("GET", "/v1/orders?sitting=s1&after=1&wait_ms=20000"))
    while not site.store.bell.waiting("orders/s1"):  # noqa: ASYNC110 - the bell has no news of who waits
        await asyncio.sleep(0)  # lets the request get as far as waiting
    await asyncio.to_thread(site.store.unlock, site.leader, "s1", "100234", "reading")
    answer = await asyncio.wait_for(waiting, timeout=60)
    assert [each["order"]["kind"] for each in answer.json()["orders"]] == ["unlock"]


async def test_a_package_can_be_fetched_from_where_a_broken_download_stopped(site: Site) -> None:
    pc = await site.enrol()
    rest = await pc.ask("GET", "/v1/releases/norskprove-test.v1", Range="bytes=100-")
    assert rest.status_code == 206
    assert rest.content == site.package[100:]


async def test_the_owners_commands_need_the_owners_secret(site: Site) -> None:
    app = build_app(site.store, command_secret="s" * 64)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://store.test") as http:
        body = json_bytes({"name": "sittings", "arguments": {}})
        for secret in ("", "s" * 63, "t" * 64):
            answer = await http.post("/v1/command", content=body, headers={"X-Provrom-Command": secret})
            assert answer.status_code == 401
        answer = await http.post("/v1/command", content=body, headers={"X-Provrom-Command": "s" * 64})
        assert [row["id"] for row in answer.json()["sittings"]] == ["s1"]
    assert (await site.http.post("/v1/command", content=body)).status_code == 404


async def test_a_fault_of_the_stores_own_is_told_without_its_inside(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pc = await site.enrol()

    def fail(*_: object) -> object:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(site.store, "device_sittings", fail)
    answer = await pc.ask("GET", LIST)
    assert answer.status_code == 500
    assert answer.json()["code"] == "fault"
    assert "secret inside" not in answer.text
    assert "unexpected fault" in caplog.text
