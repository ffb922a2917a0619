"""Forwarding: a relay brings what it keeps of borrowed sittings to the central store, exactly once, whenever it can.

Everything is asked for anew at each run (what has no receipt, what was told otherwise before) and every step is kept
before the next, so a kill at any point, on either side, costs only sending again; the central store keeps once.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Final, Self

import httpx
from pydantic import BaseModel, Field, ValidationError

from centralstore.errors import SurroundingsError
from centralstore.relay.loan import StorePublic
from centralstore.relay.rows import RelayStanding, Telling
from centralstore.store import Store
from sync.canonical import canonical_bytes, plain_of
from sync.errors import SyncDataError
from sync.keys import VerifyKey
from sync.receipt import verify_receipt
from sync.segment import Count

CONNECT_S: Final = 3.0
READ_S: Final = 10.0
TURN_S: Final = 5.0
LONGEST_PAUSE_S: Final = 300.0

_LOG: Final = logging.getLogger("centralstore")


class _Time(BaseModel):
    """The central store's time; whatever else it tells with it is passed over."""

    utc_ms: Count


class _Refusal(BaseModel):
    """Why the central store refuses."""

    error: Annotated[str, Field(min_length=1, max_length=2000)]


class CentralAwayError(SurroundingsError):
    """The central store does not answer: no line, or it is down."""

    code = "central_away"

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(
            f"The central store at {url} cannot be reached: {cause}. Everything is kept here; forward again later."
        )


class CentralRefusedError(SurroundingsError):
    """The central store answered no; its own sentence is told."""

    code = "central_refused"

    def __init__(self, url: str, status: int, sentence: str) -> None:
        self.answered = status
        super().__init__(f"The central store at {url} refused ({status}): {sentence}")


@dataclass(slots=True)
class Forwarded:
    """What one run brought over, and what the central store would not take: its sentences."""

    envelopes: int = 0
    conflicts: int = 0
    orders: int = 0
    rows: int = 0
    is_returned: bool = False
    refused: dict[str, str] = field(default_factory=dict[str, str])


class CentralLine:
    """A relay's connection to the central store: TLS 1.3, its CA alone trusted, every request signed by the relay."""

    def __init__(
        self, store: Store, central: StorePublic, *, url: str = "", transport: httpx.BaseTransport | None = None
    ) -> None:
        self._store = store
        self.url = (url or central.url).rstrip("/")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(cadata=central.ca_pem)
        self._http = httpx.Client(
            verify=context,
            transport=transport,
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
            trust_env=False,
            follow_redirects=False,
        )
        self._offset_ms = 0

    def __enter__(self) -> Self:
        try:
            told = self._asked("GET", "/v1/time", b"", {})
        except BaseException:
            self._http.close()
            raise
        self._offset_ms = _told_time(told) - self._store.now_ms()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ask(self, method: str, target: str, body: bytes = b"", *, accepted: tuple[int, ...] = (200,)) -> httpx.Response:
        """A signed request.

        Raises:
            CentralAwayError: no answer.
            CentralRefusedError: another status than those accepted.
        """
        now_ms = self._store.now_ms() + self._offset_ms
        headers = self._store.sign_relay_request(method=method, path=target, body=body, now_utc_ms=now_ms)
        return self._asked(method, target, body, headers, accepted)

    def _asked(
        self, method: str, target: str, body: bytes, headers: dict[str, str], accepted: tuple[int, ...] = (200,)
    ) -> httpx.Response:
        try:
            answer = self._http.request(method, self.url + target, content=body or None, headers=headers)
        except (httpx.HTTPError, ssl.SSLError, OSError) as error:
            raise CentralAwayError(self.url, str(error) or type(error).__name__) from error
        if answer.status_code not in accepted:
            raise CentralRefusedError(self.url, answer.status_code, _sentence(answer))
        return answer


def forward(store: Store, sitting: str, *, url: str = "", transport: httpx.BaseTransport | None = None) -> Forwarded:
    """Bring everything of one borrowed sitting over that is not there yet.

    Args:
        store: the relay.
        sitting: a borrowed one.
        url: where the central store is, if not where its public file says.
        transport: another way to reach it (in-process in tests).

    Raises:
        NotFoundError: the sitting was not borrowed.
        CentralAwayError: no answer; what was brought so far is kept there.
        CentralRefusedError: it does not take orders, rows or the return.
    """
    central = store.central_of(sitting)
    done = Forwarded()
    with CentralLine(store, central, url=url, transport=transport) as line:
        standing = _heeded(store, line, sitting)
        _forward_orders(store, line, standing, done)
        _forward_envelopes(store, line, sitting, VerifyKey.from_hex(central.receipt_key), done)
        _forward_rows(store, line, sitting, done)
        _forward_return(store, line, sitting, done)
    return done


def contact(store: Store, sitting: str, *, transport: httpx.BaseTransport | None = None) -> None:
    """Ask the central store how a borrowed sitting stands and who was shut out, though there is nothing to bring.

    Raises:
        NotFoundError: the sitting was not borrowed.
        CentralAwayError: no answer.
        CentralRefusedError: it does not know this relay.
    """
    with CentralLine(store, store.central_of(sitting), transport=transport) as line:
        _heeded(store, line, sitting)


def _heeded(store: Store, line: CentralLine, sitting: str) -> RelayStanding:
    """What the central store says of a sitting; it is obeyed before anything is brought."""
    told = line.ask("GET", f"/v1/relay/standing?sitting={sitting}").content
    try:
        standing = RelayStanding.model_validate_json(told)
    except ValidationError as error:
        raise CentralAwayError(line.url, "its answer has another form") from error
    for sentence in store.heed(sitting, standing):
        _LOG.warning("%s", sentence)
    return standing


def _forward_orders(store: Store, line: CentralLine, standing: RelayStanding, done: Forwarded) -> None:
    """Orders after the last that is there; all of them where the central store's list is another one."""
    sitting = standing.sitting
    is_same = store.order_sha256(sitting, standing.last_order) == standing.last_order_sha256
    after = standing.last_order if is_same else 0
    while (found := store.orders_after(sitting, after)) is not None:
        data, last = found
        line.ask("POST", "/v1/relay/orders", data)
        done.orders += last - after
        after = last


def _forward_envelopes(store: Store, line: CentralLine, sitting: str, receipt_key: VerifyKey, done: Forwarded) -> None:
    while unsent := store.unsent_envelopes(sitting, without=tuple(done.refused)):
        for envelope in unsent:
            try:
                answer = line.ask("POST", "/v1/relay/envelopes", envelope.data, accepted=(200, 409))
                receipt = verify_receipt(answer.content, receipt_key)
            except CentralRefusedError as error:
                if error.answered >= 500:  # noqa: PLR2004 - HTTP's own border: its disk, not this envelope
                    raise
                done.refused[envelope.sha256] = str(error)
                continue
            except SyncDataError as error:
                done.refused[envelope.sha256] = str(error)
                continue
            if receipt.sha256 != envelope.sha256 and not receipt.is_conflict:
                done.refused[envelope.sha256] = "The central store's receipt names another envelope."
                continue
            store.keep_central_receipt(sitting, envelope.sha256, answer.content, is_conflict=receipt.is_conflict)
            done.envelopes += 1
            done.conflicts += receipt.is_conflict


def _forward_rows(store: Store, line: CentralLine, sitting: str, done: Forwarded) -> None:
    while rows := store.untold_rows(sitting):
        line.ask("POST", "/v1/relay/rows", canonical_bytes(plain_of(Telling(sitting=sitting, rows=rows))))
        store.note_told(sitting, rows)
        done.rows += len(rows)


def _forward_return(store: Store, line: CentralLine, sitting: str, done: Forwarded) -> None:
    view = store.borrowing(sitting)
    if view is None or not view.is_returned:
        return
    if not view.is_return_known:
        line.ask("POST", f"/v1/relay/return?sitting={sitting}", store.returned(sitting))
        store.note_return_known(sitting)
    done.is_returned = True


@contextmanager
def forwarding(
    store: Store, *, turn_s: float = TURN_S, transport: httpx.BaseTransport | None = None
) -> Generator[None]:
    """While the service runs, forward whatever is borrowed; the pause doubles while the central store is away.

    Args:
        store: the relay, or any other store: then there is nothing to do.
        turn_s: the shortest pause, in seconds.
        transport: as in `forward`.
    """
    stopping = threading.Event()
    work = (store, stopping, turn_s, transport)
    thread = threading.Thread(target=_keep_forwarding, args=work, name="forwarding", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _keep_forwarding(
    store: Store, stopping: threading.Event, turn_s: float, transport: httpx.BaseTransport | None
) -> None:
    pause_s = turn_s
    brought: dict[str, int] = {}
    while not stopping.wait(pause_s):
        try:
            _forward_all(store, transport, brought)
            pause_s = turn_s
        except SurroundingsError as error:
            _LOG.info("%s", error)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        except Exception:  # noqa: BLE001 - whatever it was, the next turn may bring the answers over
            _LOG.exception("forwarding goes on after a fault")
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def _forward_all(store: Store, transport: httpx.BaseTransport | None, brought: dict[str, int]) -> None:
    """Forward every sitting in which something changed since it was ``brought`` over (by sitting, the bell's count).

    Of one in which nothing did, and which is given here, the central store is asked all the same.
    """
    for view in store.borrowings():
        count = store.bell.version(f"room/{view.sitting}")
        if brought.get(view.sitting) == count:
            if not view.is_returned:
                contact(store, view.sitting, transport=transport)
            continue
        done = forward(store, view.sitting, transport=transport)
        if not done.refused:
            brought[view.sitting] = count
        for sentence in done.refused.values():
            _LOG.warning("%s", sentence)


def _told_time(answer: httpx.Response) -> int:
    try:
        return _Time.model_validate_json(answer.content).utc_ms
    except ValidationError as error:
        raise CentralAwayError(str(answer.url), "its answer has another form") from error


def _sentence(answer: httpx.Response) -> str:
    try:
        return _Refusal.model_validate_json(answer.content).error
    except ValidationError:
        return "the answer gave no reason"
