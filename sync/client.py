"""StoreClient: the PC's side of the store's HTTP service. TLS 1.3 with its own CA pinned; every request signed.

Two errors: `StoreUnreachableError` (go on, deliver later) and `StoreRefusedError` (with the store's sentence); and
`DamagedError` for an answer that is none. What comes back is bytes or plain data; callers verify signatures with
`sync.ticket`, `sync.orders`, `sync.receipt` and so on.
"""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Final, Self, TypeVar
from urllib.parse import urlencode

import httpx
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from sync.canonical import MAX_INT, Message, canonical_bytes
from sync.errors import DamagedError, StoreRefusedError, StoreUnreachableError
from sync.keys import DeviceKeys
from sync.requests import sign_request
from sync.segment import Hash, Id
from sync.tls import TOO_SLOW, RelayAuthority, StoreContext

CONNECT_S: Final = 3.0
READ_S: Final = 10.0
SLOW_ANSWER: Final = 2
SLOWEST_BYTES_S: Final = 4096
"""Asked and answered in twice the wait for the first bytes, and a second for so many bytes of both: else given up."""
LONG_POLL_MS: Final = 20_000
RELAY_NAME: Final = "localhost"
"""The name that stands in every store's certificate (`centralstore.folder`)."""
MAX_ANSWER_BYTES: Final = 16 * 2**20
MAX_METADATA_BYTES: Final = 2**20
NOT_FOUND: Final = 404

T = TypeVar("T")


class Enrolment(Message):
    """What a PC learns when it is enrolled: its id and the public keys (hexadecimal) it trusts from now on."""

    device_id: Id
    order_key: Hash
    ticket_key: Hash
    receipt_key: Hash
    time_ms: Annotated[int, Field(ge=0, le=MAX_INT)]


class DeviceSitting(Message):
    """A sitting that this PC is cleared for, as the store lists it."""

    sitting: Id
    state: Annotated[str, Field(max_length=32)] = ""
    ticket_version: Annotated[int, Field(ge=0, le=MAX_INT)] = 0


class StoreAttempt(Message):
    """An attempt of a sitting as the PCs told the store of it: whose, in what part, where, and how far."""

    attempt: Id
    candidate: Id
    part: Id
    device: Id
    phase: Annotated[str, Field(max_length=32)]


class _Time(Message):
    utc_ms: Annotated[int, Field(ge=0, le=MAX_INT)]
    log_size: Annotated[int, Field(ge=0, le=MAX_INT)] = 0
    run: Annotated[str, Field(max_length=64)] = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes


class StoreClient:
    """One PC's connection to the store. Used from one thread; a long poll wants a client of its own."""

    def __init__(
        self,
        url: str,
        ca_file: Path | RelayAuthority | None,
        device_id: str,
        device_keys: DeviceKeys,
        *,
        now_utc_ms: Callable[[], int],
        transport: httpx.BaseTransport | None = None,
        connect_s: float = CONNECT_S,
        read_s: float = READ_S,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: ``https://host:port`` of the store.
            ca_file: the store's CA certificate (PEM), pinned at enrolment, or a relay's: no other is trusted.
            device_id: this PC's id ("" before it is enrolled).
            device_keys: this PC's keys.
            now_utc_ms: the clock that requests are signed by; see `synchronise`.
            transport: another way to reach the application (in-process in tests); then ``ca_file`` is not used.
            connect_s, read_s: how long to wait for a connection, and for the next bytes of an answer, in seconds.
        """
        self._url = url.rstrip("/")
        self._device = device_id
        self._keys = device_keys
        self._now_utc_ms = now_utc_ms
        self.offset_ms = self._added_ms = 0
        self.has_gone_back = False
        self.has_begun_anew = False
        self._log_size = 0
        self._run = ""
        self._connect_s, self._read_s = connect_s, read_s
        self._transport = transport
        self._extensions = {"sni_hostname": RELAY_NAME} if isinstance(ca_file, RelayAuthority) else None
        self._tls = StoreContext.trusting(ca_file) if transport is None else None
        self._http = httpx.Client(
            verify=True if self._tls is None else self._tls,
            transport=transport,
            timeout=httpx.Timeout(read_s, connect=connect_s),
            trust_env=False,
            follow_redirects=False,
        )

    def elsewhere(self, url: str, ca_pem: str) -> StoreClient:
        """The same PC's connection to another store: a relay, whose authority a delegation names.

        That authority has made one certificate, the relay's, for ``localhost``, so the address in the room may change:
        the certificate is held against that name.

        Raises:
            DamagedError: ``ca_pem`` holds no certificate.
        """
        return StoreClient(
            url,
            RelayAuthority(ca_pem),
            self._device,
            self._keys,
            now_utc_ms=self._now_utc_ms,
            transport=self._transport,
            connect_s=self._connect_s,
            read_s=self._read_s,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def hang_up(self) -> bool:
        """End what another thread waits for here, which then fails in that thread; whether anything was connected."""
        return self._tls is not None and self._tls.hang_up()

    def close(self) -> None:
        """Close the connections. No other thread may be using them: `hang_up` first, and wait for it."""
        self._http.close()

    # --- enrolment and time -------------------------------------------------------------------------------------------

    def enrol(self, token: str, name: str) -> Enrolment:
        """Enrol this PC with a one-time token; the id is used from now on.

        Raises:
            StoreUnreachableError, StoreRefusedError: as every method here.
            DamagedError: the answer is not one, as every method here that parses.
        """
        body = {
            "token": token,
            "name": name,
            "x25519": self._keys.box.public.hex,
            "ed25519": self._keys.signing.public.hex,
        }
        enrolment = self._parsed(Enrolment, self._post("enrol this PC", "/v1/enrol", canonical_bytes(body)))
        self._device = enrolment.device_id
        return enrolment

    def synchronise(self, set_clock: Callable[[int], object] | None = None) -> int:
        """Ask the store's time (UTC, ms) and sign by it from now on: `offset_ms` is store minus PC, as it was found.

        The answer also says how long the store's log is. One that is shorter than before was restored from a backup:
        `has_gone_back` is True from then on, until the caller sets it to False. It also names the run of the store's
        program: after another one than before `has_begun_anew` is True in the same way, for a log that was put back
        may have grown past its old length before this PC asked.

        Args:
            set_clock: sets the clock that ``now_utc_ms`` reads; None: it stays as it is, and this client adds the
                difference by itself. Never both, or the difference counts twice.
        """
        before = self._now_utc_ms()
        told = self._parsed(_Time, self._get("ask the time", "/v1/time"))
        after = self._now_utc_ms()
        self.offset_ms = self._added_ms = told.utc_ms - (before + after) // 2
        if set_clock is not None:
            set_clock(told.utc_ms + (after - before) // 2)
            self._added_ms = 0
        self.has_gone_back = self.has_gone_back or told.log_size < self._log_size
        self.has_begun_anew = self.has_begun_anew or self._run not in {told.run, ""}
        self._log_size, self._run = told.log_size, told.run
        return told.utc_ms

    # --- what the store has for this PC -------------------------------------------------------------------------------

    def sittings(self) -> tuple[dict[str, Any], ...]:
        """The sittings this PC is cleared for, as the store tells them."""
        return tuple(self._json(list[dict[str, Any]], self._get("list the sittings", "/v1/device/sittings")))

    def ticket(self, sitting: str) -> bytes:
        """The sealed roster ticket (`sync.ticket.open_ticket`)."""
        return self._get("fetch the ticket", "/v1/device/ticket", sitting=sitting)

    def delegation(self, sitting: str) -> bytes:
        """The delegation that holds for a sitting, or the recall of the last one (`sync.delegation`).

        Raises:
            StoreRefusedError: status 404 where it was never lent.
        """
        return self._get("fetch the delegation", "/v1/device/delegation", sitting=sitting, limit=65_536)

    def package(self, release: str) -> bytes:
        """A test package file (`sync.package.decode_package`), of any size up to its own limit."""
        return self._get("fetch the test package", f"/v1/releases/{release}", limit=2**31)

    def metadata(self, name: str) -> bytes | None:
        """A file of the list of current releases (`sync.metadata`), None where the store has none of that name."""
        try:
            return self._get("fetch the list of releases", f"/v1/metadata/{name}", limit=MAX_METADATA_BYTES)
        except StoreRefusedError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def grant(self, sitting: str, release: str) -> bytes:
        """This PC's grant (`sync.release.open_grant`)."""
        return self._get("fetch the grant", "/v1/device/grant", sitting=sitting, release=release)

    def share(self, sitting: str) -> bytes:
        """The release share sealed to this PC (`sync.release.open_device_share`).

        Raises:
            StoreRefusedError: status 409 before OPENED, 410 after CLOSED.
        """
        return self._get("fetch the release share", "/v1/device/share", sitting=sitting)

    def orders(self, sitting: str, *, after: int, wait_ms: int = 0) -> bytes:
        """Orders after a number (`sync.orders.OrderList.extended`); waits up to ``wait_ms`` for one to come."""
        wait_ms = min(wait_ms, LONG_POLL_MS)
        wait_s = wait_ms / 1000
        return self._get(
            "fetch the orders", "/v1/orders", wait_s=wait_s, sitting=sitting, after=str(after), wait_ms=str(wait_ms)
        )

    def attempts(self, sitting: str) -> tuple[StoreAttempt, ...]:
        """The attempts of a sitting that any PC told of, the newest of each candidate and part last."""
        found = self._get("list the attempts", "/v1/device/attempts", sitting=sitting)
        return tuple(self._json(list[StoreAttempt], found))

    # --- what this PC tells the store ---------------------------------------------------------------------------------

    def hear_orders(self, orders: bytes) -> None:
        """Tell the orders that this PC kept (`sync.orders.OrderList.encode`), should a relay or the store lose them."""
        self._post("tell the orders kept here", "/v1/orders/heard", orders)

    def acknowledge(self, sitting: str, number: int, *, applied_at_ms: int) -> None:
        """Tell that an order was applied, at UTC milliseconds."""
        body = {"applied_at_ms": applied_at_ms, "device": self._device, "number": number, "sitting": sitting}
        self._post("acknowledge an order", "/v1/orders/ack", canonical_bytes(body))

    def progress(self, report: bytes) -> None:
        """Send a signed progress report (`sync.progress.sign_progress`)."""
        self._post("report progress", "/v1/progress", report)

    def readiness(self, report: bytes) -> None:
        """Send a signed readiness report (`sync.readiness.sign_readiness`)."""
        self._post("report readiness", "/v1/readiness", report)

    def fetch_trial(self) -> int:
        """Fetch bytes that mean nothing, to measure the way here; how many came."""
        return len(self._get("measure the network", "/v1/trial"))

    def send_trial(self, data: bytes) -> None:
        """Send bytes that mean nothing, to measure the way there; at most `sync.readiness.TRIAL_BYTES`."""
        self._post("measure the network", "/v1/trial", data)

    def deliver(self, envelope: bytes) -> bytes:
        """Send an envelope; the store's signed receipt (`Outbox.received`), also of a conflict (status 409)."""
        answer = self._request("deliver an envelope", "POST", "/v1/envelopes", body=envelope, accepted=(200, 201, 409))
        return answer.body

    def receipts(self, attempt: str) -> tuple[bytes, ...]:
        """All receipts of an attempt, each as signed bytes."""
        told = self._json(list[dict[str, Any]], self._get("fetch the receipts", "/v1/receipts", attempt=attempt))
        return tuple(canonical_bytes(receipt) for receipt in told)

    def envelopes(self, attempt: str) -> tuple[bytes, ...]:
        """The envelopes of an attempt whose hand-over to this PC was permitted by an order."""
        told = self._json(list[str], self._get("fetch the attempt", f"/v1/attempts/{attempt}/envelopes"))
        try:
            return tuple(base64.b64decode(each, validate=True) for each in told)
        except ValueError as error:
            raise DamagedError(what="store's answer", fault="an envelope in it is not base64") from error

    # --- one request --------------------------------------------------------------------------------------------------

    def _get(
        self, action: str, path: str, *, wait_s: float = 0.0, limit: int = MAX_ANSWER_BYTES, **query: str
    ) -> bytes:
        target = f"{path}?{urlencode(query)}" if query else path
        return self._request(action, "GET", target, wait_s=wait_s, limit=limit).body

    def _post(self, action: str, path: str, body: bytes) -> bytes:
        return self._request(action, "POST", path, body=body).body

    def _request(
        self,
        action: str,
        method: str,
        target: str,
        *,
        body: bytes = b"",
        wait_s: float = 0.0,
        limit: int = MAX_ANSWER_BYTES,
        accepted: tuple[int, ...] = (200, 201, 202, 204),
    ) -> _Answer:
        headers = {"Content-Type": "application/octet-stream"}
        if self._device:
            now = self._now_utc_ms() + self._added_ms
            headers |= sign_request(
                device=self._device, key=self._keys.signing, method=method, path=target, body=body, now_utc_ms=now
            )
        if body.startswith(b"{"):
            headers["Content-Type"] = "application/json"
        answer = self._send(method, target, headers, body, wait_s, limit)
        if answer.status not in accepted:
            code, sentence = _refusal(answer.body)
            raise StoreRefusedError(action, status=answer.status, code=code, sentence=sentence)
        return answer

    def _send(
        self, method: str, target: str, headers: dict[str, str], body: bytes, wait_s: float, limit: int
    ) -> _Answer:
        """Send and read at most ``limit`` bytes, which may come slowly but not so slowly that nothing else is done."""
        patience_s = self._read_s + wait_s
        until_s = time.monotonic() + SLOW_ANSWER * patience_s + len(body) / SLOWEST_BYTES_S
        self._wait_until(until_s)
        try:
            with self._http.stream(
                method,
                self._url + target,
                headers=headers,
                content=body or None,
                timeout=httpx.Timeout(patience_s, connect=self._connect_s),
                extensions=self._extensions,
            ) as answer:
                received = bytearray()
                for chunk in answer.iter_bytes():
                    received += chunk
                    if time.monotonic() > until_s + len(received) / SLOWEST_BYTES_S:
                        raise StoreUnreachableError(self._url, TOO_SLOW)
                    if len(received) > limit:
                        raise DamagedError(what="store's answer", fault=f"it is longer than {limit} bytes")
                    self._wait_until(until_s + len(received) / SLOWEST_BYTES_S)
                return _Answer(answer.status_code, bytes(received))
        except (httpx.HTTPError, ssl.SSLError, OSError) as error:
            raise StoreUnreachableError(self._url, str(error) or type(error).__name__) from error

    def _wait_until(self, until_s: float) -> None:
        """Let no wait for bytes last longer, of the head neither, which `httpx` hands over only when it is whole."""
        if self._tls is not None:
            self._tls.until_s = until_s

    def _parsed(self, model: type[T], body: bytes) -> T:
        return self._json(model, body)

    def _json(self, model: type[T], body: bytes) -> T:
        try:
            return TypeAdapter(model).validate_json(body)
        except ValidationError as error:
            raise DamagedError(what="store's answer", fault="it does not have the form agreed on") from error


class _Refusal(BaseModel):
    """The store's ``{"error", "code"}``; whatever else stands there is passed over."""

    error: Annotated[str, Field(max_length=2000)]
    code: Annotated[str, Field(max_length=64)] = ""


def _refusal(body: bytes) -> tuple[str, str]:
    """Code and sentence of a refusal; something readable when the answer is another."""
    try:
        told = _Refusal.model_validate_json(body)
    except ValidationError:
        return "", "The answer gave no reason; ask whoever runs the store to look into its log."
    return told.code, told.error
