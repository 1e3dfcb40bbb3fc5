"""The API's description: what every route says of itself, and the schemas of what is answered and sent."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from contract.version import __version__
from webserver.answers import schema_of, schemas
from webserver.bodies import Bodies
from webserver.problems import JSON, ProblemView

DESCRIPTION_PATH = "/api/v1/openapi.json"
_MODEL_REFERENCE = "#/components/schemas/{model}"
_PROBLEMS = {
    400: "A wrong value, or a request that is none.",
    401: "A token is needed, or the one that came is wrong.",
    403: "Called under a foreign name, or by a page of another site.",
    404: "There is no such topic.",
    408: "The body did not come in time.",
    409: "Not possible in the topic's state.",
    413: "The body is too large.",
    415: "The Content-Type is not application/json.",
    429: "Too many requests; the header Retry-After says when to come again.",
    503: "The folder cannot be read, or the service does not answer.",
}
_TOO_MANY = 429
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}
EVERYWHERE = (400, 401, 403, 429)
CONTROL = (*EVERYWHERE, 408, 413, 415, 503)


def described(
    *problems: int,
    shape: type[msgspec.Struct] | None = None,
    status: int = 200,
    says: str = "Done.",
    media: tuple[str, ...] = (),
) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route.

    Args:
        problems: Statuses of refusals.
        shape: Of the answer's JSON.
        status: Of the answer.
        says: What the answer is.
        media: Types of an answer that is no JSON.
    """
    content: dict[str, Any] = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media}
    if shape is not None:
        content[JSON] = {"schema": schema_of(shape)}
    found: dict[int | str, dict[str, Any]] = {status: {"description": says}}
    if content:
        found[status]["content"] = content
    for number in sorted({*problems}):
        found[number] = {
            "description": _PROBLEMS[number],
            "content": {JSON: {"schema": schema_of(ProblemView)}},
        }
        if number == _TOO_MANY:
            found[number]["headers"] = _RETRY_AFTER
    return found


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """The request body of a route, for `openapi_extra`."""
    content = {JSON: {"schema": {"$ref": _MODEL_REFERENCE.format(model=model.__name__)}}}
    return {"requestBody": {"required": True, "content": content}}


def describe(app: FastAPI, bodies: Bodies, cookie: str | None) -> dict[str, Any]:
    """The whole description, OpenAPI 3.1.

    Args:
        app: With all routes.
        bodies: Models of the requests' bodies.
        cookie: Name of the session's cookie; None where no token is needed.
    """
    description = get_openapi(
        title="orchestrator",
        version=__version__,
        openapi_version="3.1.0",
        description="Starts, shows and steers topics. Live events: WebSocket `/api/v1/live`.",
        routes=app.routes,
    )
    components = description.setdefault("components", {})
    found: dict[str, Any] = {**components.get("schemas", {}), **schemas()}
    for model in bodies.all:
        schema = model.model_json_schema(ref_template=_MODEL_REFERENCE)
        found.update(schema.pop("$defs", {}))
        found[model.__name__] = schema
    components["schemas"] = dict(sorted(found.items()))
    if cookie is not None:
        components["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": cookie},
        }
        description["security"] = [{"token": []}, {"session": []}]
    return description
