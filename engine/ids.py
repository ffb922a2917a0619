"""Ids: strings that the type checker keeps apart."""

from __future__ import annotations

from typing import NewType

ItemId = NewType("ItemId", str)
ModuleId = NewType("ModuleId", str)
PartId = NewType("PartId", str)
"""A delprøve: "listening", "reading", "writing", "theory"."""
PanelId = NewType("PanelId", str)
TaskSetId = NewType("TaskSetId", str)
TaskId = NewType("TaskId", str)
SlotId = NewType("SlotId", str)
ClipId = NewType("ClipId", str)
ProgrammeId = NewType("ProgrammeId", str)
ReleaseId = NewType("ReleaseId", str)
SittingId = NewType("SittingId", str)
AttemptId = NewType("AttemptId", str)
"""A version 4 UUID as 32 hexadecimal digits."""
DeviceId = NewType("DeviceId", str)
CandidateNumber = NewType("CandidateNumber", str)
WrittenStandard = NewType("WrittenStandard", str)
"""A målform: "nb" (Bokmål) or "nn" (Nynorsk)."""
Level = NewType("Level", str)
"""A result as the programme names it: "below_A1", "A1", …; "not_passed", "passed"."""
