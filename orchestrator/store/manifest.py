"""`run.json`: the state of a folder for people and scripts. Nothing reads it back; `run.db` is the truth."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from archive.exploration import META_NAME, decoded
from archive.filesystem import FileSystem
from archive.format import SCHEMA_VERSION, iso_time, read_meta
from contract.discovery import KeptExploration
from contract.version import __version__
from orchestrator.store.judgements import JudgedTotals
from orchestrator.store.ledger import Ledger
from orchestrator.store.records import Totals

MANIFEST_NAME = "run.json"
_COUNTS = "SELECT (SELECT count(*) FROM items), (SELECT count(*) FROM held), (SELECT count(*) FROM sightings)"


def write_manifest(folder: Path, database: sqlite3.Connection, totals: Totals, filesystem: FileSystem) -> None:
    """Write `run.json` atomically.

    Raises:
        OSError: It cannot be written.
    """
    meta = read_meta(database)
    kept = decoded(meta.get(META_NAME))
    content = {
        "topic": meta["topic"],
        "identity": meta["identity"],
        "created_by": meta["created_by"],
        "written_by": __version__,
        "format": SCHEMA_VERSION,
        "run": _last_run(database, kept),
        "totals": {
            "runs": database.execute("SELECT count(*) FROM runs").fetchone()[0],
            "unique": totals.unique,
            "held": totals.held,
            "sightings": totals.sightings,
            "judged": msgspec.to_builtins(totals.judged),
            "orders": totals.orders,
            **_without_orders(msgspec.to_builtins(totals.over_all())),
        },
        "exploration": _explored(kept),
        "providers": msgspec.to_builtins(totals.providers),
    }
    data = msgspec.json.format(msgspec.json.encode(content), indent=2)
    filesystem.replace(folder / MANIFEST_NAME, [data, b"\n"])


def totals_of(database: sqlite3.Connection, judged: JudgedTotals) -> Totals:
    """The sums over all runs of a folder that nobody else writes to now."""
    ledger = Ledger(database, lambda: 0.0)
    ledger.load()
    unique, held, further = database.execute(_COUNTS).fetchone()
    return Totals(unique, held, unique + further, dict(ledger.by_state), ledger.providers, judged)


def _without_orders(sums: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sums.items() if name not in ("orders", "done", "failed")}


def _explored(kept: KeptExploration | None) -> dict[str, Any] | None:
    """The final figures; None where they are not known."""
    if kept is None or kept.exploration is None:
        return None
    return {"coverage": kept.coverage, **msgspec.to_builtins(kept.exploration)}


def _last_run(database: sqlite3.Connection, kept: KeptExploration | None) -> dict[str, Any] | None:
    row = database.execute(
        "SELECT id, settings, started_at, ended_at, stop_reason, unique_before, unique_after "
        "FROM runs ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    number, settings, started_at, ended_at, stop_reason, before, after = row
    return {
        "id": number,
        "started_at": iso_time(started_at),
        "ended_at": iso_time(ended_at),
        "stop_reason": stop_reason,
        "explanation": kept.explanation if kept is not None and kept.run == number and stop_reason else None,
        "unique_before": before,
        "unique_after": after,
        "settings": msgspec.json.decode(settings),
    }
