"""When two texts are the same item: the orchestrator decides by it, the producers advise by it."""

from contract.identity.key import KEY_BYTES, Identity, key_of, key_text

__all__ = ["KEY_BYTES", "Identity", "key_of", "key_text"]
