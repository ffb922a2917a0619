"""Nothing opens a package before the sitting is opened, and only genuine, current releases are taken."""

from __future__ import annotations

import base64
import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import (
    CannotOpenError,
    DamagedError,
    ExpiredError,
    NotForUsError,
    RollbackError,
    SyncDataError,
    WrongSignatureError,
)
from sync.keys import BoxPublic, DeviceKeys, SigningKey, sha256, sha256_hex
from sync.package import (
    CHUNK_BYTES,
    PackageFile,
    decode_package,
    encode_package,
    open_content,
    open_package,
    seal_content,
    sealed_header,
    sealed_header_of,
    verify_package,
)
from sync.release import (
    Custodians,
    Ed25519Trust,
    GrantedKeys,
    ReleaseManifest,
    SittingGrants,
    SittingSecrets,
    content_key_check,
    make_grants,
    open_device_share,
    open_grant,
    open_store_share,
    seal_device_share,
    sign_manifest,
    verify_grant,
)
from sync.signed import sign_message
from tests.proof import Proof
from tests.sync.examples import NOW, RECOVERY, box, device, signing
from tests.sync.mutations import none_is_accepted

AUTHORITY, STORE_TICKETS, STORE_BOX = signing("authority"), signing("store tickets"), box("store")
CONTENT_KEY = sha256(b"content key")
SECRETS = SittingSecrets("oslo-a", sha256(b"release share"), RECOVERY)
PUBLIC, CONTENT = b"public texts", b"R-101: Hvilket bilde passer?" * 4000
LATER = NOW + 86_400_000


def package(version: int = 3, key: SigningKey = AUTHORITY, **changes: Any) -> PackageFile:
    names: dict[str, Any] = {
        "release": f"norskprove-{version}",
        "series": "norskprove",
        "version": version,
        "programme": "norskprove",
    }
    header = sealed_header_of(**names, public_sha256=sha256_hex(PUBLIC))
    sealed = seal_content(CONTENT, CONTENT_KEY, header, salt=bytes(16))
    manifest = ReleaseManifest(
        **names,
        programme_version=1,
        is_demo=True,
        public_sha256=sha256_hex(PUBLIC),
        public_bytes=len(PUBLIC),
        sealed_sha256=sha256_hex(sealed),
        sealed_bytes=len(sealed),
        content_key_check=content_key_check(CONTENT_KEY),
        results=Custodians(needed=1, keys=(box("results").public.hex,)),
        made_utc_ms=NOW,
        expires_utc_ms=LATER,
    ).model_copy(update=changes)
    return PackageFile(sign_manifest(manifest, key), PUBLIC, sealed)


def verified(made: PackageFile, *, now: int = NOW, seen: int = 0) -> ReleaseManifest:
    return verify_package(made, Ed25519Trust(AUTHORITY.public, {"norskprove": seen}), now_utc_ms=now)


def grants(names: tuple[str, ...] = ("pc-07", "pc-08")) -> SittingGrants:
    manifest = verified(package())
    return make_grants(
        SECRETS,
        [(manifest, CONTENT_KEY)],
        {name: device(name).box.public for name in names},
        store=STORE_BOX.public,
        content_key=AUTHORITY,
        expires_utc_ms=LATER,
    )


def opened(data: bytes, *, share: bytes = SECRETS.release_share, name: str = "pc-07", **changes: Any) -> GrantedKeys:
    asked: dict[str, Any] = {"sitting": "oslo-a", "device": name, "release": "norskprove-3", "now_utc_ms": NOW}
    asked |= {"keys": device(name), "content_key": AUTHORITY.public, **changes}
    return open_grant(data, release_share=share, **asked)


# --- packages ---------------------------------------------------------------------------------------------------------


def test_a_package_is_verified_opened_and_read_back() -> None:
    read = decode_package(encode_package(package()))
    assert open_package(read, verified(read), CONTENT_KEY) == CONTENT
    assert CONTENT[:20] not in encode_package(package())


@given(st.integers(0, 3 * CHUNK_BYTES))
def test_content_of_any_size_is_sealed_and_opened(size: int) -> None:
    content = bytes(size)
    sealed = seal_content(content, CONTENT_KEY, {"release": "x"})
    assert open_content(sealed, CONTENT_KEY, {"release": "x"}) == content
    with pytest.raises(CannotOpenError):
        open_content(sealed, CONTENT_KEY, {"release": "y"})


def test_chunks_cut_swapped_repeated_or_dropped_do_not_open() -> None:
    sealed = seal_content(bytes(4 * CHUNK_BYTES), CONTENT_KEY, {})
    head, step = sealed[:24], CHUNK_BYTES + 16
    chunks = [sealed[start : start + step] for start in range(24, len(sealed), step)]
    assert len(chunks) == 4
    orders = {order for size in range(6) for order in itertools.product(range(4), repeat=size)} - {(0, 1, 2, 3)}
    for order in random.Random(1).sample(sorted(orders), 150):
        with pytest.raises(SyncDataError):
            open_content(head + b"".join(chunks[index] for index in order), CONTENT_KEY, {})


def test_a_damaged_package_is_told() -> None:
    data = encode_package(package())
    with pytest.raises(DamagedError, match=r"The test package is damaged: it is .* bytes long and says otherwise"):
        decode_package(data[:-1])
    with pytest.raises(DamagedError, match="does not begin as a test package does"):
        decode_package(b"PK\x03\x04" + data)
    changed = PackageFile(package().manifest, b"other texts!", package().sealed)
    with pytest.raises(
        DamagedError, match="its public part is not the one that release 'norskprove-3' was signed with"
    ):
        verified(changed)
    cut = PackageFile(package().manifest, PUBLIC, package().sealed[:-1])
    with pytest.raises(DamagedError, match="its sealed part is not the one"):
        verified(cut)


def test_a_package_of_another_signer_is_told() -> None:
    with pytest.raises(WrongSignatureError, match="not signed by the authority's content key"):
        verified(package(key=signing("somebody")))


def test_an_expired_release_is_told() -> None:
    assert verified(package(), now=LATER).version == 3
    with pytest.raises(ExpiredError, match="The release 'norskprove-3' was valid until"):
        verified(package(), now=LATER + 1)


def test_an_older_release_is_never_taken_after_a_newer_one() -> None:
    trust = Ed25519Trust(AUTHORITY.public, {})
    for version in (3, 5):
        trust = trust.having_seen(verify_package(package(version), trust, now_utc_ms=NOW))
    assert trust.high_water == {"norskprove": 5}
    with pytest.raises(RollbackError, match="has version 3, but version 5 was accepted before"):
        verify_package(package(3), trust, now_utc_ms=NOW)
    assert verify_package(package(5), trust, now_utc_ms=NOW).version == 5


def test_parts_of_two_genuine_releases_do_not_mix() -> None:
    three, five = package(3), package(5)
    with pytest.raises(DamagedError):
        verified(PackageFile(five.manifest, PUBLIC, three.sealed))
    with pytest.raises(CannotOpenError):
        open_content(three.sealed, CONTENT_KEY, sealed_header(verified(five)))


def test_no_changed_package_is_accepted(proof: Proof) -> None:
    genuine = [package(3), package(5)]
    begins = [encode_package(each)[: 28 + len(each.manifest)] for each in genuine]

    def more(chance: random.Random) -> tuple[str, bytes]:
        one, two = chance.sample(genuine, 2)
        if chance.random() < 0.5:
            parts = chance.choice(((two.public, one.sealed), (one.public, two.sealed), (one.sealed, one.public)))
            return "parts of two packages", encode_package(PackageFile(one.manifest, *parts))
        begin = chance.choice(begins)
        place = chance.randrange(len(begin))
        flipped = begin[:place] + bytes([begin[place] ^ 1 << chance.randrange(8)]) + begin[place + 1 :]
        return "a bit of lengths or manifest", flipped + encode_package(one)[len(begin) :]

    with proof("changed, reordered, cut, spliced packages", ci=10_000, full=1_000_000) as trial:
        files = [encode_package(each) for each in genuine]
        none_is_accepted(trial, files, lambda data: verified(decode_package(data)), more)


def test_one_custodian_is_enough_in_a_demo_only() -> None:
    with pytest.raises(DamagedError, match="The release-manifest is damaged"):
        verified(package(is_demo=False))
    two = Custodians(needed=2, keys=tuple(box(name).public.hex for name in "abc"))
    manifest = verified(package(is_demo=False, results=two))
    assert [each.name for each in manifest.results.recipients()] == ["results:0+1", "results:0+2", "results:1+2"]


def test_one_custodian_is_not_two_by_being_named_twice() -> None:
    key = box("results").public.hex
    for needed, keys in ((2, (key, key)), (2, (key, box("a").public.hex, key)), (2, (key,))):
        with pytest.raises(ValueError, match="Custodians"):
            Custodians(needed=needed, keys=keys)


# --- grants and shares ------------------------------------------------------------------------------------------------


def test_with_both_shares_a_pc_has_the_content_key_and_the_recovery_key() -> None:
    keys = opened(grants().grants["pc-07", "norskprove-3"])
    assert keys.content_key == CONTENT_KEY
    assert keys.recovery.raw == RECOVERY.raw
    assert open_package(package(), verified(package()), keys.content_key) == CONTENT


def test_a_grant_that_the_authority_made_wrongly_gives_no_key() -> None:
    """A recovery key that is not the one it names, or a spelling of its own: the journal would be sealed to another."""
    genuine = verify_grant(grants().grants["pc-07", "norskprove-3"], AUTHORITY.public)
    other = genuine.model_copy(update={"recovery_public": box("another").public.hex})
    with pytest.raises(CannotOpenError, match="recovery key"):
        opened(sign_message("grant", other, AUTHORITY))
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    share = genuine.device_share  # 80 bytes: its last digit has two bits that say nothing
    respelt = share[:-2] + digits[digits.index(share[-2]) + 1] + "="
    assert base64.b64decode(respelt) == base64.b64decode(share)
    with pytest.raises(DamagedError, match="not in canonical form"):
        opened(sign_message("grant", genuine.model_copy(update={"device_share": respelt}), AUTHORITY))


def test_before_the_sitting_is_opened_nothing_on_the_pc_opens_the_package() -> None:
    """A stolen PC has its keys, the package and the grant. Without the release share that is nothing."""
    data = grants().grants["pc-07", "norskprove-3"]
    for share in (bytes(32), sha256(b"guess"), b"", device("pc-07").box.raw):
        with pytest.raises(CannotOpenError, match="The grant for sitting 'oslo-a'"):
            opened(data, share=share)


def test_no_day_code_opens_a_package() -> None:
    """All 10 000 codes, as the share, and derived into one, with everything a stolen disk holds."""
    data = grants().grants["pc-07", "norskprove-3"]
    grant = verify_grant(data, AUTHORITY.public)
    from sync.release import share_check

    for code in range(10_000):
        for share in (f"{code:04d}".encode(), sha256(f"{code:04d}".encode())):
            assert share_check("oslo-a", share) != grant.share_check


def test_the_release_share_alone_opens_nothing_without_the_pcs_key() -> None:
    data = grants().grants["pc-07", "norskprove-3"]
    with pytest.raises(CannotOpenError):
        opened(data, keys=device("pc-08"))


@pytest.mark.parametrize(
    ("change", "field"),
    [({"sitting": "oslo-b"}, "sitting"), ({"device": "pc-09"}, "device"), ({"release": "norskprove-4"}, "release")],
)
def test_a_grant_for_something_else_is_told(change: dict[str, Any], field: str) -> None:
    with pytest.raises(NotForUsError, match=f"The grant is for {field}"):
        opened(grants().grants["pc-07", "norskprove-3"], **change)


def test_a_forged_or_expired_grant_is_told() -> None:
    data = grants().grants["pc-07", "norskprove-3"]
    with pytest.raises(WrongSignatureError, match="The grant is not signed by the authority's content key"):
        opened(data, content_key=STORE_TICKETS.public)
    with pytest.raises(ExpiredError, match="The grant 'oslo-a' was valid until"):
        opened(data, now_utc_ms=LATER + 1)


def test_the_store_gets_the_release_share_and_neither_content_nor_recovery_key() -> None:
    made = grants()
    share = open_store_share(made.store_share, sitting="oslo-a", box=STORE_BOX, content_key=AUTHORITY.public)
    assert share == SECRETS.release_share
    store_has = b"".join([made.store_share, share, STORE_BOX.raw, *made.grants.values()])
    for secret in (CONTENT_KEY, RECOVERY.raw):
        assert secret not in store_has
        assert secret.hex().encode() not in store_has
    store_keys = DeviceKeys(STORE_BOX, STORE_TICKETS)
    with pytest.raises(CannotOpenError):
        opened(made.grants["pc-07", "norskprove-3"], share=share, keys=store_keys)


def test_the_share_travels_to_one_pc_only() -> None:
    data = seal_device_share(
        SECRETS.release_share,
        sitting="oslo-a",
        device="pc-07",
        public=device("pc-07").box.public,
        ticket_key=STORE_TICKETS,
    )

    def read(name: str = "pc-07", sitting: str = "oslo-a", key: SigningKey = STORE_TICKETS) -> bytes:
        return open_device_share(data, sitting=sitting, device=name, box=device(name).box, ticket_key=key.public)

    assert read() == SECRETS.release_share
    assert SECRETS.release_share.hex().encode() not in data
    with pytest.raises(NotForUsError):
        read(name="pc-08")
    with pytest.raises(NotForUsError):
        read(sitting="oslo-b")
    with pytest.raises(WrongSignatureError):
        read(key=AUTHORITY)


def test_a_store_share_of_another_sitting_or_store_is_refused() -> None:
    data = grants().store_share
    with pytest.raises(NotForUsError):
        open_store_share(data, sitting="oslo-b", box=STORE_BOX, content_key=AUTHORITY.public)
    with pytest.raises(CannotOpenError):
        open_store_share(data, sitting="oslo-a", box=box("other"), content_key=AUTHORITY.public)


def test_grants_are_made_only_for_the_releases_own_content_key() -> None:
    with pytest.raises(CannotOpenError, match="content key for release 'norskprove-3'"):
        make_grants(
            SECRETS,
            [(verified(package()), sha256(b"other"))],
            {"pc-07": BoxPublic(device("pc-07").box.public.raw)},
            store=STORE_BOX.public,
            content_key=AUTHORITY,
            expires_utc_ms=LATER,
        )


def test_no_changed_grant_is_accepted(proof: Proof) -> None:
    made = grants()
    mine, others = made.grants["pc-07", "norskprove-3"], made.grants["pc-08", "norskprove-3"]

    def more(chance: random.Random) -> tuple[str, bytes]:
        place = chance.randrange(len(mine))
        return chance.choice((("replayed as another's", others), ("begun by another's", others[:place] + mine[place:])))

    with proof("changed, reordered, cut, spliced, replayed grants", ci=5_000, full=500_000) as trial:
        none_is_accepted(trial, [mine], opened, more)
