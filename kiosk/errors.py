"""What can go wrong in the kiosk, each said in one sentence: what, where, what to do."""

from __future__ import annotations


class KioskError(Exception):
    """Base of every fault the kiosk tells about."""


class SoundError(KioskError):
    """The sound device is missing or gave up."""

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"The sound device of this PC does not play: {cause}. Plug the headphones in again and restart the kiosk."
        )
        self.cause = cause


class UnusableComputerError(KioskError):
    """This computer may not be used for a test."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"This computer cannot be used for the test: {reason}. {remedy}")


class LockdownError(KioskError):
    """A step of locking the PC down did not take hold."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(
            f"The kiosk could not be locked down at step '{step}': {reason}. "
            "Close other programs and start the kiosk again."
        )
        self.step = step


class SetUpError(KioskError):
    """The kiosk's state folder or start arguments are not usable."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}. {remedy}")


class NotEnrolledError(SetUpError):
    """This PC has no store yet."""

    def __init__(self) -> None:
        super().__init__(
            "This PC is not enrolled",
            "Start it once with --enrol TOKEN --store URL --ca FILE --seat NAME --authority FILE.",
        )


class NotEnoughSpaceError(KioskError):
    """Too little free disk to begin an attempt."""

    def __init__(self, folder: str, free_bytes: int, needed_bytes: int) -> None:
        super().__init__(
            f"The disk that holds {folder} has {free_bytes // 2**20} MiB free "
            f"and the kiosk needs {needed_bytes // 2**20} MiB. "
            "Free space on this PC, or use another PC."
        )


class ClipError(KioskError):
    """A clip of the package cannot be decoded or is not what the panel says."""

    def __init__(self, clip: str, reason: str) -> None:
        super().__init__(
            f"Clip {clip} in the package cannot be played: {reason}. Fetch the package again, or use another PC."
        )
