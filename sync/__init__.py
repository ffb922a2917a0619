"""What travels and what must survive: journal, sealed envelopes, keys, orders, tickets, grants, outbox, client.

Start with `sync.writer` (writing an attempt's journal), `sync.outbox` and `sync.client` (delivering it), `sync.bundle`
(reading it back). `PROTOCOL.md` says how everything looks on disk and wire, `SECURITY.md` what is promised and proven.
"""
