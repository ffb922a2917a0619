"""What can be wrong with a bank or a package, and the sentence that tells it."""

from __future__ import annotations

from pathlib import Path


class ItemBankError(Exception):
    """Anything that the item bank refuses."""


class BankDataError(ItemBankError):
    """A bank's file breaks a rule: where (file), which field, what is wrong, what to do."""

    def __init__(self, where: str, field: str, fault: str, remedy: str) -> None:
        self.where = where
        self.field = field
        self.fault = fault
        self.remedy = remedy
        place = f"{where}, field '{field}'" if field else where
        super().__init__(f"{place}: {fault}. {remedy}.")


class BankFaultsError(ItemBankError):
    """Several files break rules; every fault is kept in order."""

    def __init__(self, faults: tuple[BankDataError, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


class ClipMissingError(BankDataError):
    """A clip that an item plays has not been built."""

    def __init__(self, where: str, clip: str) -> None:
        super().__init__(where, "script", f"the clip {clip} is missing", "Run 'bank build' for this bank")


class SpeechError(ItemBankError):
    """A clip cannot be synthesised: the surroundings failed."""

    def __init__(self, clip: str, cause: str) -> None:
        super().__init__(f"Clip {clip} could not be made: {cause}. Install espeak-ng and run 'bank build' again.")


class PackageError(ItemBankError):
    """A package is damaged, is not genuine or does not open."""

    def __init__(self, where: str, fault: str, remedy: str) -> None:
        super().__init__(f"{where}: {fault}. {remedy}.")


class KeyFolderError(ItemBankError):
    """A key of the authority is missing, damaged or would be overwritten."""

    def __init__(self, path: Path, fault: str, remedy: str) -> None:
        super().__init__(f"Key file {path}: {fault}. {remedy}.")


class ReleaseListError(ItemBankError):
    """The authority's list of current releases cannot be made or changed as asked."""

    def __init__(self, where: Path | str, fault: str, remedy: str) -> None:
        super().__init__(f"List of releases, {where}: {fault}. {remedy}.")
