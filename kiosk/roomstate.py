"""What is known of the room at one moment, as the conductor reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from itembank.package import Package, PublicPart
    from kiosk.roster import KnownAttempt
    from sync.keys import BoxKey
    from sync.orders import OrderList
    from sync.outbox import Delivered
    from sync.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Receipted:
    """How far an attempt's records have come, and which records were counted: by segment, how many were durable."""

    delivered: Delivered
    counted: Mapping[str, int]

    def covers(self, durable: Mapping[str, int]) -> bool:
        """Whether every record on this disk has its receipt, those in ``durable`` included."""
        is_counted = all(self.counted.get(segment, -1) >= count for segment, count in durable.items())
        return is_counted and self.delivered.is_complete


@dataclass(frozen=True, slots=True)
class RoomState:
    """A snapshot: what is known now.

    ``trouble``: the sentence of the last piece of work that failed and has not succeeded since, "" if none.
    ``is_list_expired``: what the sitting needs cannot be opened, since the list of current releases has run out.
    ``refused_package``: a package that the sitting needs was damaged or is refused, and no good one is here yet.
    ``clock_off_ms``: the store's time minus this PC's own clock, when the store was asked last; 0 before that.
    ``compared``: how often all receipts were held against a store that may have lost something.
    """

    ticket: Ticket | None = None
    orders: OrderList | None = None
    public: Mapping[str, PublicPart] = field(default_factory=dict[str, "PublicPart"])
    packages: Mapping[str, Package] = field(default_factory=dict[str, "Package"])
    recovery: BoxKey | None = None
    attempts: tuple[KnownAttempt, ...] = ()
    handovers: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict[str, "tuple[bytes, ...]"])
    delivered: Mapping[str, Receipted] = field(default_factory=dict[str, Receipted])
    is_online: bool = False
    contact_ms: int = 0
    trouble: str = ""
    is_list_expired: bool = False
    refused_package: bool = False
    clock_off_ms: int = 0
    compared: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """A journal being written: how many of its records are durable, asked for when envelopes are packed."""

    attempt: str
    durable_counts: Callable[[], Mapping[str, int]]
