"""A signed request counts once, from its device, for its method, path and body, near its time."""

from __future__ import annotations

from typing import Any

import pytest

from sync.errors import RequestRefusedError
from sync.requests import WINDOW_MS, SeenNonces, sign_request, verify_request
from tests.sync.examples import NOW, signing

PC = signing("pc-07")


def signed(**changes: Any) -> dict[str, str]:
    asked: dict[str, Any] = {"device": "pc-07", "key": PC, "method": "POST", "path": "/v1/orders?sitting=a&after=0"}
    asked |= {"body": b"body", "now_utc_ms": NOW, **changes}
    return sign_request(**asked)


def check(headers: dict[str, str], seen: SeenNonces | None = None, **changes: Any) -> str:
    asked: dict[str, Any] = {
        "method": "POST",
        "path": "/v1/orders?sitting=a&after=0",
        "body": b"body",
        "device_public": PC.public,
        "now_utc_ms": NOW,
    }
    return verify_request(headers, seen_nonces=SeenNonces() if seen is None else seen, **{**asked, **changes})


def test_a_request_tells_its_device_whatever_the_case_of_headers() -> None:
    assert check(signed()) == "pc-07"
    assert check({name.lower(): value for name, value in signed().items()}) == "pc-07"


@pytest.mark.parametrize(
    "change",
    [{"method": "GET"}, {"path": "/v1/orders?sitting=b&after=0"}, {"path": "/v1/orders"}, {"body": b"bodY"}],
)
def test_a_request_counts_for_what_it_was_signed_for(change: dict[str, Any]) -> None:
    with pytest.raises(RequestRefusedError, match="its signature is not that of device 'pc-07'") as refused:
        check(signed(), **change)
    assert refused.value.code == "signature"


def test_another_devices_key_or_name_is_refused() -> None:
    with pytest.raises(RequestRefusedError):
        check(signed(key=signing("pc-08")))
    with pytest.raises(RequestRefusedError):
        check({**signed(), "X-Provrom-Device": "pc-08"})


@pytest.mark.parametrize("shift", [-WINDOW_MS - 1, WINDOW_MS + 1])
def test_a_request_far_from_the_stores_time_is_told_to_ask_the_time(shift: int) -> None:
    assert check(signed(now_utc_ms=NOW + shift + (1 if shift < 0 else -1))) == "pc-07"
    with pytest.raises(RequestRefusedError, match="Ask GET /v1/time") as refused:
        check(signed(now_utc_ms=NOW + shift))
    assert refused.value.code == "clock"


def test_the_same_request_counts_once() -> None:
    seen, headers = SeenNonces(), signed()
    check(headers, seen)
    with pytest.raises(RequestRefusedError, match="it was sent before") as refused:
        check(headers, seen)
    assert refused.value.code == "replayed"
    assert check(signed(), seen) == "pc-07"


def test_a_forged_request_does_not_use_up_the_nonce() -> None:
    seen, headers = SeenNonces(), signed()
    with pytest.raises(RequestRefusedError):
        check({**headers, "X-Provrom-Signature": "0" * 128}, seen)
    assert check(headers, seen) == "pc-07"


def test_nonces_are_forgotten_only_after_their_request_can_no_longer_count() -> None:
    seen = SeenNonces()
    assert seen.add("pc-07", "n", NOW)
    assert not seen.add("pc-07", "n", NOW + 2 * WINDOW_MS)
    assert seen.add("pc-07", "n", NOW + 2 * WINDOW_MS + 1)


def test_a_device_that_floods_is_refused_and_the_others_are_not() -> None:
    seen = SeenNonces(most=2)
    assert [seen.add("pc", str(number), NOW) for number in range(3)] == [True, True, False]
    assert seen.add("another pc", "0", NOW)


@pytest.mark.parametrize("name", ["X-Provrom-Device", "X-Provrom-Time", "X-Provrom-Nonce", "X-Provrom-Signature"])
@pytest.mark.parametrize("value", ["", "x" * 300, "pc 07\n", "-1"])
def test_a_missing_or_malformed_header_is_told(name: str, value: str) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        check({**signed(), name: value})
    assert refused.value.code in ("unsigned", "signature")
