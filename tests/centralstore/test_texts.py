"""Texts that people and PCs send: what a database cannot hold is refused in a sentence, by either of them alike."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from centralstore.errors import FieldError
from centralstore.records import NewAccount, NewCandidate
from centralstore.rights import COMMAND_LINE
from centralstore.words import Role
from sync.keys import DeviceKeys
from tests.centralstore.place import Site, json_bytes
from tests.stores import rows_of

pytestmark = pytest.mark.anyio

ZERO = "Lars\0Vik"

ACTS: dict[str, Callable[[Site], object]] = {
    "the name of a candidate": lambda site: site.store.add_candidate(
        COMMAND_LINE, NewCandidate("100999", ZERO, False, "k9", "blå stol 41")
    ),
    "the name of a member of staff": lambda site: site.store.add_account(
        COMMAND_LINE, NewAccount("nora", ZERO, "en lang setning", Role.INVIGILATOR, "oslo", "r1")
    ),
    "a user name at log-in": lambda site: site.store.log_in(ZERO, "en lang setning"),
    "a PC that is looked for": lambda site: site.store.clear_device(COMMAND_LINE, ZERO),
    "a candidate's number": lambda site: site.store.mark_present(site.leader, "s1", ZERO, "passport"),
}


@pytest.mark.parametrize("act", ACTS)
async def test_a_zero_character_is_refused_and_changes_nothing(act: str, site: Site) -> None:
    before = rows_of(site.store.folder.path)
    with pytest.raises(FieldError, match=r"holds a zero character\. Leave it out\."):
        ACTS[act](site)
    after = rows_of(site.store.folder.path)
    assert {**after, "audit": [], "logleaf": []} == {**before, "audit": [], "logleaf": []}
    site.store.make_token(COMMAND_LINE, "oslo", "r1")  # the store goes on
    assert site.store.check_log().findings == ()


async def test_a_pcs_name_with_a_zero_character_is_no_fault_of_the_store(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    made, token = DeviceKeys.create(), site.store.make_token(COMMAND_LINE, "oslo", "r1")
    asked = {"token": token, "x25519": made.box.public.hex, "ed25519": made.signing.public.hex}
    refused = await site.http.post("/v1/enrol", content=json_bytes({**asked, "name": "PC\0"}))
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_field")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    again = await site.http.post("/v1/enrol", content=json_bytes({**asked, "name": "PC 7"}))
    assert again.status_code == 200
