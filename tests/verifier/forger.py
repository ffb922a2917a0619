"""Somebody dishonest with a bundle: from an outsider with an editor to a store that signs its lies by its own keys."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.events import Event
from sync.canonical import canonical_bytes
from sync.checkpoint import Checkpoint, cosign, sign_checkpoint
from sync.envelope import envelope_sha256
from sync.keys import SigningKey, sha256, sha256_hex
from sync.receipt import Receipt, sign_receipt
from sync.tree import consistency_proof, inclusion_proof, leaf_hash, node_hash, root_of
from tests.centralstore.place import RELEASE, Pc
from tests.verifier.draft import Draft
from tests.verifier.room import WITNESS, Room, attempt_of, events_of_journal
from verifier.report import Report
from verifier.verify import Held, verify

Plain = Any


@dataclass
class Forger:
    """A copy of the bundle to change. `seal` signs it again as the store would; `relog` writes a new log for it."""

    room: Room
    folder: Path
    leaves: list[bytes] = field(default_factory=list[bytes])

    @classmethod
    def of(cls, room: Room, bundle: Path, folder: Path) -> Forger:
        shutil.copytree(bundle, folder)
        return cls(room, folder)

    # --- files --------------------------------------------------------------------------------------------------------

    def path(self, name: str) -> Path:
        return self.folder / name

    def names(self, folder: str) -> list[str]:
        return sorted(f"{folder}/{path.name}" for path in self.path(folder).iterdir())

    def json(self, name: str) -> Plain:
        return json.loads(self.path(name).read_bytes())

    def put(self, name: str, plain: Plain) -> Forger:
        self.path(name).write_bytes(canonical_bytes(plain))
        return self

    def change(self, name: str, change: Callable[[Plain], object]) -> Forger:
        """Change a JSON file in place."""
        plain = self.json(name)
        change(plain)
        return self.put(name, plain)

    def drop(self, *names: str) -> Forger:
        for name in names:
            self.path(name).unlink()
        return self

    def stems(self, candidate: str, part: str, number: int = 1) -> list[str]:
        """The envelopes of an attempt, in order."""
        attempt = attempt_of(candidate, part, number)
        return [Path(name).stem for name in self.names("envelopes") if Path(name).name.startswith(attempt)]

    # --- the store's own hand -----------------------------------------------------------------------------------------

    @property
    def keys(self) -> Any:
        return self.room.site.store.folder.keys()

    def sign(self, kind: str, body: Plain, key: SigningKey) -> bytes:
        signature = key.sign(f"signed/{kind}", canonical_bytes(body)).hex()
        return canonical_bytes({"body": body, "kind": kind, "signature": signature})

    def seal(self, change: Callable[[Plain], object] = lambda _body: None) -> Forger:
        """The table of contents for the files as they are now, with another change, signed by the store's log key."""
        body = self.json("bundle.json")["body"]
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.name != "bundle.json"]
        entries = [
            {
                "name": path.relative_to(self.folder).as_posix(),
                "bytes": path.stat().st_size,
                "sha256": sha256_hex(path.read_bytes()),
            }
            for path in sorted(files)
        ]
        body["files"] = entries
        change(body)
        self.path("bundle.json").write_bytes(self.sign("bundle", body, self.keys.log))
        return self

    def contents(self) -> dict[tuple[str, str], bytes]:
        """What must be in the log, as the files have it now."""
        found = {("receipt", Path(name).stem): self.path(name).read_bytes() for name in self.names("receipts")}
        for entry in self.json("orders.json")["orders"]:
            found["order", f"s1/{entry['order']['number']}"] = canonical_bytes(entry)
        for entry in self.json("results.json"):
            row = entry["content"]
            found["result", f"{row['attempt']}/{row['scoring_number']}"] = canonical_bytes(row)
        for entry in self.json("audit.json"):
            found["audit", str(entry["content"]["id"])] = canonical_bytes(entry["content"])
        return found

    def relog(self, *, keeps_witnesses: bool = False) -> Forger:
        """A log that was written anew: what is in the files stands where it stood, what is new at the end."""
        held = self.contents()
        places = {(leaf["kind"], leaf["ref"]): leaf["index"] for leaf in self.json("log/leaves.json")}
        size = self.json("log/checkpoint.json")["body"]["size"]
        for name in held:
            if name not in places:
                places[name], size = size, size + 1
        leaves = [sha256(b"of another sitting %d" % index) for index in range(size)]
        for name, content in held.items():
            leaves[places[name]] = leaf_hash(content)
        self.leaves, nodes = leaves, _nodes(leaves)
        sittings = {("audit", str(e["content"]["id"])): e["content"]["sitting"] for e in self.json("audit.json")}
        mine = sorted(places[name] for name in held)
        names = {places[name]: name for name in held}
        listed = [
            {
                "index": index,
                "kind": names[index][0],
                "ref": names[index][1],
                "leaf": leaves[index].hex(),
                "signature": self.leaf_signature(*names[index], leaves[index], sittings.get(names[index], "s1")),
                "sitting": sittings.get(names[index], "s1"),
            }
            for index in mine
        ]
        proofs = [{"index": at, "path": [step.hex() for step in inclusion_proof(at, size, nodes)]} for at in mine]
        told = self.json("log/checkpoint.json")["body"]
        checkpoint = Checkpoint(log=told["log"], size=size, root=root_of(leaves).hex(), at_utc_ms=told["at_utc_ms"])
        self.put("log/leaves.json", listed).put("log/proofs.json", proofs)
        self.path("log/checkpoint.json").write_bytes(sign_checkpoint(checkpoint, self.keys.log))
        if not keeps_witnesses:
            self.drop(*self.names("witness")).put("log/consistency.json", [])
        return self

    def leaf_signature(self, kind: str, ref: str, leaf: bytes, sitting: str) -> str:
        """The store's word for a leaf whose content is not signed itself."""
        plain = {"kind": kind, "leaf": leaf.hex(), "ref": ref, "sitting": sitting}
        return "" if kind in {"receipt", "order"} else self.keys.log.sign("leaf", canonical_bytes(plain)).hex()

    def receipt_for(self, stem: str, stored_utc_ms: int) -> Forger:
        """The store's receipt for the envelope that lies there now."""
        data = self.path(f"envelopes/{stem}.envelope").read_bytes()
        header = json.loads(data[12 : 12 + int.from_bytes(data[8:12], "big")])
        fields = {name: header[name] for name in ("attempt", "segment", "first", "last", "device")}
        receipt = Receipt(**fields, sha256=envelope_sha256(data), stored_utc_ms=stored_utc_ms)
        self.path(f"receipts/{stem}.receipt").write_bytes(sign_receipt(receipt, self.keys.receipt))
        return self

    def redo(self, stem: str, change: Callable[[Draft], Draft]) -> Forger:
        """An envelope changed by the PC that signed it, with a receipt for what it is now."""
        draft = Draft.of(self.path(f"envelopes/{stem}.envelope").read_bytes())
        stored = self.json(f"receipts/{stem}.receipt")["body"]["stored_utc_ms"]
        self.drop(f"envelopes/{stem}.envelope", f"receipts/{stem}.receipt")
        return self.add(change(draft), stored)

    def add(self, draft: Draft, stored_utc_ms: int) -> Forger:
        """An envelope of a dishonest PC, receipted."""
        header = draft.header
        stem = f"{header['attempt']}-{header['segment']}-{header['first']:08d}-{header['last']:08d}"
        key = next(pc.keys.signing for pc in self.room.site.pcs if pc.id == header["device"])
        self.path(f"envelopes/{stem}.envelope").write_bytes(draft.signed(key))
        return self.receipt_for(stem, stored_utc_ms)

    def seen_by_a_witness(self, size: int, *, at_utc_ms: int, root: str = "") -> Forger:
        """After `relog`: a witness that saw the forged log when it had so many leaves, with the proof that fits."""
        told = self.json("log/checkpoint.json")["body"]
        found = root or root_of(self.leaves[:size]).hex()
        checkpoint = Checkpoint(log=told["log"], size=size, root=found, at_utc_ms=at_utc_ms)
        signed = sign_checkpoint(checkpoint, self.keys.log)
        seen = cosign(signed, witness="Statsarkivet", key=WITNESS, seen_utc_ms=at_utc_ms)
        self.path("witness/seen.json").write_bytes(seen)
        path = consistency_proof(size, len(self.leaves), _nodes(self.leaves))
        proof = {"first": size, "last": len(self.leaves), "path": [step.hex() for step in path]}
        return self.put("log/consistency.json", [proof])

    # --- a dishonest PC -----------------------------------------------------------------------------------------------

    def rewrite(
        self, candidate: str, part: str, events: Sequence[Event], pc: Pc | None = None, *, number: int = 1
    ) -> Forger:
        """Another journal in the place of an attempt's, sealed, signed, receipted and logged as if it were true."""
        pc = self.room.site.pcs[0] if pc is None else pc
        attempt = attempt_of(candidate, part, number)
        old = self.stems(candidate, part, number)
        now_utc_ms = self.json("log/checkpoint.json")["body"]["at_utc_ms"]
        for stem in old:
            self.drop(f"envelopes/{stem}.envelope", f"receipts/{stem}.receipt")
        self.put("results.json", [each for each in self.json("results.json") if each["content"]["attempt"] != attempt])
        journal = self.room.site.journal(pc, attempt).write(events_of_journal(events, pc, attempt, candidate))
        for data in journal.envelopes():
            header = json.loads(data[12 : 12 + int.from_bytes(data[8:12], "big")])
            stem = f"{attempt}-{header['segment']}-{header['first']:08d}-{header['last']:08d}"
            self.path(f"envelopes/{stem}.envelope").write_bytes(data)
            self.receipt_for(stem, now_utc_ms)
        return self

    # --- the auditor --------------------------------------------------------------------------------------------------

    def report(self, **held: Any) -> Report:
        """What the verifier says, with all keys."""
        keys: dict[str, Any] = {
            "results_keys": [self.room.keys.results_key().raw],
            "content_keys": {RELEASE: self.room.keys.content_key(RELEASE)},
        }
        return verify(self.folder, Held(**(keys | held)))

    def found(self, **held: Any) -> set[str]:
        """The checks that found something."""
        return {finding.check for finding in self.report(**held).findings}


def _nodes(leaves: Sequence[bytes]) -> Callable[[int, int], bytes]:
    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node
