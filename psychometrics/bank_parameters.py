"""Parameters written into the bank's item files, with where they come from beside them.

Only right-or-wrong items of the models that panels route by are taken. The provenance goes into a file of its own,
`calibrations/<hash>.json`, named after its content, so that one calibration is never mixed up with another.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from psychometrics.errors import NotForBankError, UnreadableFileError
from psychometrics.items import ItemParameters

BANK_MODELS = {"rasch": "rasch", "1pl": "2pl", "2pl": "2pl", "3pl": "3pl"}
DIGITS = 6  # of a parameter; standard errors are hundreds of times larger
HASH_DIGITS = 16


def write_into_bank(bank: Path, items: Sequence[ItemParameters], provenance: Mapping[str, str]) -> Path:
    """Put parameters into the item files of a bank.

    All item files are read before the first is written, so a fault changes nothing.

    Args:
        bank: the bank's folder.
        items: on the bank's scale.
        provenance: what the parameters were made from.

    Returns:
        The file with the provenance and the standard errors.

    Raises:
        NotForBankError: an item of a model that panels cannot route by.
        UnreadableFileError: the bank has no such item, or its file cannot be read.
    """
    changed = [(path := bank / "items" / item.item_id / "item.json", _with_parameters(path, item)) for item in items]
    record = json.dumps(
        {"provenance": dict(provenance), "items": {item.item_id: _record(item) for item in items}},
        indent=2,
        ensure_ascii=False,
        sort_keys=True,
    )
    folder = bank / "calibrations"
    folder.mkdir(exist_ok=True)
    beside = folder / f"{hashlib.sha256(record.encode()).hexdigest()[:HASH_DIGITS]}.json"
    beside.write_text(record + "\n", encoding="utf-8")
    for path, text in changed:
        path.write_text(text, encoding="utf-8")
    return beside


def _with_parameters(path: Path, item: ItemParameters) -> str:
    if item.model not in BANK_MODELS:
        raise NotForBankError(item.item_id, item.model)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableFileError(str(path), str(error)) from error
    content["parameters"] = {**_numbers(item), "source": "calibrated"}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _numbers(item: ItemParameters) -> dict[str, str | float]:
    rounded = {"a": round(item.a, DIGITS), "b": round(item.b[0], DIGITS), "c": round(item.c, DIGITS)}
    return {"model": BANK_MODELS[item.model], **rounded}


def _record(item: ItemParameters) -> dict[str, object]:
    return {**_numbers(item), "se_a": item.se_a, "se_b": item.se_b[0] if item.se_b else None, "se_c": item.se_c}
