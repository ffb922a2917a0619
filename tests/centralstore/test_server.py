"""The store as its owner runs it: a process of its own, TLS on loopback, commands beside it, stopped by a signal."""

from __future__ import annotations

import contextlib
import io
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from centralstore.commands import main
from centralstore.errors import SetUpError
from centralstore.folder import init_folder
from centralstore.server import listening
from itembank.grants import grant_sitting, read_devices, write_grants
from itembank.keyring import KeyFolder
from sync.client import StoreClient
from sync.errors import StoreRefusedError, StoreUnreachableError
from sync.keys import BoxPublic, DeviceKeys, VerifyKey
from sync.orders import OrderList
from sync.outbox import Outbox
from sync.passwords import TEST_COST
from sync.requests import sign_request
from sync.segment import Binding, recovery_recipient
from sync.writer import Disk, JournalWriter
from tests.centralstore.place import DAY_MS, RELEASE, events_of
from tests.strategies import running

PATIENT = """
from centralstore import door, server, service
server.CLOSING_SECONDS = door.BODY_SECONDS = 300.0
service.LONGEST_WAIT_MS = 300_000
"""
"""Put before `RUN`: a store that waited for anything at its end would wait for five minutes."""

ROOT = Path(__file__).resolve().parents[2]
RUN = "import sys; from centralstore.commands import main; sys.exit(main(sys.argv[1:]))"
TODAY = time.strftime("%Y-%m-%d", time.gmtime())
PEOPLE = f"""\
user,name,password,role,site,room
lars,Lars Vik,en lang setning,test_leader,oslo,r1

number,name,protected,login,password
100234,Amina Yusuf,no,amina,blå stol 41

sitting,site,room,date,utc_offset,programme,releases,test_leader,parts
s1,oslo,r1,{TODAY},+00:00,norskprove-test,{RELEASE},lars,reading 00:00-23:00

sitting,candidate,seat,parts
s1,100234,7,reading
"""


@dataclass
class Service:
    """A running store."""

    folder: Path
    keys: KeyFolder
    process: subprocess.Popen[str]
    url: str

    def command(self, *words: str) -> str:
        """A command in this process, which finds the store held by the service and asks there."""
        told, wrong = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(wrong):
            status = main(words)
        assert status == 0, wrong.getvalue()
        return told.getvalue()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def start(folder: Path, before: str = "") -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", before + RUN, "run", str(folder), "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    told = process.stdout.readline()
    found = re.search(r"https://\S+", told)
    assert found is not None, process.stderr.read() if process.stderr else told
    return process, found[0]


@pytest.fixture
def service(request: pytest.FixtureRequest, tmp_path: Path, authority: KeyFolder, package: bytes) -> Iterator[Service]:
    folder = tmp_path / "store"
    init_folder(folder, content_key=authority.signing_key().public.hex, cost=TEST_COST)
    process, url = start(folder, getattr(request, "param", ""))
    made = Service(folder, authority, process, url)
    (tmp_path / "release.provrom").write_bytes(package)
    (tmp_path / "people.csv").write_text(PEOPLE, encoding="utf-8")
    try:
        made.command("add-release", str(folder), str(tmp_path / "release.provrom"))
        made.command("import", str(folder), str(tmp_path / "people.csv"))
        yield made
    finally:
        process.kill()
        process.communicate()


def now_utc_ms() -> int:
    return time.time_ns() // 1_000_000


def test_a_sitting_runs_over_tls_from_enrolment_to_held_result(service: Service, tmp_path: Path) -> None:
    folder = str(service.folder)
    token = service.command("token", folder, "--sitting", "s1").strip()
    keys = DeviceKeys.create()
    with StoreClient(service.url, service.folder / "ca.pem", "", keys, now_utc_ms=now_utc_ms) as client:
        enrolled = client.enrol(token, "PC 7")
        with pytest.raises(StoreRefusedError, match="not cleared"):
            client.sittings()
        service.command("clear-device", folder, enrolled.device_id)
        service.command("devices", folder, "--sitting", "s1", "--out", str(tmp_path / "devices.json"))
        now = now_utc_ms()
        grants = grant_sitting(
            service.keys, read_devices(tmp_path / "devices.json"), [tmp_path / "release.provrom"],
            now_utc_ms=now, expires_utc_ms=now + DAY_MS,
        )  # fmt: skip
        write_grants(tmp_path / "grants.json", grants)
        service.command("add-grants", folder, str(tmp_path / "grants.json"))
        service.command("open", folder, "s1")
        service.command("start", folder, "s1", "reading")
        orders = OrderList("s1", VerifyKey.from_hex(enrolled.order_key)).extended(client.orders("s1", after=0))
        assert [order.kind for order in orders.orders] == ["open", "start_part"]
        recipients = [
            *service.keys.custodians().recipients(),
            recovery_recipient(BoxPublic(service.keys.secrets("s1").recovery.public.raw)),
        ]
        journals = tmp_path / "journals"
        journals.mkdir()
        journal = JournalWriter.begin(
            journals, Binding("s1", "a" * 32, enrolled.device_id, RELEASE), recipients, now_utc_ms=now_utc_ms,
            disk=Disk(free_needed=0, reserve_bytes=0, segment_bytes=65_536),
        )  # fmt: skip
        driven = running("reading").take(lambda _attempt: 1)
        for event in events_of(driven, enrolled.device_id):
            journal.append(event, utc_ms=now_utc_ms())
        journal.close()
        outbox = Outbox(journals, device_key=keys.signing, receipt_key=VerifyKey.from_hex(enrolled.receipt_key))
        for parcel in outbox.pending():
            outbox.received(client.deliver(parcel.data))
        assert outbox.delivered("a" * 32).is_complete
        assert len(client.receipts("a" * 32)) >= 1
    assert service.stop() == 0
    scored = service.command("score", folder, "--results-key", str(service.keys.folder / "results-1.key"))
    assert "1 attempts scored, 1 new results held, 0 with findings." in scored
    results = json.loads(service.command("results", folder, "--json"))
    assert [(each["candidate"], each["part"], each["state"]) for each in results] == [("100234", "reading", "held")]
    assert results[0]["data"]["modules"] == ["RM1", "FM-A1A2"]


def test_tls_below_1_3_and_unknown_certificate_are_refused(service: Service, tmp_path: Path) -> None:
    host, port = service.url.removeprefix("https://").split(":")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(service.folder / "ca.pem")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection((host, int(port)), timeout=60) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain, server_hostname=host)
    init_folder(tmp_path / "other", cost=TEST_COST)
    with (
        StoreClient(
            service.url, tmp_path / "other" / "ca.pem", "", DeviceKeys.create(), now_utc_ms=now_utc_ms
        ) as client,
        pytest.raises(StoreUnreachableError),
    ):
        client.synchronise()


def test_the_listening_socket_names_its_protocol_so_that_answers_are_not_held_back(service: Service) -> None:
    with listening("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
    with (
        pytest.raises(SetUpError, match="Choose another port"),
        listening("127.0.0.1", int(service.url.rpartition(":")[2])),
    ):
        pass


def test_a_second_service_on_the_same_store_is_refused_with_a_sentence(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(service.folder), "--port", "0"]) == 1
    assert "another process has this store open" in capsys.readouterr().err


def connected(service: Service) -> ssl.SSLSocket:
    """A bare TLS connection."""
    host, port = service.url.removeprefix("https://").split(":")
    context = ssl.create_default_context(cafile=service.folder / "ca.pem")
    return context.wrap_socket(socket.create_connection((host, int(port)), timeout=60), server_hostname=host)


@pytest.mark.parametrize("service", [PATIENT], indirect=True, ids=["patient"])
def test_the_store_stops_at_once_with_pcs_connected_and_waiting(service: Service) -> None:
    folder, keys, target = str(service.folder), DeviceKeys.create(), "/v1/orders?sitting=s1&wait_ms=300000"
    with StoreClient(service.url, service.folder / "ca.pem", "", keys, now_utc_ms=now_utc_ms) as client:
        device = client.enrol(service.command("token", folder, "--sitting", "s1").strip(), "PC 7").device_id
        service.command("clear-device", folder, device)
        headers = sign_request(
            device=device, key=keys.signing, method="GET", path=target, body=b"", now_utc_ms=now_utc_ms()
        )
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with connected(service) as waiting, connected(service) as slow:
            waiting.sendall(f"GET {target} HTTP/1.1\r\nhost: store\r\n{head}\r\n".encode())
            slow.sendall(b"POST /v1/progress HTTP/1.1\r\nhost: store\r\ncontent-length: 20000\r\n\r\n{")
            client.synchronise()  # both have been read; this connection stays open and idle
            assert service.stop() == 0, "within a minute; what it could wait for lasts five"
            assert waiting.recv(65_536).startswith(b"HTTP/1.1 200")
            with contextlib.suppress(OSError):
                assert slow.recv(65_536) == b""


def test_a_service_that_is_stopped_as_it_starts_ends_in_order(tmp_path: Path) -> None:
    """The address is told a moment before the server listens to signals; five tries, since the moment is short."""
    folder = tmp_path / "store"
    init_folder(folder, cost=TEST_COST)
    for _ in range(5):
        process, _url = start(folder)
        process.send_signal(signal.SIGTERM)
        try:
            _, told = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert (process.returncode, told) == (0, "")
