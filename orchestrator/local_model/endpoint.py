"""The few HTTP questions that we ask the local server ourselves, on loopback and past any proxy setting."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

HOST = "127.0.0.1"


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def is_healthy(port: int, timeout_s: float = 0.5) -> bool:
    """Whether the server has loaded its model and can answer."""
    try:
        return _ask("GET", port, "/health", None, timeout_s)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def offers(port: int, model: str, timeout_s: float = 5.0) -> bool:
    """Whether the server offers `model`: it is ours and not whatever else took the port."""
    try:
        status, body = _ask("GET", port, "/v1/models", None, timeout_s)
        return status == 200 and model in {entry["id"] for entry in json.loads(body)["data"]}
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return False


def generates(port: int, timeout_s: float = 60.0) -> bool:
    """Whether the server really makes a token: only that runs the vector code that an old processor may lack."""
    request = json.dumps({"prompt": "Paris is", "max_tokens": 2}).encode()
    try:
        status, body = _ask("POST", port, "/v1/completions", request, timeout_s)
        answer: dict[str, Any] = json.loads(body)
        return status == 200 and int(answer["usage"]["completion_tokens"]) > 0
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return False


def _ask(method: str, port: int, path: str, body: bytes | None, timeout_s: float) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout_s)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body is not None else {})
        response = connection.getresponse()
        return response.status, response.read(1 << 20)
    finally:
        connection.close()
