"""The service does what its OpenAPI description says, and nothing that schemathesis sends makes it fail.

Requests are generated from the description, in keeping with it and against it, and signed as a cleared PC signs.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from administration.site import extend
from centralstore.description import OCTETS, STATUSES, UNSIGNED
from centralstore.door import MESSAGE_BYTES
from centralstore.service import build_app
from itembank.keyring import KeyFolder
from sync.canonical import MAX_INT, canonical_bytes
from tests.centralstore.place import Pc, Site, enter
from tests.proof import Trial
from tests.stores import Stores

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
HEADERS: Final = ("X-Provrom-Device", "X-Provrom-Time", "X-Provrom-Nonce", "X-Provrom-Signature")
ATTEMPT: Final = "a" * 32


@dataclass
class Service:
    """The application with an open sitting and a cleared PC, and a loop to run it in."""

    site: Site
    pc: Pc
    loop: asyncio.AbstractEventLoop

    @property
    def description(self) -> dict[str, Any]:
        """As it is served."""
        answer = self.run(self.site.http.get("/v1/openapi.json"))
        assert answer.status_code == 200
        plain: dict[str, Any] = answer.json()
        return plain

    def run(self, request: Any) -> httpx.Response:
        """Wait for an answer."""
        answer: httpx.Response = self.loop.run_until_complete(request)
        return answer

    def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> httpx.Response:
        """A request signed by the PC."""
        return self.run(self.pc.ask(method, target, body, **headers))


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, stores: Stores, database_kind: str, authority: KeyFolder, package: bytes
) -> Iterator[Service]:
    with stores.furnished(database_kind, tmp_path_factory.mktemp("openapi")) as folder:
        yield from served(enter(folder, authority, package))


def served(site: Site) -> Iterator[Service]:
    """A service that has taken in some envelopes."""
    loop = asyncio.new_event_loop()
    pc = loop.run_until_complete(site.open_pc("reading"))
    journal = site.journal(pc, ATTEMPT).write_keys(3)
    made = Service(site, pc, loop)
    for envelope in journal.envelopes():
        assert made.ask("POST", "/v1/envelopes", envelope).status_code == 200
    yield made
    loop.run_until_complete(site.http.aclose())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    site.store.close()


def operations(description: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every operation by its method and address."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }


# --- the description --------------------------------------------------------------------------------------------------


def test_every_route_is_described_and_every_description_has_a_route(service: Service) -> None:
    app = build_app(service.site.store)
    routes = {
        f"{method} {route.path}"
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert set(operations(service.description)) == routes
    assert len(routes) > 20


def test_every_model_is_closed_every_number_bounded_and_every_refusal_described(service: Service) -> None:
    description = service.description
    seen = 0
    for schema in walk(description["components"]["schemas"]):
        if schema.get("type") == "object" and "properties" in schema:
            assert schema.get("additionalProperties") is False, schema
            seen += 1
        if schema.get("type") == "integer" and "const" not in schema and "enum" not in schema:
            assert schema.get("maximum", MAX_INT + 1) <= MAX_INT, schema
            assert "minimum" in schema, schema
    assert seen > 3
    for name, operation in operations(description).items():
        assert {str(status) for status in STATUSES} < set(operation["responses"]), name
        for parameter in operation["parameters"]:
            schema = parameter["schema"]
            bounded = "pattern" in schema or {"minimum", "maximum"} <= set(schema)
            assert bounded, f"{name}: {parameter['name']}"
        assert ("requestBody" in operation) == name.startswith("POST "), name


def walk(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all within it."""
    if isinstance(schema, dict):
        yield schema
        for each in schema.values():
            yield from walk(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from walk(each)


def test_what_is_said_to_be_unsigned_is_and_nothing_else(service: Service) -> None:
    for name, operation in operations(service.description).items():
        method, path = name.split()
        told = {each["name"] for each in operation["parameters"] if each["in"] == "header"}
        assert told == (set() if path in UNSIGNED else set(HEADERS)), name
        target = path.replace("{", "").replace("}", "") + query_for(operation)
        answer = service.run(service.site.http.request(method, target, content=b"{}" if method == "POST" else None))
        assert (answer.status_code == 401) == (path not in UNSIGNED), f"{name}: {answer.status_code} {answer.text}"


def query_for(operation: dict[str, Any]) -> str:
    """Values for what an address must have."""
    names = [each["name"] for each in operation["parameters"] if each["in"] == "query" and each["required"]]
    return "?" + "&".join(f"{name}={'1' if name in {'from', 'to', 'index', 'size'} else 's1'}" for name in names)


# --- generated requests -----------------------------------------------------------------------------------------------


def generated(service: Service, name: str) -> Any:
    """The operation as schemathesis sees it; the headers are left to whoever signs."""
    description = json.loads(json.dumps(service.description))
    for operation in operations(description).values():
        operation["parameters"] = [each for each in operation["parameters"] if each["in"] != "header"]
    schema: Any = schemathesis.openapi.from_dict(description)
    found = [each.ok() for each in schema.get_all_operations()]
    return next(each for each in found if f"{each.method.upper()} {each.path}" == name)


def real(service: Service, case: Any, *, is_positive: bool) -> None:
    """Half of what keeps to the description names things that are there, so that it gets behind "not found"."""
    if (
        not is_positive
        or zlib.crc32(repr((case.query, case.path_parameters, case.body)).encode("utf-8", "replace")) % 2
    ):
        return
    known = {"sitting": "s1", "release": "norskprove-test.v1", "attempt": ATTEMPT, "device": service.pc.id}
    for holder in (case.query, case.path_parameters, case.body):
        if isinstance(holder, dict):
            inner = holder.get("body", holder)
            for field, value in known.items():
                if isinstance(inner, dict) and field in inner:
                    inner[field] = value
    if isinstance(case.query, dict) and "wait_ms" in case.query:
        case.query["wait_ms"] = 0


def body_of(service: Service, case: Any) -> bytes:
    """The bytes of a case's body; a signed message is signed by our PC, whatever is in it."""
    arguments = case.as_transport_kwargs()
    if "json" not in arguments:
        data = arguments.get("data", b"")
        return data if isinstance(data, bytes) else str(data).encode("utf-8", "surrogatepass")
    plain = arguments["json"]
    if isinstance(plain, dict) and {"body", "kind", "signature"} == set(plain) and isinstance(plain["kind"], str):
        try:
            signed = service.pc.keys.signing.sign(f"signed/{plain['kind']}", canonical_bytes(plain["body"]))
            return canonical_bytes({**plain, "signature": signed.hex()})
        except Exception:  # noqa: BLE001 - no canonical form, or a kind that is no word: sent as it is
            return json.dumps(plain).encode()
    return json.dumps(plain).encode()


def send(service: Service, case: Any) -> httpx.Response:
    """Send a case as the PC would."""
    arguments = case.as_transport_kwargs()
    url = httpx.URL(f"https://store.test{arguments['url']}", params=arguments.get("params") or None)
    body = body_of(service, case)
    headers = {"Content-Type": case.media_type} if case.media_type else {}
    if url.path in UNSIGNED:
        made = service.site.http.request(arguments["method"], url, content=body or None, headers=headers)
        return service.run(made)
    return service.ask(arguments["method"], url.raw_path.decode("ascii"), body, **headers)


NAMES: Final = (
    *("GET /v1/time", "POST /v1/enrol", "GET /v1/device/sittings", "GET /v1/device/ticket", "GET /v1/device/attempts"),
    *("GET /v1/device/grant", "GET /v1/device/share", "GET /v1/releases/{release}", "GET /v1/orders"),
    *("POST /v1/orders/ack", "POST /v1/progress", "POST /v1/readiness", "POST /v1/trial", "POST /v1/envelopes"),
    *("GET /v1/receipts", "GET /v1/attempts/{attempt}/envelopes", "GET /v1/log/checkpoint", "GET /v1/log/consistency"),
    *("GET /v1/log/inclusion", "GET /v1/metadata/{name}", "GET /v1/device/delegation", "POST /v1/orders/heard"),
    *("GET /v1/relay/standing", "POST /v1/relay/orders", "POST /v1/relay/envelopes", "POST /v1/relay/rows"),
    "POST /v1/relay/return",
)


def test_all_routes_are_tried(service: Service) -> None:
    assert set(NAMES) == set(operations(service.description)) - {"GET /v1/trial"}  # a megabyte of chance each time


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", NAMES)
def test_generated_requests_are_answered_as_described(
    name: str, mode: GenerationMode, service: Service, proof: Callable[..., AbstractContextManager[Trial]]
) -> None:
    operation = generated(service, name)
    has_input = bool(operation.body) or bool(operation.query) or bool(operation.path_parameters)
    is_octets = any(body.media_type == OCTETS for body in operation.body)
    if mode is GenerationMode.NEGATIVE and (not has_input or (is_octets and not operation.query)):
        return  # nothing can be against the description: any bytes are bytes
    with proof(f"schemathesis: {name}, {mode.value}", ci=1, full=400) as trial:
        answers: list[int] = []
        strategy = operation.as_strategy(generation_mode=mode)
        for number in trial.seeds():
            answers += batch(service, strategy, number, is_positive=mode is GenerationMode.POSITIVE)
        trial.tried = len(answers)
        trial.count("faults of the service (5xx)", sum(status >= 500 for status in answers))
        trial.count("accepted", sum(status < 300 for status in answers))
        assert answers
        assert max(answers) < 500


def batch(service: Service, strategy: Any, number: int, *, is_positive: bool) -> list[int]:
    """Send a dozen generated requests and hold each answer against the description; the answers' statuses."""
    answers: list[int] = []

    @seed(number)
    @settings(
        max_examples=12,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(case=strategy)
    def try_all(case: Any) -> None:
        real(service, case, is_positive=is_positive)
        service.site.clock.pass_minutes(0.01)
        answer = send(service, case)
        answers.append(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    try_all()
    return answers


# --- by hand ----------------------------------------------------------------------------------------------------------

ACK: Final = {"applied_at_ms": 1, "device": "", "number": 1, "sitting": "s1"}


@pytest.mark.parametrize("number", ["1", 1.0, True, None, [1], 2**53, -1, 10**400, float("nan")])
def test_a_number_is_a_number_and_nothing_like_one(service: Service, number: object) -> None:
    answer = service.ask("POST", "/v1/orders/ack", json.dumps({**ACK, "number": number}).encode())
    assert (answer.status_code, answer.json()["code"]) == (400, "damaged")
    assert answer.json()["error"].startswith("Acknowledgement: field ")


@pytest.mark.parametrize("value", ["1.0", "true", "0x1", "٣", "-1", "9" * 5000, "9007199254740992", "", "1e3"])
def test_a_number_in_an_address_is_figures_within_bounds(service: Service, value: str) -> None:
    target = str(httpx.URL("/v1/orders", params={"sitting": "s1", "after": value}))
    answer = service.ask("GET", target)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert value not in answer.text or len(value) < 4


@pytest.mark.parametrize(
    "query", ["sitting=s1&after=0&more=1", "sitting=s1&sitting=s2&after=0", "Sitting=s1", "sitting=s1&__proto__=1"]
)
def test_an_unknown_or_doubled_parameter_is_refused(service: Service, query: str) -> None:
    answer = service.ask("GET", f"/v1/orders?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_field")


def test_an_unknown_field_is_refused_and_its_name_not_told(service: Service) -> None:
    told = {**ACK, "device": service.pc.id, "Åse Ødegård": 1}
    answer = service.ask("POST", "/v1/orders/ack", json.dumps(told).encode())
    assert answer.status_code == 400
    assert "Åse" not in answer.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"])
def test_a_method_that_an_address_does_not_take_is_refused(service: Service, method: str) -> None:
    answer = service.ask(method, "/v1/progress")
    assert (answer.status_code, answer.json()["code"]) == (405, "wrong_method")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("target", ["/v1/none", "/v1/", "/v1/time/", "/v2/time", "/v1/releases/a/b", "/v1/%2e%2e/x"])
def test_an_address_that_there_is_none_of_is_told_in_the_same_form(service: Service, target: str) -> None:
    answer = service.ask("GET", target)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_bytes_that_are_no_text_in_an_address_are_refused_not_a_fault(service: Service) -> None:
    messages: list[dict[str, Any]] = []
    for raw, query in ((b"/v1/device/sittings\xff", b""), (b"/v1/device/sittings", b"x=\xff\xfe")):
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/v1/device/sittings",
            "raw_path": raw,
            "query_string": query,
            "headers": [(name.lower().encode(), b"pc") for name in HEADERS],
            "http_version": "1.1",
            "scheme": "https",
            "client": ("127.0.0.1", 1),
            "server": ("store.test", 443),
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def told(message: Any) -> None:
            messages.append(message)

        service.loop.run_until_complete(build_app(service.site.store)(scope, receive, told))
    assert [each["status"] for each in messages if each["type"] == "http.response.start"] == [401, 400]


@pytest.mark.parametrize("length", ["²", "1" * 5000, "-1", "1_0", "+5", " 5", "0x5", str(MESSAGE_BYTES + 1)])
def test_an_announced_length_that_is_none_or_too_large_is_refused_before_reading(service: Service, length: str) -> None:
    headers = httpx.Headers([(b"content-length", length.encode("utf-8"))])
    request = httpx.Request("POST", "https://store.test/v1/enrol", headers=headers, stream=_Unread())
    answer = service.run(service.site.http.send(request))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


class _Unread(httpx.AsyncByteStream):
    """A body that may not be read."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pytest.fail("it was read")
        yield b""


def test_no_content_type_is_believed_and_none_is_needed(service: Service) -> None:
    """What counts is the address; a body of another kind than told is refused for what it is."""
    report = service.pc.report(attempt="b" * 32)
    for content_type in ("text/html", "application/xml", "multipart/form-data; boundary=x", ""):
        assert service.ask("POST", "/v1/progress", b"<a/>", **{"Content-Type": content_type}).status_code == 400
    assert service.ask("POST", "/v1/progress", report, **{"Content-Type": "text/plain"}).status_code == 200


def test_every_answer_says_that_it_is_no_page_and_not_to_be_kept(service: Service) -> None:
    answers = [
        service.ask("GET", "/v1/device/sittings"),
        service.ask("GET", "/v1/device/ticket?sitting=s1"),
        service.ask("GET", "/v1/releases/norskprove-test.v1"),
        service.ask("GET", "/v1/none"),
        service.ask("PUT", "/v1/time"),
        service.ask("POST", "/v1/orders/ack", b"{"),
        service.run(service.site.http.get("/v1/device/sittings")),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 404, 405, 400, 401]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers


# --- the staff's forms ------------------------------------------------------------------------------------------------

FORMS: Final = (
    *("/login", "/language", "/logout", "/sittings/s1/day-code", "/sittings/s1/do/open", "/sittings/s1/do/none"),
    *("/sittings/s1/seats/100234/unlock", "/sittings/s1/seats/100234/extra_time", "/sittings/s1/seats/none/none"),
)
BODIES: Final = (
    (b"", "application/x-www-form-urlencoded"),
    (b"csrf=wrong&act=unlock", "application/x-www-form-urlencoded"),
    (b"{}", "application/json"),
    (b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\na\r\n--x--', "multipart/form-data; boundary=x"),
    (b"\xff\xfe\x00", "application/octet-stream"),
    (b"&".join(b"f%d=1" % number for number in range(500)), "application/x-www-form-urlencoded"),
    (b"csrf=%ff%fe&user=%00", "application/x-www-form-urlencoded"),
    (b"a" * 40_000, "application/x-www-form-urlencoded"),
)


@pytest.mark.parametrize("target", FORMS)
def test_a_form_without_its_token_of_another_kind_or_too_long_is_refused(service: Service, target: str) -> None:
    app = build_app(service.site.store)
    extend(app, service.site.store)
    token = service.site.store.start_session(service.site.leader)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)

    async def post_all() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=transport, base_url="https://store.test") as browser:
            browser.cookies.set("__Host-provrom", token, domain="store.test", path="/")
            return [
                await browser.post(target, content=body, headers={"Content-Type": kind, "Origin": origin})
                for body, kind in BODIES
                for origin in ("https://store.test", "https://elsewhere.test")
            ]

    answers: list[httpx.Response] = service.loop.run_until_complete(post_all())
    assert {answer.status_code for answer in answers} <= {400, 403, 413, 429}
    assert all(answer.headers["content-type"].startswith("text/html") for answer in answers)
    assert all("default-src 'none'" in answer.headers["content-security-policy"] for answer in answers)
