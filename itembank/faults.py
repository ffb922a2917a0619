"""Where a fault is told: a file of the bank."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from engine.errors import DataError
from itembank.bank import Bank
from itembank.errors import BankDataError

Faults: TypeAlias = Iterator[BankDataError]


@dataclass(frozen=True, slots=True)
class Place:
    """A file of a bank, named from the bank's folder on."""

    where: str

    @classmethod
    def file(cls, bank: Bank, folder: str, name: str) -> Place:
        """``folder/name.json``."""
        return cls(f"{bank.folder.name}/{folder}/{name}.json")

    @classmethod
    def item(cls, bank: Bank, item: str) -> Place:
        """An item's file."""
        return cls(f"{bank.folder.name}/items/{item}/item.json")

    @classmethod
    def stimulus(cls, bank: Bank, stimulus: str) -> Place:
        """A stimulus' file."""
        return cls(f"{bank.folder.name}/stimuli/{stimulus}/stimulus.json")

    @classmethod
    def task(cls, bank: Bank, task: str) -> Place:
        """A writing task's file."""
        return cls(f"{bank.folder.name}/tasks/{task}/task.json")

    def fault(self, field: str, fault: str, remedy: str) -> BankDataError:
        """A fault in a field of this file."""
        return BankDataError(self.where, field, fault, remedy)

    def engine_fault(self, error: DataError) -> BankDataError:
        """What the engine refuses, told of the file that it came from."""
        return BankDataError(self.where, error.field, error.fault, error.remedy)
