"""What was copied before the test cannot be pasted in it, and nothing of the test stays behind."""

from __future__ import annotations

from PySide6.QtGui import QClipboard, QGuiApplication


class ClearClipboard:
    """Empty the clipboard and the selection, before and after."""

    name = "clear-clipboard"

    def perform(self) -> None:
        """Empty both."""
        clipboard = QGuiApplication.clipboard()
        for mode in (QClipboard.Mode.Clipboard, QClipboard.Mode.Selection):
            clipboard.clear(mode)

    def revert(self) -> None:
        """Empty both again: what was copied in the test stays in it."""
        self.perform()
