"""What keeps a topic's items: `run.db` is the truth, `attributes.txt` follows it, `run.json` is for people."""

from archive.folder import canonical_topic, folder_name
from orchestrator.store.records import (
    Ending,
    IncomingBatch,
    Ingested,
    NewItem,
    OrderState,
    ProviderTotals,
    Recovery,
    Totals,
    Written,
)
from orchestrator.store.store import Store

__all__ = [
    "Ending",
    "IncomingBatch",
    "Ingested",
    "NewItem",
    "OrderState",
    "ProviderTotals",
    "Recovery",
    "Store",
    "Totals",
    "Written",
    "canonical_topic",
    "folder_name",
]
