"""Three vendors at once: who found what, and what it cost, is written down rightly."""

from __future__ import annotations

from collections import defaultdict

from contract import spans as names
from tester.checks import check, check_consistent, check_equal, check_exit, check_same_items
from tester.fake_provider import Entry
from tester.scenario import TOPIC, Context
from tester.scenarios.proof import proven
from tester.served import delivered
from tester.served import names as item_names
from tester.trace import Trace

_APIS = ("openai", "anthropic", "gemini")
_ITEMS = 40


class Providers:
    """A run on OpenAI, Anthropic and Gemini together."""

    name = "providers"
    description = "OpenAI, Anthropic and Gemini at once: provenance and tokens in run.db are those of the servers"

    def run(self, context: Context) -> None:
        """Play it."""
        place = context.place("providers")
        served = context.serve(item_names(600, context.seed), items_per_response=_ITEMS, thoughts=True)
        ended = context.run(
            *("--topic", TOPIC, "--producers", "3", "--iterations", "4", "--request-size", str(_ITEMS)),
            *("--provider", ",".join(f"{api}:{api}-model" for api in _APIS)),
            place=place,
            environment=served.environment(*_APIS),
        )
        check_exit(ended, 0)
        files, entries = context.files(place), served.entries()
        check_consistent(files)
        check_equal("orders", len(files.orders()), 12)
        check_equal("requests at the servers", len(entries), 12)
        trace = proven(context, ended, files, served=entries)
        check_same_items("attributes.txt beside what was sent", files.lines(), delivered(entries))
        sent = _by_api(entries)
        _check_trace(trace, sent)
        check_equal("vendors asked", sorted(sent), sorted(_APIS))
        for api in _APIS:
            orders = [order for order in files.orders() if order.provider == api]
            check_equal(f"models of {api}'s orders", {order.model for order in orders}, {f"{api}-model"})
            check_equal(f"models asked of {api}", {entry.model for entry in sent[api]}, {f"{api}-model"})
            for what in ("input_tokens", "output_tokens"):
                seen = sorted(getattr(order, what) for order in orders)
                check_equal(f"{what} of {api}'s orders", seen, sorted(getattr(entry, what) for entry in sent[api]))
            found = {item.text for item in files.items() if item.provider == api}
            check(found, f"no item has {api} for its provenance")
            check(found <= delivered(sent[api]), f"an item has {api} for its provenance though {api} never sent it")


def _check_trace(trace: Trace, sent: dict[str, list[Entry]]) -> None:
    """Each vendor's calls bear its name, and go to its address; each is one HTTP request that went well."""
    for api, provider, operation in (
        ("openai", "openai", "chat"),
        ("anthropic", "anthropic", "chat"),
        ("gemini", "gcp.gemini", "generate_content"),
    ):
        asked = len(sent[api])  # with even weights some are asked more often than others
        called = trace.select(attributes={names.GEN_AI_PROVIDER: provider}).count(asked)
        called.every({names.GEN_AI_OPERATION: operation, names.GEN_AI_MODEL: f"{api}-model", names.GEN_AI_STREAM: True})
        called.select(name=names.inference_name(operation, f"{api}-model"), kind="client").count(asked)
        called.children().named(names.ATTEMPT).count(asked).every({names.HTTP_STATUS: 200})
    trace.select(status="error").none()


def _by_api(entries: list[Entry]) -> dict[str, list[Entry]]:
    by_api: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_api[entry.api].append(entry)
    return by_api
