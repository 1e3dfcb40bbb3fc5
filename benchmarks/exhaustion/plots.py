"""The plots of docs/exhaustion.md: `pip install matplotlib`, then `python -m benchmarks.exhaustion.plots`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.exhaustion.simulation import Look, simulate
from benchmarks.exhaustion.world import WorldOptions

DOCS = Path(__file__).parents[2] / "docs"
_SIZE = 2000
_SEED = 101
_NAIVE, _STEERED, _TRUTH = "#9a6700", "#0550ae", "#1f2328"
_STYLE = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "exhaustion",
}


def main() -> None:
    """Write both."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update(_STYLE)
    _recall(DOCS / "exhaustion-recall.svg")
    _coverage(DOCS / "exhaustion-coverage.svg")


def _recall(path: Path) -> None:
    """Share of the items that are known, against calls: asked afresh and steered."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
    for axis, law in zip(axes, ("zipf", "lognormal"), strict=True):
        for strategy, colour, name in (("plain", _NAIVE, "asked afresh"), ("auto", _STEERED, "steered")):
            looks = _looks(law, strategy, range(2, 302, 4), 300)
            axis.plot([look.calls for look in looks], [look.recall for look in looks], color=colour, label=name)
        axis.set(title=f"{_SIZE:,} items, {law}", xlabel="requests", ylim=(0, 1.02), xlim=(0, 300))
        axis.axhline(0.95, color=_TRUTH, linewidth=0.5, linestyle=":")
    axes[0].set_ylabel("share of all items that is known")
    axes[0].legend(loc="lower right", frameon=False)
    figure.savefig(path, metadata={"Date": None})


def _coverage(path: Path) -> None:
    """Coverage as it is shown, with its interval, against the truth, and the share of distinct items."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
    for axis, law in zip(axes, ("zipf", "lognormal"), strict=True):
        looks = [look for look in _looks(law, "auto", range(4, 140, 3), 140) if look.coverage is not None]
        calls = [look.calls for look in looks]
        shown = [look.coverage for look in looks if look.coverage is not None]
        low, high = [one.low for one in shown], [one.high for one in shown]
        axis.fill_between(calls, low, high, color=_STEERED, alpha=0.2, label="its 90 % interval", linewidth=0)
        axis.plot(calls, [one.estimate for one in shown], color=_STEERED, label="coverage as shown")
        axis.plot(calls, [look.truth for look in looks], color=_TRUTH, linestyle="--", label="true coverage")
        axis.plot(calls, [look.recall for look in looks], color=_NAIVE, label="share of distinct items")
        axis.set(title=f"{_SIZE:,} items, {law}", xlabel="requests", ylim=(0, 1.02), xlim=(0, 140))
    axes[1].legend(loc="lower right", frameon=False)
    figure.savefig(path, metadata={"Date": None})


def _looks(law: str, strategy: str, at: range, calls: int) -> list[Look]:
    options = WorldOptions(size=_SIZE, law=law, seed=_SEED)
    return simulate(options, strategy, seed=_SEED, targets=(1.1,), max_calls=calls, looks=set(at)).looks


if __name__ == "__main__":
    main()
