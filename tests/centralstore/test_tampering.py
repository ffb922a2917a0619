"""A database administrator without keys changes rows: the store's own check and the independent verifier name it.

The administrator has SQL, knows every format, and can compute hashes. What only a witness sees is at the end.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from centralstore.errors import LogBrokenError
from centralstore.evidence.bundle import OutFolder, export_bundle
from centralstore.records import ScoredAttempt
from centralstore.rights import COMMAND_LINE
from centralstore.store import Store
from centralstore.store.checking import LogReport
from itembank.keyring import KeyFolder
from sync.canonical import canonical_bytes
from sync.checkpoint import cosign
from sync.envelope import erase_stream
from sync.keys import SigningKey
from sync.segment import RecordSealer
from sync.tree import leaf_hash
from tests.centralstore.administrator import Administrator, access, administrator, table_of
from tests.centralstore.place import Clock, Journal, Site, enter, events_of
from tests.proof import Proof, Trial
from tests.stores import Stores, rows_of
from tests.strategies import running
from verifier.main import main as verify

FIRST, SECOND = "a" * 32, "b" * 32
WITNESS = SigningKey(b"w" * 32)
CONFLICT = "signed two different envelopes for one place"
"""What the verifier says of the conflict that is there before anybody did anything."""


@dataclass
class Kept:
    """A closed store with a whole sitting, a copy of it from the middle, and what a witness saw in between and last."""

    folder: Path
    now_ms: int
    earlier: Path
    cosigned: tuple[bytes, bytes]

    def store(self) -> Store:
        return Store.open(self.folder, clock=Clock(self.now_ms))

    def check(self, *witnessed: bytes) -> LogReport:
        store = self.store()
        try:
            return store.check_log([(data, WITNESS.public) for data in witnessed])
        finally:
            store.close()

    def verified(self, out: Path, *options: str) -> set[str]:
        """Export and verify: the verifier's findings; the store's own where it refuses to prove a broken log."""
        store = self.store()
        try:
            export_bundle(store, "s1", OutFolder(out), checkpoint=store.checkpoint)
        except LogBrokenError as error:
            return {str(error)}
        finally:
            store.close()
        report = out.with_suffix(".json")
        status = verify([str(out), "--json", str(report), *options])
        findings = {f"{each['where']}: {each['sentence']}" for each in json.loads(report.read_text())["findings"]}
        assert status == bool(findings)
        return findings


@pytest.fixture(scope="module")
def untouched(
    tmp_path_factory: pytest.TempPathFactory, stores: Stores, database_kind: str, package: bytes, authority: KeyFolder
) -> Iterator[Kept]:
    with ExitStack() as stack:
        folder = stack.enter_context(stores.furnished(database_kind, tmp_path_factory.mktemp("tampering")))

        def copy(store: Path) -> Path:
            return stack.enter_context(stores.copied(store, folder / "earlier"))

        yield asyncio.run(whole_sitting(enter(folder, authority, package), copy))


@pytest.fixture
def kept(tmp_path: Path, stores: Stores, untouched: Kept) -> Iterator[Kept]:
    with stores.copied(untouched.folder, tmp_path / "store") as folder:
        yield replace(untouched, folder=folder)


async def whole_sitting(site: Site, copy: Callable[[Path], Path]) -> Kept:
    pc = await site.open_pc("reading")
    journal = site.journal(pc, FIRST).write(events_of(running("reading").take(lambda _attempt: 3), pc.id))
    for data in journal.envelopes(limit=1500):
        assert (await pc.ask("POST", "/v1/envelopes", data)).status_code == 200
    site.clock.pass_minutes(10)
    seen = see(site)
    site.store.close()
    earlier = copy(site.store.folder.path)
    site.reopen()
    site.clock.pass_minutes(10)
    site.store.unlock(site.leader, "s1", "100234", "reading", reason="strømbrudd")
    preamble = journal.file[: journal.file.index(b"\xa5\xc3")]
    forked = Journal(pc, journal.segment, RecordSealer(journal.segment), bytearray(preamble))
    forked.write(events_of(running("reading").take(lambda _attempt: 3), pc.id, candidate="100251"))
    assert (await pc.ask("POST", "/v1/envelopes", forked.envelopes(limit=1500)[0])).status_code == 409
    (other,) = site.journal(pc, SECOND).write_keys(3).envelopes()
    assert (await pc.ask("POST", "/v1/envelopes", other)).status_code == 200
    scores: dict[str, object] = {"theta": 0.1 + 0.2, "se": 1e-7, "modules": ["RM1", "FM-A1A2"]}
    result = ScoredAttempt(FIRST, "s1", "100234", "reading", "A2", "1", scores, (), "0" * 64)
    site.store.keep_results(COMMAND_LINE, [result])
    site.store.keep_results(COMMAND_LINE, [replace(result, level="B1", scoring_version="2")])
    site.clock.pass_minutes(10)
    last = see(site)
    site.clock.pass_minutes(1)
    site.store.close()
    return Kept(site.store.folder.path, site.clock.now_ms, earlier, (seen, last))


def see(site: Site) -> bytes:
    return cosign(site.store.checkpoint(), witness="Tilsynet", key=WITNESS, seen_utc_ms=site.clock.now_ms)


# --- what an administrator does ---------------------------------------------------------------------------------------

Deed = Callable[[Administrator], None]
# ruff: noqa: S608 - an administrator's statements are the point
ENVELOPE = "(select id from keptenvelope order by id limit 1)"
LAST_ACT = "(select max(id) from audit)"


def sql(statement: str, *values: object) -> Deed:
    return lambda admin: admin.run(statement.format(envelope=ENVELOPE, act=LAST_ACT), *values)


def flip_data(admin: Administrator) -> None:
    data = bytearray(admin.one(f"select data from keptenvelope where id = {ENVELOPE}"))
    data[len(data) // 2] ^= 1
    admin.run(f"update keptenvelope set data = ? where id = {ENVELOPE}", bytes(data))


def destroy_keys(admin: Administrator) -> None:
    data = admin.one(f"select data from keptenvelope where id = {ENVELOPE}")
    admin.run(f"update keptenvelope set data = ? where id = {ENVELOPE}", erase_stream(data, "answers"))


def delete_envelope_and_leaf(admin: Administrator) -> None:
    ref = admin.one("select ref from logleaf where kind = 'receipt' order by number limit 1")
    admin.run(f"delete from keptenvelope where id = {ENVELOPE}")
    admin.run("delete from logleaf where kind = 'receipt' and ref = ?", ref)


def delete_envelope_and_renumber(admin: Administrator) -> None:
    ref = admin.one("select ref from logleaf where kind = 'receipt' order by number limit 1")
    admin.run(f"delete from keptenvelope where id = {ENVELOPE}")
    admin.drop_leaf_and_close_the_gap("receipt", ref)


def insert_order(admin: Administrator) -> None:
    admin.run(
        "insert into givenorder select sitting, number + 1, kind, candidate, part, reason, by, at_ms, sha256, data"
        " from givenorder order by number desc limit 1"
    )


def insert_act(admin: Administrator) -> None:
    new_act(admin)


def new_act(admin: Administrator) -> int:
    number = admin.one("select max(id) from audit") + 1
    admin.run(
        "insert into audit select ?, at_ms, 'mona', role, act, site, room, sitting, candidate, is_allowed, detail"
        " from audit where sitting = 's1' order by id desc limit 1", number,
    )  # fmt: skip
    return number


def insert_act_with_its_leaf(admin: Administrator) -> None:
    number = new_act(admin)
    admin.add_leaf("audit", str(number), admin.audit(number))


def backdate_act_with_its_leaf(admin: Administrator) -> None:
    number = admin.one("select max(id) from audit where sitting = 's1'")
    admin.run("update audit set at_ms = at_ms - 86400000 where id = ?", number)
    admin.forge_leaf("audit", str(number), admin.audit(number))


def insert_backdated_act_in_the_middle(admin: Administrator) -> None:
    """An act of long ago, with its leaf squeezed in at its time: everything after it moves by one."""
    number = new_act(admin)
    admin.run("update audit set at_ms = (select min(at_ms) from audit where sitting = 's1') where id = ?", number)
    for leaf in range(admin.one("select max(number) from logleaf"), 8, -1):
        admin.run("update logleaf set number = ? where number = ?", leaf + 1, leaf)
    content = admin.audit(number)
    admin.run("insert into logleaf values (9, 'audit', ?, 's1', ?, ?)", str(number), leaf_hash(content), b"")


def change_result_with_its_leaf(admin: Administrator) -> None:
    names = (
        "attempt", "candidate", "data", "findings", "keys_sha256", "level", "part", "scored_ms", "scoring_number",
        "scoring_version", "sitting",
    )  # fmt: skip
    admin.run("update keptresult set level = 'B2' where scoring_number = 2")
    asked = ", ".join(admin.text_of("keptresult", name) for name in names)
    row = admin.execute(f"select {asked} from keptresult where scoring_number = 2").one()
    plain = dict(zip(names, row, strict=True))
    data = json.loads(plain["data"])
    data |= {"theta": repr(data["theta"]), "se": repr(data["se"])}
    plain |= {"data": data, "findings": []}
    before = admin.one("select leaf from logleaf where kind = 'result' and ref like '%/2'")
    assert leaf_hash(canonical_bytes({**plain, "level": "B1"})) == before  # the forger knows the format
    admin.forge_leaf("result", f"{FIRST}/2", canonical_bytes(plain))


def change_checkpoint(admin: Administrator) -> None:
    size = admin.one("select max(size) from logcheckpoint")
    data = json.loads(admin.one("select data from logcheckpoint where size = ?", size))
    data["body"]["root"] = "0" * 64
    admin.run("update logcheckpoint set data = ? where size = ?", canonical_bytes(data), size)


def change_text(table: str, old: str, new: str, where: str) -> Deed:
    """Exchange some words in the column "data", of bytes or JSON."""

    def done(admin: Administrator) -> None:
        data = admin.one(f"select {admin.text_of(table, 'data')} from {table} where {where}")
        changed = data.replace(old, new) if isinstance(data, str) else data.replace(old.encode(), new.encode())
        assert changed != data
        admin.run(f"update {table} set data = {admin.place_for(table, 'data')} where {where}", changed)

    return done


DEEDS: dict[str, tuple[Deed, str, str]] = {
    "envelope: a bit of the data": (flip_data, "envelope", "its data was changed"),
    "envelope: another one's data": (
        sql("update keptenvelope set data = (select data from conflict) where id = {envelope}"),
        "envelope", "its data was changed",
    ),
    "envelope: its keys destroyed": (destroy_keys, "envelope", "sealed keys of stream"),
    "envelope: received earlier": (
        sql("update keptenvelope set received_ms = received_ms - 3600000 where id = {envelope}"),
        "envelope", "its time was changed",
    ),
    "envelope: moved to another sitting": (
        sql("update keptenvelope set sitting = 's2' where id = {envelope}"), "envelope", "another sitting",
    ),
    "receipt: another one's": (
        sql("update keptenvelope set receipt = (select receipt from keptenvelope order by id desc limit 1)"
            " where id = {envelope}"),
        "receipt", "not what was logged",
    ),
    "envelope: deleted": (sql("delete from keptenvelope where id = {envelope}"), "receipt", "it was deleted"),
    "envelope: deleted with its leaf": (delete_envelope_and_leaf, "leaf", "were deleted"),
    "envelope: deleted, log closed up": (delete_envelope_and_renumber, "checkpoint", "not those it was signed over"),
    "envelope: inserted": (
        sql("insert into keptenvelope select (select max(id) + 1 from keptenvelope), sitting,"
            " 'c' || substr(attempt, 2), segment, device, release, first, last, sha256, received_ms,"
            " data, receipt from keptenvelope where id = {envelope}"),
        "receipt", "past the store",
    ),
    "conflict: its data": (sql("update conflict set data = ?", b"\0"), "conflict", "its data was changed"),
    "conflict: later": (sql("update conflict set at_ms = at_ms + 1"), "conflict", "not what was logged"),
    "conflict: deleted": (sql("delete from conflict"), "conflict", "it was deleted"),
    "order: its row": (sql("update givenorder set candidate = '100251' where number = 3"), "order", "its row was"),
    "order: what was signed": (
        change_text("givenorder", "strømbrudd", "sykdom", "kind = 'unlock'"),
        "order", "not genuine",
    ),
    "order: given earlier": (
        sql("update givenorder set at_ms = at_ms - 3600000 where number = 3"), "order", "its row was changed",
    ),
    "order: deleted": (sql("delete from givenorder where number = 2"), "order", "it was deleted"),
    "order: the last one deleted": (
        sql("delete from givenorder where number = (select max(number) from givenorder)"), "order", "it was deleted",
    ),
    "order: inserted": (insert_order, "order", "past the store"),
    "act: who did it": (sql("update audit set \"user\" = 'vera' where id = {act}"), "audit", "it was changed"),
    "act: earlier": (sql("update audit set at_ms = at_ms - 3600000 where id = {act}"), "audit", "it was changed"),
    "act: earlier, with its leaf": (backdate_act_with_its_leaf, "audit", "was not made by the store"),
    "act: deleted": (sql("delete from audit where id = {act}"), "audit", "it was deleted"),
    "act: inserted": (insert_act, "audit", "past the store"),
    "act: inserted, with its leaf": (insert_act_with_its_leaf, "audit", "was not made by the store"),
    "act: inserted long ago": (insert_backdated_act_in_the_middle, "checkpoint", "not those it was signed over"),
    "result: its level": (
        sql("update keptresult set level = 'B2' where scoring_number = 2"), "result", "it was changed",
    ),
    "result: its level, with its leaf": (change_result_with_its_leaf, "result", "was not made by the store"),
    "result: its ability": (
        change_text("keptresult", "1e-07", "1e-06", "scoring_number = 1"),
        "result", "it was changed",
    ),
    "result: scored earlier": (sql("update keptresult set scored_ms = 1"), "result", "it was changed"),
    "result: the newer scoring deleted": (
        sql("delete from keptresult where scoring_number = 2"), "result", "it was deleted",
    ),
    "result: inserted": (
        sql("insert into keptresult select (select max(id) + 1 from keptresult), attempt, 3, scoring_version,"
            " sitting, candidate, part, state, 'B2', data, findings, keys_sha256, scored_ms"
            " from keptresult where scoring_number = 2"),
        "result", "past the store",
    ),
    "PC: its key exchanged": (sql("update device set ed25519 = ?", bytes(32)), "envelope", "its data was changed"),
    "enrolment: half an hour more": (
        sql("update enrolment set accommodation_ms = 1800000 where part = 'writing' and candidate = '100251'"),
        "enrolment", "it was changed",
    ),
    "enrolment: another level": (
        sql("update enrolment set level = 'B1-B2' where part = 'writing' and candidate = '100251'"),
        "enrolment", "it was changed",
    ),
    "enrolment: deleted": (sql("delete from enrolment where candidate = '100266'"), "enrolment", "it was deleted"),
    "PC: a stranger's, cleared": (
        sql("insert into device select 'pc-0123456789abcdef', name, site, room, x25519, x25519, 'cleared',"
            " enrolled_ms, 0 from device limit 1"),
        "PC", "nobody enrolled it",
    ),
    "PC: revoked, without an act": (sql("update device set state = 'revoked'"), "PC", "by the acts in the log cleared"),
    "leaf: changed": (
        sql("update logleaf set leaf = ? where kind = 'receipt'", bytes(32)), "receipt", "not what was logged",
    ),
    "leaf: deleted": (sql("delete from logleaf where kind = 'order'"), "order", "past the store"),
    "checkpoint: its root": (change_checkpoint, "checkpoint", "it was changed"),
    "checkpoint: earlier": (
        sql("update logcheckpoint set at_ms = at_ms - 1 where size = (select max(size) from logcheckpoint)"),
        "checkpoint", "its size or time was changed",
    ),
    "checkpoint: an earlier one deleted": (
        sql("delete from logcheckpoint where size = (select min(size) from logcheckpoint)"),
        "checkpoint", "it was deleted",
    ),
}  # fmt: skip
"""What was done, what the store's check names, and what it says."""

NOT_EXPORTED = {
    "act: who did it",
    "act: earlier",
    "act: deleted",
    "checkpoint: earlier",
    "checkpoint: an earlier one deleted",
    "envelope: received earlier",
    "order: its row",
    "order: given earlier",
}
"""Does not travel: the last act is of no sitting; of checkpoints only the newest goes along; of envelopes and orders
the signed receipt and the signed order do, not the columns beside them."""


def test_an_untouched_store_has_no_finding(kept: Kept, tmp_path: Path) -> None:
    report = kept.check(*kept.cosigned)
    assert report.findings == ()
    assert report.leaves == sum(count for kind, count in report.counts.items() if kind != "PC")
    assert {"receipt", "conflict", "order", "result", "audit", "checkpoint", "PC", "enrolment"} == set(report.counts)
    (found,) = kept.verified(tmp_path / "out")
    assert CONFLICT in found


@pytest.mark.parametrize("deed", DEEDS)
def test_what_an_administrator_did_is_named_by_the_check_and_found_by_the_verifier(
    deed: str, kept: Kept, tmp_path: Path
) -> None:
    done, kind, words = DEEDS[deed]
    with administrator(kept.folder) as admin:
        done(admin)
    found = [str(each) for each in kept.check().findings]
    assert any(each.startswith(kind) and words in each for each in found), found
    if deed not in NOT_EXPORTED:
        assert [each for each in kept.verified(tmp_path / "out") if CONFLICT not in each]


def test_a_pcs_exchanged_key_is_told_of_every_envelope_that_it_signed(kept: Kept) -> None:
    """A signature is checked at the end of each line of envelopes; where that fails, in all of the line."""
    with administrator(kept.folder) as admin:
        admin.run("update device set ed25519 = ?", bytes(32))
        count = admin.one("select count(*) from keptenvelope")
    found = [str(each) for each in kept.check().findings if each.kind == "envelope"]
    assert count > 3
    assert len(found) == len(set(found)) == count
    assert all("its data was changed" in each for each in found)


@pytest.mark.sqlite  # PostgreSQL takes no such values
def test_rows_that_cannot_even_be_read_are_findings_and_no_fault(kept: Kept) -> None:
    with administrator(kept.folder) as admin:
        admin.run("update audit set detail = '{' where id = 3")
        admin.run("update givenorder set data = 'text' where number = 1")
        admin.run("update keptenvelope set data = 7, receipt = 'x'")
        admin.run("update keptresult set data = 'null' where scoring_number = 1")
        admin.run("update logcheckpoint set data = ''")
        admin.run("update logleaf set leaf = 'short' where number = 2")
    kinds = {each.kind for each in kept.check().findings}
    assert kinds >= {"audit", "order", "envelope", "result", "checkpoint"}


LOGGED = {
    "keptenvelope": "sitting attempt segment device release first last sha256 received_ms data receipt",
    "conflict": "sitting attempt segment device first last stored_sha256 offered_sha256 at_ms data",
    "givenorder": "sitting number kind candidate part reason by at_ms sha256 data",
    "audit": "id at_ms user role act site room sitting candidate is_allowed detail",
    "keptresult": "attempt scoring_number scoring_version sitting candidate part level data findings keys_sha256"
    " scored_ms",
    "enrolment": "sitting candidate part level accommodation_ms",
    "device": "id x25519 ed25519 state",
    "logleaf": "number kind ref sitting leaf signature",
    "logcheckpoint": "size at_ms data",
}
"""The rows that the log speaks of and their columns; not: a result's state, a hand-in's signature, a PC's name."""


def changed(value: object, chance: random.Random) -> object:
    """The value with one bit, sign or number another; itself where there is nothing to change."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return 1 - value if value in {0, 1} else value + chance.choice((-1, 1, 86_400_000, -86_400_000))
    if not isinstance(value, str | bytes) or not value:
        return value
    data = bytearray(value if isinstance(value, bytes) else value.encode())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(7)
    return bytes(data) if isinstance(value, bytes) else data.decode("utf-8", "replace")


def means_the_same(table: str, column: str, old: object, new: object) -> bool:
    """Whether a column of JSON says the same in other words: nothing was changed then."""
    if column not in {"detail", "findings"} and (table, column) != ("keptresult", "data"):
        return old == new
    try:
        return json.loads(str(old)) == json.loads(str(new))
    except ValueError:
        return False


@dataclass(frozen=True)
class Row:
    """One row of a logged table as the administrator finds it."""

    table: str
    values: Mapping[str, object]

    @classmethod
    def drawn(cls, admin: Administrator, table: str, chance: random.Random) -> Row:
        names = [column.name for column in table_of(table).c]
        asked = ", ".join(admin.text_of(table, name) for name in names)
        keys = ", ".join(f'"{column.name}"' for column in table_of(table).primary_key)
        rows = admin.execute(f"select {asked} from {table} order by {keys}").all()
        return cls(table, dict(zip(names, chance.choice(rows), strict=True)))

    def where(self, **other: object) -> tuple[str, list[object]]:
        """What finds the row by its key, and the values for it."""
        keys = {column.name: self.values[column.name] for column in table_of(self.table).primary_key} | other
        return " and ".join(f'"{name}" = ?' for name in keys), [*keys.values()]

    def delete(self, admin: Administrator) -> None:
        where, values = self.where()
        admin.run(f"delete from {self.table} where {where}", *values)

    def set(self, admin: Administrator, column: str, value: object, **now: object) -> None:
        """Change a column; ``now`` are columns of the key that are others meanwhile."""
        where, values = self.where(**now)
        place = admin.place_for(self.table, column)
        admin.run(f'update {self.table} set "{column}" = {place} where {where}', value, *values)

    def restore(self, admin: Administrator, column: str = "", new: object = None) -> None:
        """Make it again what it was, after a change of ``column`` to ``new``, or after it was deleted."""
        if column:
            is_key = column in table_of(self.table).primary_key.columns
            self.set(admin, column, self.values[column], **({column: new} if is_key else {}))
            return
        names = ", ".join(f'"{name}"' for name in self.values)
        places = ", ".join(admin.place_for(self.table, name) for name in self.values)
        admin.run(f"insert into {self.table} ({names}) values ({places})", *self.values.values())


def test_no_change_at_random_of_a_logged_row_goes_unseen(kept: Kept, proof: Proof, database_kind: str) -> None:
    store, before = kept.store(), rows_of(kept.folder)
    what = "a database administrator's change of any logged row and column"
    what, times = (what, 250) if database_kind == "sqlite" else (f"{what}, on PostgreSQL", 40)
    try:
        with access(kept.folder) as engine, proof(what, ci=times, full=25_000) as trial:
            for seed in trial.seeds():
                change_once(engine, store, random.Random(seed), trial)
    finally:
        store.close()
    assert rows_of(kept.folder) == before  # every change was taken back, so that each was looked at alone


def change_once(engine: Engine, store: Store, chance: random.Random, trial: Trial) -> None:
    """One change, the store's look at it, and the change taken back."""
    table = chance.choice(list(LOGGED))
    column = chance.choice(LOGGED[table].split())
    try:
        with engine.begin() as connection:
            admin = Administrator(connection)
            row = Row.drawn(admin, table, chance)
            old, is_deleted = row.values[column], chance.random() < 0.1
            new = changed(old, chance)
            if is_deleted:
                row.delete(admin)
            elif means_the_same(table, column, old, new):
                trial.count("nothing to change")
                return
            else:
                row.set(admin, column, new)
    except DBAPIError:
        trial.count("refused by the table itself")
        return
    trial.count("rows deleted" if is_deleted else "values changed")
    is_seen = bool(store.check_log().findings)
    trial.count("unseen", not is_seen)
    assert is_seen, (table, column, old, new)
    with engine.begin() as connection:
        row.restore(Administrator(connection), "" if is_deleted else column, new)


# --- what only a witness sees -----------------------------------------------------------------------------------------


def put_back_an_older_copy(kept: Kept, stores: Stores) -> None:
    stores.put_back(kept.earlier, kept.folder)


def cut_the_end_off(kept: Kept, _stores: Stores) -> None:
    """Every row, leaf and checkpoint after the first checkpoint, as if none of it had ever been."""
    with administrator(kept.folder) as admin:
        size = admin.one("select min(size) from logcheckpoint")
        gone = admin.execute("select kind, ref from logleaf where number > ?", (size,)).all()
        admin.run("delete from logleaf where number > ?", size)
        admin.run("delete from logcheckpoint where size > ?", size)
        admin.run("delete from audit where id >= ?", min(int(ref) for kind, ref in gone if kind == "audit"))
        admin.run("delete from keptresult")
        admin.run("delete from conflict")
        admin.run("delete from givenorder where kind = 'unlock'")
        admin.run("delete from keptenvelope where attempt = ?", SECOND)


@pytest.mark.parametrize("undo", [put_back_an_older_copy, cut_the_end_off], ids=lambda undo: undo.__name__)
def test_a_whole_past_taken_away_is_seen_with_a_witness_and_not_without(
    undo: Callable[[Kept, Stores], None], kept: Kept, stores: Stores
) -> None:
    undo(kept, stores)
    assert kept.check().findings == ()  # honest: the database alone cannot tell
    assert kept.check(kept.cosigned[0]).findings == ()  # nor a witness that looked before only
    (found,) = kept.check(kept.cosigned[1]).findings
    assert "cut off, or an older copy" in str(found)


def test_an_export_after_it_is_caught_by_the_verifier_with_the_witnesss_checkpoint(
    kept: Kept, stores: Stores, tmp_path: Path
) -> None:
    put_back_an_older_copy(kept, stores)
    (tmp_path / "seen.json").write_bytes(kept.cosigned[1])
    store = replace(kept, now_ms=kept.now_ms + 60_000)
    assert store.verified(tmp_path / "blind") == set()
    (found,) = store.verified(tmp_path / "out", "--witness", str(tmp_path / "seen.json"))
    assert "witness" in found
