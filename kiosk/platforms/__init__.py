"""What differs between operating systems, one small module each."""

from __future__ import annotations

import sys

from kiosk.errors import UnusableComputerError


def refuse_tablet() -> None:
    """Refuse to run on a tablet (reglement 3.14).

    Raises:
        UnusableComputerError: this device says that it is one.
    """
    if is_tablet():
        raise UnusableComputerError(reason="it is a tablet", remedy="Use a PC with a keyboard.")


def is_tablet() -> bool:
    """Whether the device's firmware calls it a tablet."""
    if sys.platform == "win32":
        from kiosk.platforms import windows  # noqa: PLC0415 - there only

        return windows.is_tablet()
    from kiosk.platforms import linux  # noqa: PLC0415 - there only

    return linux.is_tablet()
