"""Keys that are there, and keys that are taken for there."""

from __future__ import annotations

from orchestrator.api_keys import AssumedKeys, MemoryKeys


def test_a_missing_key_is_stood_in_for_and_noted_once() -> None:
    """One that is there is given as it is."""
    keys = AssumedKeys(MemoryKeys({"openai": "real"}))
    given = keys.get("openai")
    assert given is not None
    assert given.reveal() == "real"
    assert keys.get("gemini") is not None
    assert keys.get("gemini") is not None
    assert keys.missing == ["gemini"]
