"""Who is asked, and how much at once: first answers are seen before more is asked; the cheap are asked more often."""

from __future__ import annotations

from collections import Counter

from tester.checks import check, check_consistent, check_equal, check_exit
from tester.fake_provider import Entry
from tester.scenario import TOPIC, Context
from tester.scenarios.proof import proven
from tester.served import names as item_names

_AT_FIRST = 5
"""Requests that may be open until `_SEEN` answers have come."""
_SEEN = 2
_ANSWER_S = 0.4
_APIS = ("openai", "anthropic")
_ORDERS = 40
_OFTEN = 3.0
"""How many times as often as one of eight times its price the cheap provider must be asked."""


def first_answers(context: Context) -> None:
    """Sixteen places are free, and five are used until two answers have been seen."""
    served = context.serve(item_names(3000, context.seed), items_per_response=60, duration_s=_ANSWER_S, chunk_chars=60)
    place = context.place("first-answers")
    ended = context.run(
        *("--topic", TOPIC, "--provider", "openai:model", "--producers", "4", "--concurrency", "4"),
        *("--request-size", "60", "--iterations", "6"),
        place=place,
        environment=served.environment("openai"),
    )
    check_exit(ended, 0)
    entries = served.entries()
    seen = sorted(entry.ended_at for entry in entries)[_SEEN - 1]
    early = max(_open_at(entry.started_at, entries) for entry in entries if entry.started_at < seen)
    check(early <= _AT_FIRST, f"{early} requests were open before {_SEEN} answers had come; {_AT_FIRST} would do")
    most = served.provider.ledger.max_in_flight
    check(most > _AT_FIRST, f"16 requests may be open at the same time; there were never more than {most}")
    check_equal("requests", len(entries), 24)
    files = context.files(place)
    check_consistent(files)
    proven(context, ended, files, served=entries)


def _open_at(when: float, entries: list[Entry]) -> int:
    """Requests that had begun by then and had not ended."""
    return sum(entry.started_at <= when < entry.ended_at for entry in entries)


def prices(context: Context) -> None:
    """Of two providers that know the same, with even weights, the cheap one is asked most; the other one is, too."""
    asked = _asked(context, "prices", "openai:model,anthropic:model")
    cheap, dear = asked["openai"], asked["anthropic"]
    check(dear > 0, "the dear provider was never asked: what it alone knows would never be found")
    check(cheap >= _OFTEN * dear, f"the cheap provider got {cheap} orders, and one of eight times its price {dear}")


def weights(context: Context) -> None:
    """Weights that the user sets hold, whatever the prices."""
    asked = _asked(context, "weights", "openai:model:1,anthropic:model:3")
    check_equal("orders with weights 1 and 3", asked, Counter(openai=_ORDERS // 4, anthropic=3 * _ORDERS // 4))


def _asked(context: Context, name: str, providers: str) -> Counter[str]:
    """Orders of each provider in a run with both."""
    served = context.serve(item_names(1000, context.seed), items_per_response=20)
    place = context.place(name)
    ended = context.run(
        *("--topic", TOPIC, "--provider", providers, "--producers", "2", "--concurrency", "2"),
        *("--request-size", "20", "--iterations", str(_ORDERS // 2), "--seed", str(context.seed)),
        *("--price", "openai:model=0.25,1", "--price", "anthropic:model=2,8"),
        place=place,
        environment=served.environment(*_APIS),
    )
    check_exit(ended, 0)
    files = context.files(place)
    check_consistent(files)
    proven(context, ended, files, served=served.entries())
    check_equal(f"requests of {providers}", len(served.entries()), _ORDERS)
    return Counter(order.provider for order in files.orders())
