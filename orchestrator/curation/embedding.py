"""Embeddings for the merge suggestions by meaning: an adapter for wordllama, whose weights come with its package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.errors import ConfigurationError

SEMANTIC_HINT = f"--semantic needs wordllama; install it with: {sys.executable} -m pip install wordllama"

_AT_ONCE = 4096


class WordLlamaEmbedder:
    """An `Embedder`. Never goes to the network.

    Raises:
        ConfigurationError: wordllama is not installed, or its weights are missing.
    """

    def __init__(self) -> None:
        try:
            module = importlib.import_module("wordllama")
        except ImportError as error:
            raise ConfigurationError(SEMANTIC_HINT) from error
        try:
            folder = Path(str(module.__file__)).parent
            self._model: Any = module.WordLlama.load(cache_dir=folder, disable_download=True)
        except Exception as error:
            # A library's own troubles with its files: of many kinds, and none that a user could tell apart.
            raise ConfigurationError(f"wordllama cannot be used ({type(error).__name__}); install it anew") from error

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of length 1 for each text."""
        parts = [
            np.asarray(self._model.embed(list(texts[start : start + _AT_ONCE]), norm=True), dtype=np.float32)
            for start in range(0, len(texts), _AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, 1), dtype=np.float32)
