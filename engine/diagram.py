"""The phases of an attempt, drawn from the very table that decides them."""

from __future__ import annotations

from engine.events import Event
from engine.moves import TRANSITIONS
from engine.state import Phase


def phase_diagram() -> str:
    """Every change of phase as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.WAITING.name}"]
    for phase, moves in TRANSITIONS.items():
        targets: dict[Phase, list[str]] = {}
        for kind, move in moves.items():
            for target in move.leads_to:
                targets.setdefault(target, []).append(kind.__name__)
        lines += [f"    {phase.name} --> {target.name}: {', '.join(kinds)}" for target, kinds in targets.items()]
    return "\n".join(lines)


def drawn_phases() -> str:
    """The diagram as a block of Markdown."""
    return f"```mermaid\n{phase_diagram()}\n```"


def fact_table() -> str:
    """Which fact is legal in which phase, as a Markdown table; "own" marks the candidate's own acts."""
    kinds: dict[type[Event], None] = {}
    for moves in TRANSITIONS.values():
        kinds.update(dict.fromkeys(moves))
    head = "| fact | " + " | ".join(phase.name for phase in Phase) + " |"
    rows = [head, "|---" * (len(Phase) + 1) + "|"]
    for kind in kinds:
        cells = [_cell(phase, kind) for phase in Phase]
        rows.append(f"| {kind.__name__} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cell(phase: Phase, kind: type[Event]) -> str:
    move = TRANSITIONS[phase].get(kind)
    if move is None:
        return ""
    return "own" if move.is_candidates else "yes"
