"""Serves a model with llama.cpp's own server out of an unpacked xllamacpp wheel. Standard library only; run by path.

``python -I -S -B embedded_server.py FOLDER --model FILE ...``, where FOLDER holds the package and the options are named
as llama-server's are. It serves until SIGTERM, or until the process that started it is gone. What it says about itself
goes to standard error; the exit code is 1 if the model cannot be loaded or the port not be bound.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

CANNOT_SERVE = 1
_PARENT_CHECK_S = 0.5


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="embedded_server.py", description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", type=Path, help="folder that holds the package xllamacpp")
    parser.add_argument("--model", required=True, help="weights (GGUF)")
    parser.add_argument("--alias", required=True, help="name under which the model is offered")
    parser.add_argument("--host", required=True, help="address to listen on")
    parser.add_argument("--port", required=True, type=int, help="TCP port to listen on")
    parser.add_argument("--parallel", required=True, type=int, help="requests answered at the same time")
    parser.add_argument("--ctx-size", required=True, type=int, help="tokens of context of all slots together")
    parser.add_argument("--threads", required=True, type=int, help="threads that compute")
    return parser.parse_args(arguments)


def _parameters(engine: ModuleType, options: argparse.Namespace) -> Any:
    """llama.cpp's parameters: no download, no page, no access from web pages, no prompt cache in main memory."""
    made = engine.CommonParams()
    made.model.path = options.model
    made.model_alias = {options.alias}
    made.hostnames = [options.host]
    made.port = options.port
    made.n_parallel = options.parallel
    made.n_ctx = options.ctx_size
    made.cpuparams.n_threads = options.threads
    made.cpuparams_batch.n_threads = options.threads
    made.cache_ram_mib = 0
    made.cache_idle_slots = False
    made.offline = True
    made.ui = False
    made.cors_origins = ""
    return made


def main(arguments: list[str]) -> int:
    """Serve until the parent is gone; returns only if serving cannot begin."""
    options = _options(arguments)
    parent = os.getppid()
    sys.path.insert(0, str(options.folder))
    engine = importlib.import_module("xllamacpp")
    try:
        server = engine.Server(_parameters(engine, options))
    except RuntimeError:  # llama.cpp has just written the reason; this error only says that there is one
        return CANNOT_SERVE
    # Where the kernel does not end us with our parent (macOS), this does.
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_S)
    sys.stderr.write(f"{server.listening_address} closes: the process that started it is gone\n")
    os._exit(0)  # taking the server down in order would wait for its streams


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
