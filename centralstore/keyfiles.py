"""The custodians' key files and the options that name them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from centralstore.errors import SetUpError
from sync.keys import KEY_BYTES, BoxKey

_MOST_BYTES: Final = 4096


def add_key_options(parser: argparse.ArgumentParser) -> None:
    """``--results-key`` (once for each custodian) and ``--content-keys``."""
    parser.add_argument(
        "--results-key", type=Path, action="append", required=True, metavar="FILE", help="a custodian's private key"
    )
    parser.add_argument(
        "--content-keys",
        type=Path,
        metavar="DIR",
        help="the releases' content keys; beside the first results key when not given",
    )


def read_results_keys(paths: Sequence[Path]) -> tuple[BoxKey, ...]:
    """The custodians' private keys.

    Raises:
        SetUpError: a file is missing or holds no key.
    """
    return tuple(BoxKey(read_key(path)) for path in paths)


def read_key(path: Path) -> bytes:
    """32 bytes from a file of 64 hexadecimal digits, as `itembank.keyring` writes them.

    Raises:
        SetUpError: the file is missing or holds no key.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SetUpError(str(path), "is no key but a longer file", "Name a file of 64 hexadecimal digits.")
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise SetUpError(str(path), f"cannot be read ({error.strerror})", "Name the key's file.") from error
    except ValueError as error:
        raise SetUpError(str(path), "does not hold a key", "Name a file of 64 hexadecimal digits.") from error
    if len(key) != KEY_BYTES:
        raise SetUpError(str(path), f"holds {len(key)} bytes, not {KEY_BYTES}", "Name a file of 64 hexadecimal digits.")
    return key


def add_export_options(parser: argparse.ArgumentParser) -> None:
    """What `centralstore.export` is told besides the store's folder."""
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new or empty folder")
    parser.add_argument("--sitting", default="", help="this sitting only")
    add_key_options(parser)


def add_rescore_options(parser: argparse.ArgumentParser) -> None:
    """What `centralstore.rescore` is told besides the store's folder."""
    parser.add_argument("--keys", type=Path, required=True, metavar="KEYS.json", help="corrected keys by item")
    parser.add_argument("--sitting", default="", help="this sitting only")
    add_key_options(parser)
