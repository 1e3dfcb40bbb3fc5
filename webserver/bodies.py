"""Bodies of requests: their models, made from the settings that a run can be given, and how one is read.

Values are strict: `true` is no number and `"5"` neither. What a value must be beyond its type and bounds the service
knows; it answers in words as well.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model
from starlette.requests import Request

from contract.service import OptionView
from webserver.problems import Problem, in_words

MAX_TOPIC_CHARACTERS = 2000
_MAX_TEXT = 2000
_MAX_LIST = 100
_MAX_INTEGER = 2**53
"""Beyond it, a browser's numbers are no whole numbers any more."""
_MAX_TOKEN = 1000

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Nothing(BaseModel):
    """No fields."""

    model_config = _STRICT


class StopTopic(BaseModel):
    """How a topic ends."""

    model_config = _STRICT

    now: bool = Field(False, description="Cancel open responses; what they had delivered is kept.")


class LogIn(BaseModel):
    """What opens a session."""

    model_config = _STRICT

    token: str = Field(max_length=_MAX_TOKEN, description="The service printed it when it started.")


B = TypeVar("B", bound=BaseModel)


class Bodies:
    """The models of all bodies.

    Args:
        options: Settings that a run can be given.

    Attributes:
        start: To start a topic: `topic` and `options`.
        resume: To continue one: `options`.
        change: To change a running one.
    """

    def __init__(self, options: Sequence[OptionView]) -> None:
        fields: dict[str, Any] = {f"option_{place}": _field(option) for place, option in enumerate(options)}
        self.options: type[BaseModel] = create_model(
            "Options",
            __config__=_STRICT,
            __doc__="Settings of a run, as in `options` of the service's description; null: as if it were not there.",
            **fields,
        )
        self.start: type[BaseModel] = create_model(
            "StartTopic",
            __config__=_STRICT,
            __doc__="A topic to start.",
            topic=(str, Field(min_length=1, max_length=MAX_TOPIC_CHARACTERS, description="What to list.")),
            options=(self.options, Field(default_factory=self.options)),
        )
        self.resume: type[BaseModel] = create_model(
            "ContinueTopic",
            __config__=_STRICT,
            __doc__="Changes to the settings of the topic's last run.",
            options=(self.options, Field(default_factory=self.options)),
        )
        self.change = _change({option.name: option for option in options})

    @property
    def all(self) -> tuple[type[BaseModel], ...]:
        """Every model."""
        return (self.start, self.resume, self.change, StopTopic, LogIn, Nothing)


async def read(request: Request, model: type[B]) -> B:
    """The body of a request. Raises `Problem` 400."""
    body = await request.body()
    if not body:
        raise Problem(400, "the request has no body; where nothing is to be said, it is {}")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise Problem(400, _first_error(error, model)) from None


def given(model: BaseModel) -> dict[str, Any]:
    """What a body says, by the names of its fields; what it does not say is left out."""
    return model.model_dump(by_alias=True, exclude_unset=True)


def _first_error(error: ValidationError, model: type[BaseModel]) -> str:
    errors = error.errors(include_url=False, include_context=False)
    first: Mapping[str, Any] = errors[0]
    *path, last = first["loc"] or ("",)
    if first["type"] == "json_invalid":
        return f"the request's body is not JSON: {first['msg'].removeprefix('Invalid JSON: ')}"
    if first["type"] == "extra_forbidden":
        names = _names(model, path)
        close = difflib.get_close_matches(str(last), names, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(names)}" if names else "none is known"
        return f"{'.'.join(map(str, path)) or 'the body'}: {str(last)[:80]!r} is unknown; {hint}"
    # Branches of a union stand in the path; they are no names of ours.
    name = ".".join(str(part) for part in first["loc"] if not _is_branch(part))
    words = in_words(first)
    if first["type"] == "missing":
        words = "it is missing"
    return f"{name}: {words}" if name else f"the request's body: {words}"


def _is_branch(part: int | str) -> bool:
    return isinstance(part, str) and part in ("str", "float", "int", "constrained-str")


def _names(model: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    for part in path:
        field = model.model_fields.get(str(part))
        annotation = field.annotation if field is not None else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return [field.alias or name for name, field in model.model_fields.items()]


def _field(option: OptionView) -> tuple[Any, Any]:
    """Annotation and default of an option. The alias keeps names apart from those that a model has of its own."""
    return _annotation(option) | None, Field(None, alias=option.name, description=option.help)


def _annotation(option: OptionView) -> Any:
    match option.type:
        case "integer":
            return Annotated[
                int,
                Field(
                    ge=-_MAX_INTEGER if option.minimum is None else int(option.minimum),
                    le=_MAX_INTEGER if option.maximum is None else int(option.maximum),
                ),
                BeforeValidator(_whole),
            ]
        case "number":
            return Annotated[float, Field(ge=option.minimum, le=option.maximum)]
        case "duration":
            return Annotated[str, Field(max_length=_MAX_TEXT)] | Annotated[float, Field(ge=0)]
        case "choice":
            return Literal[option.choices]
        case "flag":
            return bool
        case "list":
            return Annotated[list[Annotated[str, Field(max_length=_MAX_TEXT)]], Field(max_length=_MAX_LIST)]
    return Annotated[str, Field(max_length=_MAX_TEXT)]


def _whole(value: object) -> object:
    """JSON has one kind of number: 5.0 is 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _change(options: Mapping[str, OptionView]) -> type[BaseModel]:
    """The model of `contract.service.Change`, with the bounds that a run's settings have."""

    def whole(name: str, description: str) -> tuple[Any, Any]:
        option = options.get(name, OptionView(name, "", "integer", "", minimum=1))
        return _annotation(option), Field(None, description=description)

    above = Annotated[float, Field(gt=0)]
    name = Annotated[str, Field(max_length=_MAX_TEXT)]
    weights = Annotated[
        dict[name, Annotated[float, Field(ge=0)]],
        Field(min_length=1, max_length=_MAX_LIST),
    ]
    model: type[BaseModel] = create_model(
        "ChangeTopic",
        __config__=ConfigDict(**_STRICT, json_schema_extra={"minProperties": 1}),
        __doc__="Settings of a running topic to change; what is not there stays, null takes a limit away.",
        producers=whole("producers", "Those that are too many finish their open responses."),
        concurrency=whole("concurrency", "Requests in flight for each producer."),
        request_size=whole("request_size", "Items asked for in a request."),
        max_cost_usd=(above | None, Field(None, description="Never spend more in this run, what is spent included.")),
        max_time_s=(above | None, Field(None, description="End after this running time, that so far included.")),
        weights=(weights, Field(None, description="Provider name to weight; those not named stay.")),
    )
    return model
