"""The error tree."""

from contract import errors


def _tree(cls: type[errors.OrchestratorError]) -> list[type[errors.OrchestratorError]]:
    children = [child for child in cls.__subclasses__() if child.__module__ == errors.__name__]
    return [cls, *(leaf for child in children for leaf in _tree(child))]


def test_the_drawn_tree_names_every_error() -> None:
    """The module's docstring shows each class of the tree."""
    assert errors.__doc__ is not None
    missing = [cls.__name__ for cls in _tree(errors.OrchestratorError) if cls.__name__ not in errors.__doc__]
    assert missing == []


def test_exit_codes_are_distinct() -> None:
    """Each way to end has an exit code of its own."""
    codes = [value for name, value in vars(errors.ExitCode).items() if name.isupper()]
    assert len(codes) == len(set(codes))


def test_every_provider_error_has_a_kind() -> None:
    """Callers tell provider errors apart by kind; none but the base is `_OTHER`."""
    kinds = [cls.kind for cls in _tree(errors.ProviderError) if cls is not errors.ProviderError]  # type: ignore[attr-defined]
    assert len(kinds) == len(set(kinds))
    assert errors.ErrorKind.OTHER not in kinds
