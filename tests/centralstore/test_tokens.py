"""A one-time token is typed after ``--enrol``: it never looks like an option."""

from __future__ import annotations

import pytest

from centralstore.rights import COMMAND_LINE
from kiosk.app import _options
from tests.centralstore.place import Site


def test_a_token_that_begins_with_a_dash_is_never_made(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_urlsafe", lambda size: "-" * size)
    token = site.store.make_token(COMMAND_LINE, "oslo", "r1")
    assert _options(["--state", "pc", "--enrol", token]).token == token
