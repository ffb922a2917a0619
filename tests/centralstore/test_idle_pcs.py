"""What a PC at which nobody sits tells of itself is kept by PC, newest first, for its own sitting and room only."""

from __future__ import annotations

from typing import Any

import pytest

from centralstore.records import PcView
from tests.centralstore.place import Pc, Site

pytestmark = pytest.mark.anyio

NOBODY = {"attempt": "", "candidate": "", "part": "", "phase": "waiting"}


async def tell(pc: Pc, *kinds: str, **fields: Any) -> None:
    told = {**NOBODY, "incidents": [{"kind": kind, "at_ms": 0} for kind in kinds], **fields}
    answer = await pc.ask("POST", "/v1/progress", pc.report(**told))
    assert answer.status_code == 200, answer.text


def pcs(site: Site) -> tuple[PcView, ...]:
    return site.store.board(site.leader, "s1").pcs


async def test_the_newest_report_of_each_pc_stands_by_name(site: Site) -> None:
    first, second = await site.open_pc(), await site.ready_pc()
    assert pcs(site) == ()
    await tell(second, "list_expired")
    await tell(first, "login_refused", phase="refused")
    site.clock.pass_minutes(1)
    at_ms = site.clock()
    await tell(second, "clock_off", "disk_low")
    found = {each.device: each for each in pcs(site)}
    assert found[second.id].incidents == ("clock_off", "disk_low"), "what is over stands no longer"
    assert found[second.id].received_ms == at_ms
    assert (found[first.id].phase, found[first.id].incidents) == ("refused", ("login_refused",))
    assert [each.name for each in pcs(site)] == sorted(each.name for each in pcs(site))


async def test_a_pc_that_a_candidate_has_taken_is_none_of_them_until_it_is_free_again(site: Site) -> None:
    pc = await site.open_pc()
    await tell(pc, "list_expired")
    for phase in ("logged_in", "running", "running"):
        await pc.ask("POST", "/v1/progress", pc.report(phase=phase, part="listening"))
        assert pcs(site) == ()
    await pc.ask("POST", "/v1/progress", pc.report(phase="submitted", part="listening"))
    assert pcs(site) == (), "the candidate reads that all is delivered"
    await tell(pc)
    assert [each.device for each in pcs(site)] == [pc.id]
    await pc.ask("POST", "/v1/progress", pc.report(phase="submitted", part="listening", is_delivered=True))
    assert [each.device for each in pcs(site)] == [pc.id], "it tells of an attempt at which nobody sits"


async def test_an_older_report_that_comes_late_changes_nothing(site: Site) -> None:
    pc = await site.open_pc()
    late = pc.report(**NOBODY, incidents=[{"kind": "list_expired", "at_ms": 0}])
    await tell(pc)
    assert (await pc.ask("POST", "/v1/progress", late)).status_code == 200
    assert [each.incidents for each in pcs(site)] == [()]


async def test_a_pc_that_may_not_be_used_any_more_is_not_among_them(site: Site) -> None:
    pc = await site.open_pc()
    await tell(pc, "list_expired")
    site.store.revoke_device(site.manager, pc.id)
    assert pcs(site) == ()
