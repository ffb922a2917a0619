"""Attempts to get round a check stand in the log, counted; a flood of them does not."""

from __future__ import annotations

import logging
import re

import pytest

from centralstore import refusals
from centralstore.refusals import AGAIN_S, MOST_KEPT, Refusals
from tests.centralstore.place import Site

LOGGER = "centralstore.refused"
LINE = re.compile(r"refused (\d+): (\w+), from (\S*), (\d+) times")


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, ...]]:
    """Status, reason, caller and count of every line."""
    found = [LINE.fullmatch(record.getMessage()) for record in caplog.records if record.name == LOGGER]
    return [line.groups() for line in found if line is not None]


def test_the_first_is_told_at_once_and_the_rest_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = Hand()
    counted = Refusals(clock)
    with caplog.at_level(logging.WARNING, logger=LOGGER):
        for _ in range(1_000):
            counted.count(401, "signature", "10.0.0.7")
        counted.count(401, "signature", "10.0.0.8")
        counted.count(400, "damaged", "10.0.0.7")
        clock.now_s += AGAIN_S
        counted.count(401, "signature", "10.0.0.7")
    assert told(caplog) == [
        ("401", "signature", "10.0.0.7", "1"),
        ("401", "signature", "10.0.0.8", "1"),
        ("400", "damaged", "10.0.0.7", "1"),
        ("401", "signature", "10.0.0.7", "1000"),
    ]


@pytest.mark.parametrize("status", [200, 303, 404, 409, 500, 503])
def test_what_is_no_attempt_is_not_told(status: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger=LOGGER):
        Refusals().count(status, "x", "10.0.0.7")
    assert told(caplog) == []


def test_callers_without_end_cost_no_memory_without_end() -> None:
    counted = Refusals(Hand())
    for number in range(3 * MOST_KEPT):
        counted.count(401, "signature", f"10.0.{number // 256}.{number % 256}")
    assert len(counted._seen) == MOST_KEPT, "the memory itself is the claim"


@pytest.mark.anyio
async def test_unsigned_malformed_and_forged_requests_are_in_the_log(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("centralstore.door.REFUSALS", refusals.Refusals(Hand()))
    pc = await site.ready_pc()
    with caplog.at_level(logging.WARNING, logger=LOGGER):
        assert (await site.http.get("/v1/device/sittings")).status_code == 401
        assert (await pc.ask("GET", "/v1/device/sittings", b"", **{"X-Provrom-Nonce": "0" * 32})).status_code == 401
        assert (await pc.ask("POST", "/v1/progress", b"{}")).status_code == 400
        assert (await site.http.post("/v1/envelopes", content=b"no envelope")).status_code == 400
        assert (await pc.ask("GET", "/v1/device/sittings")).status_code == 200
    assert [(status, reason) for status, reason, *_ in told(caplog)] == [
        ("401", "unsigned"),
        ("401", "signature"),
        ("400", "damaged"),
    ]
    assert not any("no envelope" in record.getMessage() for record in caplog.records)
