"""Locking the PC down: an ordered list of steps, each undoable, undone in reverse."""

from kiosk.lockdown.sequence import Sequence, Step

__all__ = ["Sequence", "Step"]
