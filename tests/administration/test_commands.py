"""`./run store run` serves the staff pages beside the kiosks' addresses, over TLS."""

from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path

import httpx

from centralstore.folder import init_folder
from sync.passwords import TEST_COST

ROOT = Path(__file__).parents[2]


def test_the_service_has_the_staff_pages_on_it(tmp_path: Path) -> None:
    made = init_folder(tmp_path / "store", cost=TEST_COST)
    service = subprocess.Popen(
        [sys.executable, "-m", "proverom", "store", "run", str(made.path), "--port", "0"],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert service.stdout is not None
        url = service.stdout.readline().decode().split("at ", 1)[1].split()[0]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(made.ca_file)
        with httpx.Client(base_url=url, verify=context, trust_env=False) as http:
            assert http.get("/v1/time").json()["utc_ms"] > 0
            page = http.get("/login")
            assert (page.status_code, "Logg inn" in page.text) == (200, True)
            assert http.get("/").headers["location"] == "/login"
    finally:
        service.terminate()
        service.communicate(timeout=30)
    assert service.returncode == 0
