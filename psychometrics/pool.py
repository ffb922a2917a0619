"""The pool that panels are assembled from: items of a bank, or two tables."""

from collections.abc import Mapping
from pathlib import Path

from engine.errors import EngineError
from engine.ids import ClipId, WrittenStandard
from engine.listening import Clip, ListeningScript
from itembank.bank import Bank
from itembank.errors import ItemBankError
from itembank.forms import item_plain
from itembank.schema import ItemFile
from psychometrics.assembly import WRITTEN_STANDARDS, PoolItem
from psychometrics.errors import BankFaultError, UnknownItemError
from psychometrics.items import ItemParameters
from psychometrics.tables import read_rows

TABLE_COLUMNS = ("item", "level")


def pool_from_bank(
    bank: Bank,
    part: str,
    parameters: Mapping[str, ItemParameters],
    plays: Mapping[str, int] | None,
) -> tuple[PoolItem, ...]:
    """Scored items of a part that are not retired and have parameters.

    Args:
        bank: the bank.
        part: listening, reading or theory.
        parameters: when there are any, only their items are used, with them instead of the bank's own.
        plays: how often each level is heard, for the time of listening items; None to leave times out.

    Raises:
        BankFaultError: a listening item has no built clip.
    """
    found: list[PoolItem] = []
    for item in bank.items.values():
        own = parameters.get(item.id) if parameters else _own_parameters(item)
        if item.part == part and item.is_scored and item.status != "retired" and own is not None:
            found.append(_pool_item(bank, item, own, plays))
    return tuple(found)


def _own_parameters(item: ItemFile) -> ItemParameters | None:
    own = item.parameters
    if own is None:
        return None
    return ItemParameters(item.id, own.model, 1.0 if own.model == "rasch" else own.a, (own.b,), own.c)


def _pool_item(bank: Bank, item: ItemFile, own: ItemParameters, plays: Mapping[str, int] | None) -> PoolItem:
    return PoolItem(
        parameters=own,
        level=item.level,
        topic=item.topic,
        passage=item.stimulus or "",
        seconds={} if plays is None else _seconds(bank, item, plays),
        uses=item.exposure,
        standards=frozenset(s for s, words in (("nb", item.nb), ("nn", item.nn)) if words is not None),
    )


def _seconds(bank: Bank, item: ItemFile, plays: Mapping[str, int]) -> dict[str, float]:
    """Planned time of a listening item, by the engine's own script."""
    if item.timing is None:
        return {}
    try:
        plain = item_plain(bank, item)["listening"]
    except (ItemBankError, EngineError) as error:
        raise BankFaultError(str(error)) from error
    clips = {
        WrittenStandard(standard): Clip(ClipId(clip["id"]), clip["frames"], clip["sample_rate_hz"])
        for standard, clip in plain["clips"].items()
    }
    script = ListeningScript(plain["reading_ms"], plain["gap_ms"], plain["answering_ms"], clips)
    return {s: script.duration_ms(WrittenStandard(s), plays.get(item.level, 1)) / 1000.0 for s in WRITTEN_STANDARDS}


def pool_from_table(path: Path, parameters: Mapping[str, ItemParameters]) -> tuple[PoolItem, ...]:
    """Items from a table.

    Columns are item, level and, where there are any, topic, passage, enemies, seconds_nb, seconds_nn, uses, standards;
    several enemies or standards are parted by spaces.

    Raises:
        UnknownItemError: an item has no parameters.
    """
    rows = read_rows(path, TABLE_COLUMNS)
    for row in rows:
        if row["item"] not in parameters:
            raise UnknownItemError(path.name, row["item"])
    return tuple(
        PoolItem(
            parameters=parameters[row["item"]],
            level=row["level"],
            topic=row.get("topic", ""),
            passage=row.get("passage", ""),
            enemies=frozenset(row.get("enemies", "").split()),
            seconds={s: float(row[f"seconds_{s}"]) for s in WRITTEN_STANDARDS if row.get(f"seconds_{s}")},
            uses=int(row.get("uses") or 0),
            standards=frozenset((row.get("standards") or "nb nn").split()),
        )
        for row in rows
    )
