"""The PCs: what the acts in the log say of each, and whether it was let deliver when its envelopes came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from verifier.bundle import Bundle
from verifier.canonical import Fields
from verifier.errors import need
from verifier.journal import Kept
from verifier.report import Report


@dataclass(frozen=True)
class Act:
    """Something that was done to a PC, at its place in the log; ``state`` is what the PC was from then on."""

    index: int
    act: str
    device: str
    state: str
    detail: Fields
    user: str


def check_devices(
    bundle: Bundle,
    audit: Sequence[Mapping[str, object]],
    places: Mapping[str, int],
    kept: Sequence[Kept],
    report: Report,
) -> None:
    """Hold the list of PCs, and the place of each envelope in the log, against the acts on PCs.

    Args:
        bundle: the bundle.
        audit: the contents of audit.json.
        places: "kind ref" → index of what is in the log.
        kept: the envelopes, each with its index.
        report: gets what is wrong.
    """
    acts = _acts(audit, places, bundle.sitting, report)
    if not any(act.state for act in acts):
        report.unchecked.append(
            "PCs against the log: no act on them is in it, so their keys and states are the store's word"
        )
        return
    for name, device in bundle.devices.items():
        with report.checking("PCs as enrolled, cleared and revoked", f"PC '{name}'"):
            mine = [act for act in acts if act.device == name and act.state]
            enrolled = [act.detail for act in mine if act.act == "enrol"]
            need(len(enrolled) == 1, f"{len(enrolled)} acts in the log enrolled it, where one must")
            keys = enrolled[0].text("x25519"), enrolled[0].text("ed25519")
            need(keys == (device.x25519, device.ed25519), "its keys are not those that it was enrolled with")
            need(mine[-1].state == device.state, f"it is {device.state}, and by the acts in the log {mine[-1].state}")
    let_in: Counter[Act] = Counter()
    for each in kept:
        with report.checking("envelopes of PCs that might deliver", each.stem):
            permit = _permit(acts, each)
            let_in.update([permit] if permit.act == "accept_evidence" else [])
    for act, count in let_in.items():
        why = f"{act.user} let them in as evidence: {str(act.detail.plain.get('reason'))[:200]}"
        report.notes.append(f"PC '{act.device}': {count} envelopes came after it was revoked; {why}")


def _acts(audit: Sequence[Mapping[str, object]], places: Mapping[str, int], sitting: str, report: Report) -> list[Act]:
    """The acts on PCs, along the log."""
    acts: list[Act] = []
    for row in audit:
        name = f"audit {row.get('id')}"
        is_here = row.get("act") == "accept_evidence" and row.get("sitting") == sitting
        if (
            name in places
            and row.get("is_allowed") is True
            and (is_here or row.get("act") in {"enrol", "manage_devices"})
        ):
            with report.checking("acts on PCs read", name[:200]):
                act = Fields(row, "an act")
                detail = act.object("detail")
                if "device" in detail:
                    states = {"enrol": "enrolled", "accept_evidence": ""}
                    kind = act.text("act")
                    state = states[kind] if kind in states else detail.text("state")
                    acts.append(Act(places[name], kind, detail.text("device"), state, detail, act.text("user")))
    return sorted(acts, key=lambda act: act.index)


def _permit(acts: Sequence[Act], each: Kept) -> Act:
    """The act by which an envelope could come: that which cleared its PC, or which let in what a revoked one held.

    Raises:
        WrongError: there is none before it in the log.
    """
    device = each.envelope.segment.device
    before = [act for act in acts if act.device == device and act.index < each.index]
    standing = [act for act in before if act.state]
    state = standing[-1].state if standing else "not enrolled"
    if state == "revoked":
        need(before[-1].act == "accept_evidence", f"it came when PC '{device}' was revoked, and nobody let it in")
        return before[-1]
    need(state == "cleared", f"it came when PC '{device}' was {state}")
    return standing[-1]
