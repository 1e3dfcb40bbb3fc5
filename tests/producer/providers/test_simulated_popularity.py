"""How the simulated model draws: by weight, without replacement, each model in its own order."""

import math
import random
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.providers.simulated import SimulationOptions, universe_of
from producer.providers.simulated.popularity import Popularity, compliance, popularity_of

OPTIONS = SimulationOptions(universe_size=1000)
WORLD = universe_of("popularity", OPTIONS)


@given(st.lists(st.floats(1e-12, 1e12), min_size=1, max_size=50), st.integers())
def test_a_full_draw_is_a_permutation(weights: list[float], seed: int) -> None:
    """Every item comes exactly once, however extreme the weights."""
    popularity = Popularity(list(range(len(weights))), weights)
    assert sorted(popularity.draw(random.Random(seed))) == list(range(len(weights)))


def test_draws_follow_plackett_luce() -> None:
    """The first two places of weights 6, 3, 1 come with their exact probabilities."""
    popularity = Popularity([0, 1, 2], [6.0, 3.0, 1.0])
    rng = random.Random(1)
    rounds = 20_000
    counts = Counter(tuple(islice(popularity.draw(rng), 2)) for _ in range(rounds))
    expected = {(0, 1): 0.6 * 3 / 4, (0, 2): 0.6 / 4, (1, 0): 0.3 * 6 / 7, (1, 2): 0.3 / 7, (2, 0): 0.1 * 6 / 9}
    for places, probability in expected.items():
        assert counts[places] / rounds == pytest.approx(probability, abs=0.015)


def test_the_last_places_follow_plackett_luce_too() -> None:
    """Where draws change from rejection to arrival times, the distribution stays: rare items come last, by weight."""
    weights = [1e9, 1e9, 3.0, 1.0]
    rng = random.Random(2)
    rounds = 4_000
    ends = Counter(tuple(Popularity([0, 1, 2, 3], weights).draw(rng))[2:] for _ in range(rounds))
    assert set(ends) == {(2, 3), (3, 2)}
    assert ends[2, 3] / rounds == pytest.approx(0.75, abs=0.03)


def test_first_places_have_a_zipf_slope() -> None:
    """On log-log axes the first item's frequency falls with rank by the exponent."""
    popularity = popularity_of(WORLD, "m", SimulationOptions(universe_size=1000, zipf_exponent=1.0))
    rank = {index: place for place, index in enumerate(popularity.order, start=1)}
    rng = random.Random(3)
    counts = Counter(rank[next(popularity.draw(rng))] for _ in range(30_000))
    points = [(math.log(place), math.log(counts[place])) for place in (1, 2, 4, 8, 16, 32)]
    mean_x, mean_y = (sum(column) / len(points) for column in zip(*points, strict=True))
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    assert slope == pytest.approx(-1.0, abs=0.1)


@pytest.mark.parametrize("law", ["zipf", "lognormal"])
def test_weights_fall_with_rank(law: str) -> None:
    """A more popular item never weighs less."""
    weights = popularity_of(WORLD, "m", SimulationOptions(universe_size=1000, popularity=law)).weights  # type: ignore[arg-type]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > 10 * weights[-1] > 0


def test_lognormal_weights_have_their_sigma() -> None:
    """The logarithms' standard deviation is the option's."""
    options = SimulationOptions(universe_size=1000, popularity="lognormal", lognormal_sigma=1.5)
    logs = [math.log(weight) for weight in popularity_of(WORLD, "m", options).weights]
    mean = sum(logs) / len(logs)
    assert math.sqrt(sum((log - mean) ** 2 for log in logs) / len(logs)) == pytest.approx(1.5, rel=0.1)


@pytest.mark.parametrize(("wanted", "low", "high"), [(1.0, 1.0, 1.0), (0.8, 0.5, 0.75), (0.0, -0.1, 0.1)])
def test_models_share_as_much_of_the_order_as_asked(wanted: float, low: float, high: float) -> None:
    """Two models correlate through the base order they share: by the square of the option, in log rank."""
    options = SimulationOptions(universe_size=1000, model_correlation=wanted)
    columns = []
    for model in ("one", "two"):
        order = popularity_of(WORLD, model, options).order
        log_rank = dict(zip(order, (math.log(place) for place in range(1, 1001)), strict=True))
        columns.append([log_rank[index] for index in range(1000)])
    mean = sum(columns[0]) / 1000
    variance = sum((x - mean) ** 2 for x in columns[0])
    correlation = sum((x - mean) * (y - mean) for x, y in zip(*columns, strict=True)) / variance
    assert low - 1e-9 <= correlation <= high + 1e-9


def test_obedience_decays_with_the_length_of_the_avoid_list() -> None:
    """From `compliance_short` for nothing to `compliance_long` for endless lists, 63 % of the way at the scale."""
    options = SimulationOptions(compliance_short=0.9, compliance_long=0.5, compliance_scale=100)
    assert compliance(0, options) == pytest.approx(0.9)
    assert compliance(100, options) == pytest.approx(0.9 - 0.4 * (1 - math.exp(-1)))
    assert compliance(10_000, options) == pytest.approx(0.5)


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_a_model_knows_its_share_of_the_items(share: float) -> None:
    """The best known ones in its own order; at least one."""
    world = universe_of("chemical elements")
    whole = popularity_of(world, "m", SimulationOptions())
    part = popularity_of(world, "m", SimulationOptions(known_share=share))
    assert part.order == whole.order[: max(1, math.ceil(share * 118))]
    assert part.weights == whole.weights[: len(part.order)]
