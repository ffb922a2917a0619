"""The PC's client against a real TLS server: pinned CA, signed requests, one clear error for each kind of failure."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import ipaddress
import json
import os
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sync.client import MAX_ANSWER_BYTES, StoreClient
from sync.errors import DamagedError, StoreRefusedError, StoreUnreachableError
from sync.requests import SeenNonces, verify_request
from sync.tls import StoreContext
from tests.sync.examples import NOW, device

PC = device("pc-07")
Key = ec.EllipticCurvePrivateKey


def certificate(name: str, signer: tuple[x509.Certificate, Key] | None = None) -> tuple[x509.Certificate, Key]:
    """A CA (no signer) or a server certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, issuer_key = (subject, key) if signer is None else (signer[0].subject, signer[1])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if signer is None:
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer_key, hashes.SHA256()), key


def pem(made: tuple[x509.Certificate, Key], folder: Path, name: str) -> tuple[Path, Path]:
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    cert.write_bytes(made[0].public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        made[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return cert, key


@dataclass
class Store:
    """A small real HTTPS server; ``answers`` says what each path answers, ``seen`` what came."""

    url: str
    ca: Path
    other_ca: Path
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    elsewhere: str = ""
    slowly: dict[str, Callable[[], tuple[int, bytes]]] = field(default_factory=dict)

    def client(self, ca: Path | None = None) -> StoreClient:
        return StoreClient(self.url, self.ca if ca is None else ca, "pc-07", PC, now_utc_ms=lambda: NOW)


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    yield from served(tmp_path, ssl.TLSVersion.TLSv1_3)


@pytest.fixture
def old_store(tmp_path: Path) -> Generator[Store]:
    yield from served(tmp_path, ssl.TLSVersion.TLSv1_2)


def served(folder: Path, newest: ssl.TLSVersion) -> Generator[Store]:
    ca, other = certificate("Prøverom CA"), certificate("Another CA")
    ca_file, _ = pem(ca, folder, "ca")
    other_file, _ = pem(other, folder, "other")
    server_cert, server_key = pem(certificate("store", ca), folder, "store")
    made = Store("", ca_file, other_file)

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.seen.append((self.command, self.path, dict(self.headers), body))
            path = self.path.partition("?")[0]
            slow = made.slowly.get(path)
            status, content = slow() if slow else made.answers.get(path, (404, b"not here"))
            self.send_response(status)
            if made.elsewhere:
                self.send_header("Location", made.elsewhere)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer  # noqa: N815 (the base class names them so)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    context.load_cert_chain(server_cert, server_key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda request, client_address: None
    made.url = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_request_is_signed_so_that_the_store_can_verify_it(store: Store) -> None:
    store.answers = {"/v1/orders": (200, b"orders"), "/v1/envelopes": (200, b"receipt")}
    with store.client() as client:
        assert client.orders("oslo-a", after=3, wait_ms=0) == b"orders"
        assert client.deliver(b"PVRMENV1...") == b"receipt"
    nonces = SeenNonces()
    for method, path, headers, body in store.seen:
        assert verify_request(headers, method, path, body, PC.signing.public, NOW, nonces) == "pc-07"
    assert store.seen[0][1] == "/v1/orders?sitting=oslo-a&after=3&wait_ms=0"
    assert store.seen[1][3] == b"PVRMENV1..."


def test_a_store_with_another_ca_is_not_spoken_to(store: Store) -> None:
    store.answers = {"/v1/time": (200, b'{"utc_ms":1}')}
    with store.client(store.other_ca) as client, pytest.raises(StoreUnreachableError, match="certificate"):
        client.synchronise()
    assert store.seen == []


def test_a_pc_is_sent_nowhere_else(store: Store) -> None:
    """A signed request, or an envelope, followed to another address would be in other hands."""
    store.elsewhere = f"{store.url}/v1/elsewhere"
    store.answers = {"/v1/elsewhere": (200, b"[]")}
    for status in (301, 302, 303, 307, 308):
        store.answers |= dict.fromkeys(("/v1/device/sittings", "/v1/envelopes"), (status, b""))
        with store.client() as client:
            with pytest.raises(StoreRefusedError):
                client.sittings()
            with pytest.raises(StoreRefusedError):
                client.deliver(b"PVRMENV1...")
    assert {path for _, path, _, _ in store.seen} == {"/v1/device/sittings", "/v1/envelopes"}


def test_a_store_that_only_speaks_older_tls_is_not_spoken_to(old_store: Store) -> None:
    with old_store.client() as client, pytest.raises(StoreUnreachableError):
        client.synchronise()
    assert old_store.seen == []


def test_a_store_that_is_away_is_unreachable_and_one_that_refuses_is_quoted(store: Store) -> None:
    away = StoreClient("https://127.0.0.1:1", store.ca, "pc-07", PC, now_utc_ms=lambda: NOW)
    with away, pytest.raises(StoreUnreachableError, match="Work goes on here and is delivered later"):
        away.sittings()
    told = b'{"code":"not_open","error":"Sitting oslo-a is not opened yet. Ask the test leader."}'
    store.answers = {"/v1/device/share": (409, told), "/v1/device/ticket": (500, b"<html>")}
    with store.client() as client:
        with pytest.raises(StoreRefusedError, match="Sitting oslo-a is not opened yet") as refused:
            client.share("oslo-a")
        assert (refused.value.status, refused.value.code) == (409, "not_open")
        with pytest.raises(StoreRefusedError, match="The answer gave no reason"):
            client.ticket("oslo-a")


def test_the_clock_is_set_by_the_store(store: Store) -> None:
    store.answers = {"/v1/time": (200, json.dumps({"utc_ms": NOW + 90_000}).encode()), "/v1/progress": (200, b"")}
    with store.client() as client:
        assert client.synchronise() == NOW + 90_000
        assert client.offset_ms == 90_000
        client.progress(b"{}")
    assert store.seen[-1][2]["X-Provrom-Time"] == str(NOW + 90_000)


def test_a_clock_that_the_store_sets_is_corrected_once_and_only_once(store: Store) -> None:
    """Otherwise a PC that is an hour wrong would sign an hour wrong to the other side, and be refused."""
    shown = [NOW - 3_600_000]

    def set_clock(utc_ms: int) -> None:
        shown[0] = utc_ms

    store.answers = {"/v1/time": (200, json.dumps({"utc_ms": NOW}).encode()), "/v1/progress": (200, b"")}
    with StoreClient(store.url, store.ca, "pc-07", PC, now_utc_ms=lambda: shown[0]) as client:
        for found in (3_600_000, 0):
            assert client.synchronise(set_clock) == NOW
            assert client.offset_ms == found
            client.progress(b"{}")
            assert store.seen[-1][2]["X-Provrom-Time"] == str(NOW)


def test_a_file_of_the_list_that_is_not_there_is_none_and_a_refusal_is_told(store: Store) -> None:
    refused = json.dumps({"error": "This PC is not cleared.", "code": "unknown_device"}).encode()
    store.answers = {
        "/v1/metadata/timestamp.json": (200, b"{}"),
        "/v1/metadata/2.root.json": (404, json.dumps({"error": "None.", "code": "not_found"}).encode()),
        "/v1/metadata/3.root.json": (403, refused),
        "/v1/metadata/4.root.json": (200, b" " * (2**20 + 1)),
    }
    with StoreClient(store.url, store.ca, "pc-07", PC, now_utc_ms=lambda: NOW) as client:
        assert client.metadata("timestamp.json") == b"{}"
        assert client.metadata("2.root.json") is None
        with pytest.raises(StoreRefusedError, match="This PC is not cleared"):
            client.metadata("3.root.json")
        with pytest.raises(DamagedError, match="longer than 1048576 bytes"):
            client.metadata("4.root.json")


def test_enrolment_gives_the_id_and_the_trusted_keys(store: Store) -> None:
    keys = dict.fromkeys(("order_key", "ticket_key", "receipt_key"), "ab" * 32)
    store.answers = {"/v1/enrol": (200, json.dumps({"device_id": "pc-99", "time_ms": NOW, **keys}).encode())}
    client = StoreClient(store.url, store.ca, "", PC, now_utc_ms=lambda: NOW)
    with client:
        assert client.enrol("token", "PC 99").device_id == "pc-99"
    sent = json.loads(store.seen[0][3])
    assert sent == {
        "token": "token",
        "name": "PC 99",
        "x25519": PC.box.public.hex,
        "ed25519": PC.signing.public.hex,
    }
    assert "X-Provrom-Signature" not in store.seen[0][2]


def test_an_answer_that_is_too_long_or_not_what_was_agreed_is_refused(store: Store) -> None:
    store.answers = {
        "/v1/device/ticket": (200, bytes(MAX_ANSWER_BYTES + 1)),
        "/v1/time": (200, b'{"utc_ms":"1"}'),
        "/v1/attempts/a1/envelopes": (200, b'["???"]'),
    }
    with store.client() as client:
        with pytest.raises(DamagedError, match="longer than"):
            client.ticket("oslo-a")
        with pytest.raises(DamagedError, match="does not have the form agreed on"):
            client.synchronise()
        with pytest.raises(DamagedError, match="not base64"):
            client.envelopes("a1")


def test_an_answer_that_drips_is_given_up_and_one_that_comes_slowly_is_not() -> None:
    drop = threading.Event()

    def dripping(pieces: int, size: int) -> httpx.MockTransport:
        def stream() -> Generator[bytes]:
            for _ in range(pieces):
                drop.wait(0.02)
                yield b"x" * size

        return httpx.MockTransport(lambda _request: httpx.Response(200, content=stream()))

    def client(transport: httpx.BaseTransport) -> StoreClient:
        keys = device("pc-07")
        return StoreClient(
            "https://store", None, "pc-07", keys, now_utc_ms=lambda: NOW, transport=transport, read_s=0.1
        )

    with client(dripping(10_000, 1)) as slow, pytest.raises(StoreUnreachableError, match="its answer comes too slowly"):
        slow.ticket("s1")
    with client(dripping(20, 4096)) as steady:
        assert len(steady.package("r1")) == 20 * 4096


@pytest.fixture
def dripping_store(tmp_path: Path) -> Generator[tuple[Store, list[int]]]:
    """A real TLS server that sends the head of its answer a byte at a time, for ever; and how many bytes it sent."""
    ca = certificate("Prøverom CA")
    ca_file, _ = pem(ca, tmp_path, "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pem(certificate("store", ca), tmp_path, "store"))
    over, sent = threading.Event(), [0]
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            with contextlib.suppress(OSError):
                plain, _ = listening.accept()
                with context.wrap_socket(plain, server_side=True) as line:
                    line.recv(65_536)
                    line.sendall(b"HTTP/1.1 200 OK\r\nX-Endless: ")
                    while not over.wait(0.02):
                        line.sendall(b"x")
                        sent[0] += 1

        thread = threading.Thread(target=drip)
        thread.start()
        yield Store(f"https://127.0.0.1:{listening.getsockname()[1]}", ca_file, ca_file), sent
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_an_answer_whose_head_drips_is_given_up(dripping_store: tuple[Store, list[int]]) -> None:
    """Every byte starts a timeout anew: without an end to the whole, this would wait for ever."""
    store, sent = dripping_store
    with (
        StoreClient(store.url, store.ca, "pc-07", PC, now_utc_ms=lambda: NOW, connect_s=30.0, read_s=1.0) as client,
        pytest.raises(StoreUnreachableError),
    ):
        client.synchronise()
    assert sent[0] > 0


def test_whoever_waits_for_an_answer_is_told_that_another_thread_hung_up_and_keeps_its_socket_until_then(
    store: Store,
) -> None:
    """A socket closed under a waiting thread gives its number away: it would read and write another's bytes."""
    told: list[str] = []
    is_asked, may_answer = threading.Event(), threading.Event()

    def waiting() -> tuple[int, bytes]:
        is_asked.set()
        may_answer.wait(60)
        return 200, b"[]"

    store.slowly["/v1/device/sittings"] = waiting
    with store.client() as client:

        def ask() -> None:
            with pytest.raises(StoreUnreachableError) as refused:
                client.sittings()
            told.append(str(refused.value))

        thread = threading.Thread(target=ask)
        thread.start()
        assert is_asked.wait(60)
        assert client.hang_up()
        thread.join(60)
        assert told, "it still waits"
        may_answer.set()


def test_a_line_that_is_reset_before_the_handshake_leaves_no_socket_open(store: Store) -> None:
    """What `SSLContext.wrap_socket` of Python 3.11 leaves open then, nobody else could close."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        plain = socket.create_connection(listening.getsockname())
        other, _ = listening.accept()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        other.close()  # with RST
        poll = select.poll()
        poll.register(plain)
        assert wait_for(poll, select.POLLERR)
        number = plain.fileno()
        with pytest.raises(ConnectionResetError) as told:
            StoreContext.trusting(store.ca).wrap_socket(plain, server_hostname="127.0.0.1")
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)  # while the exception, which holds on to the socket, is still here
        assert "before the handshake" in str(told.value)


def wait_for(poll: select.poll, event: int) -> bool:
    """Whether it comes, in half a minute."""
    return any(found & event for _, found in poll.poll(30_000))


def test_a_ca_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("no certificate")
    for path in (tmp_path / "ca.crt", tmp_path / "missing.crt"):
        with pytest.raises(DamagedError, match="CA certificate is damaged"):
            StoreClient("https://127.0.0.1:1", path, "pc-07", PC, now_utc_ms=lambda: NOW)
