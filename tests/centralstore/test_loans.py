"""What a relay holds against a loan that its central store signed: its pieces, its own sittings, earlier loans."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from centralstore.errors import DamagedError, NotNowError, TakenError
from centralstore.relay.loan import to_base64
from centralstore.rights import COMMAND_LINE
from sync.keys import BoxPublic, random_key
from sync.release import reseal_share
from tests.centralstore.lending import CENTRAL_URL, RELAY_URL, Lent, borrow_s1, lend_s1, make_relay
from tests.centralstore.place import Site, new_sitting

pytestmark = pytest.mark.anyio


@pytest.fixture
async def lent(site: Site) -> AsyncIterator[Lent]:
    made = await lend_s1(site)
    yield made
    made.relay.close()


async def test_a_share_that_the_authoritys_grants_do_not_name_is_not_borrowed(lent: Lent) -> None:
    """A central store that is not honest cannot put a share of its own in: nothing would open, or another's content."""
    lent.relay.give_back(lent.site.leader, "s1")
    lent.forward()
    files = lent.central.lend(lent.site.manager, "s1", lent.relay_public)
    loan = lent.relay.open_loan(files.loan, lent.central_public)
    share = reseal_share(
        random_key(),
        sitting="s1",
        relay=BoxPublic.from_hex(lent.relay_public.box_key),
        ticket_key=lent.central._house.keys.ticket,
    )
    wrong = loan.model_copy(update={"share": to_base64(share)})
    with pytest.raises(DamagedError, match="not the one that the authority's grants name"):
        lent.relay.borrow(COMMAND_LINE, wrong, lent.central_public)
    assert lent.relay.borrow(COMMAND_LINE, loan, lent.central_public) is True


async def test_a_later_loan_waits_until_the_one_before_is_given_back_and_an_older_is_never_taken(lent: Lent) -> None:
    """A laptop that was taken back from still holds what it has not brought home."""
    first = lent.relay.open_loan(
        lent.central.lend(lent.site.manager, "s1", lent.relay_public).loan, lent.central_public
    )
    lent.central.take_back(lent.site.leader, "s1", "borte")
    with pytest.raises(NotNowError, match="the loan before is not given back"):
        borrow_s1(lent)
    lent.relay.give_back(lent.site.leader, "s1")
    assert borrow_s1(lent) is True
    with pytest.raises(NotNowError, match="a newer loan is here"):
        lent.relay.borrow(COMMAND_LINE, first, lent.central_public)


async def test_a_relay_that_has_a_sitting_of_that_name_itself_does_not_borrow_it(site: Site) -> None:
    await site.enrol("PC 1")
    site.grant()
    relay = make_relay(site)
    for path in site.store.release_paths().values():
        relay.add_release(COMMAND_LINE, path.read_bytes())
    relay.create_sitting(COMMAND_LINE, new_sitting())
    central = site.store.public(CENTRAL_URL)
    loan = relay.open_loan(site.store.lend(site.manager, "s1", relay.public(RELAY_URL)).loan, central)
    with pytest.raises(TakenError, match="this store's own"):
        relay.borrow(COMMAND_LINE, loan, central)
    assert relay.borrowings() == ()
    relay.close()
