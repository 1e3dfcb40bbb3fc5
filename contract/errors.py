"""The error tree of the whole project.

::

    OrchestratorError                    exit code
    ├── UsageError                       2   the command line is wrong
    ├── ConfigurationError               3   .env, settings, prices, an output folder that cannot be used
    ├── NoProviderError                  4   no provider is left that could answer
    ├── ProducerStartError               5   producer processes cannot start
    ├── StorageError                     6   the run's files cannot be read or written
    │   ├── FolderBusyError                  another run works in the folder
    │   └── ForeignDatabaseError             run.db is not ours, damaged, or from a newer version
    ├── ServiceError                     1   web mode cannot go on
    ├── ChannelError                     1   a process sent what is not a message of ours
    └── ProviderError                    (never ends a run by itself)
        ├── ProviderTimeout              retried
        ├── ConnectionFailed             retried
        ├── Overloaded                   retried    5xx, 529
        ├── RateLimited                  retried    429, with Retry-After
        ├── BadResponse                  retried    HTML, an empty body, garbage in the stream
        ├── StreamTruncated              retried    the stream ended before the model had finished
        ├── ContextOverflow              retried with a shorter prompt
        ├── AuthFailed                   disables the provider    401, 403
        ├── RequestRefused               disables the provider    400, 404, 422
        └── QuotaExhausted               disables the provider    429 that no waiting cures

Messages of these errors are written for users: what happened, what was kept, what to do, in one line.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class ErrorKind(StrEnum):
    """Low-cardinality reason of a failed call, as it stands in messages, in `run.db` and in spans."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    OVERLOADED = "overloaded"
    RATE_LIMITED = "rate_limited"
    BAD_RESPONSE = "bad_response"
    STREAM_TRUNCATED = "stream_truncated"
    CONTEXT_OVERFLOW = "context_overflow"
    AUTH = "auth"
    REQUEST_REFUSED = "request_refused"
    QUOTA = "quota"
    CANCELLED = "cancelled"
    PROCESS_CRASH = "process_crash"
    OTHER = "_OTHER"

    @property
    def disables_provider(self) -> bool:
        """Whether asking this provider again in the same way is pointless."""
        return self in _DISABLING


_DISABLING = frozenset({ErrorKind.AUTH, ErrorKind.REQUEST_REFUSED, ErrorKind.QUOTA})


class ExitCode:
    """Exit codes of the `orchestrator` command. They are documented in the README; scripts rely on them."""

    DONE = 0
    INTERNAL = 1
    USAGE = 2
    CONFIGURATION = 3
    NO_PROVIDER = 4
    PRODUCER_START = 5
    STORAGE = 6
    INTERRUPTED = 130


class OrchestratorError(Exception):
    """Base of every error that this project raises on purpose."""

    exit_code: ClassVar[int] = ExitCode.INTERNAL


class UsageError(OrchestratorError):
    """The command line cannot be understood or contradicts itself."""

    exit_code = ExitCode.USAGE


class ConfigurationError(OrchestratorError):
    """A setting, the `.env` file or a folder is not usable."""

    exit_code = ExitCode.CONFIGURATION


class NoProviderError(OrchestratorError):
    """No provider is configured, or every one has been disabled."""

    exit_code = ExitCode.NO_PROVIDER


class ProducerStartError(OrchestratorError):
    """Producer processes end before they are ready."""

    exit_code = ExitCode.PRODUCER_START


class StorageError(OrchestratorError):
    """The run's files cannot be read or written (a full disk, missing rights)."""

    exit_code = ExitCode.STORAGE


class FolderBusyError(StorageError):
    """Another live run holds the output folder."""


class ForeignDatabaseError(StorageError):
    """`run.db` is not a run's database, is damaged, or was written by a newer version."""


class ServiceError(OrchestratorError):
    """Web mode cannot begin or go on: its web server does not start."""


class ChannelError(OrchestratorError):
    """Bytes on a channel that are not a message of this version."""


class ProviderError(OrchestratorError):
    """A call to a provider failed.

    Args:
        message: One line for the user; holds no key and no prompt.
        status: HTTP status, where there was one; None for an error in the middle of a stream, which began with 200.
        retry_after_s: Seconds that the provider asked us to wait, where it did.
        unsent: Whether the request certainly never left: it cannot have cost anything.
    """

    kind: ClassVar[ErrorKind] = ErrorKind.OTHER

    def __init__(
        self, message: str, *, status: int | None = None, retry_after_s: float | None = None, unsent: bool = False
    ) -> None:
        super().__init__(message)
        self.unsent = unsent
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s


class ProviderTimeout(ProviderError):  # noqa: N818 - the field's word; "TimeoutError" would shadow the built-in's meaning
    """No answer, or no further chunk, within the time-out."""

    kind = ErrorKind.TIMEOUT


class ConnectionFailed(ProviderError):  # noqa: N818
    """The endpoint cannot be reached, or the connection broke before the response began."""

    kind = ErrorKind.CONNECTION


class Overloaded(ProviderError):  # noqa: N818
    """The provider answered 5xx or 529."""

    kind = ErrorKind.OVERLOADED


class RateLimited(ProviderError):  # noqa: N818
    """The provider answered 429."""

    kind = ErrorKind.RATE_LIMITED


class BadResponse(ProviderError):  # noqa: N818
    """A 2xx answer that is not the provider's protocol: HTML, an empty body, garbage events."""

    kind = ErrorKind.BAD_RESPONSE


class StreamTruncated(ProviderError):  # noqa: N818
    """The stream ended, or its connection broke, before a finish reason came."""

    kind = ErrorKind.STREAM_TRUNCATED


class ContextOverflow(ProviderError):  # noqa: N818
    """The prompt and the answer do not fit the model's context."""

    kind = ErrorKind.CONTEXT_OVERFLOW


class AuthFailed(ProviderError):  # noqa: N818
    """The key is wrong or may not use this model (401, 403)."""

    kind = ErrorKind.AUTH


class RequestRefused(ProviderError):  # noqa: N818
    """The provider does not accept the request (400, 404, 422): a wrong model name or parameter."""

    kind = ErrorKind.REQUEST_REFUSED


class QuotaExhausted(ProviderError):  # noqa: N818
    """The account has no credit left; waiting does not help."""

    kind = ErrorKind.QUOTA
