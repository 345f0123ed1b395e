"""One generation after another in Python: for genetic samplers with a crossover, a mutation or a strategy that is written in Python.

The engine does the same by itself where it knows all parts; see its sampler/nsga.
"""

from __future__ import annotations

from lightcrest import _engine
from lightcrest._front import oriented
from lightcrest.distributions import CategoricalDistribution
from lightcrest.samplers._transform import SearchSpaceTransform
from lightcrest.search_space import intersection_search_space
from lightcrest.trial import TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy as np

    from lightcrest.distributions import BaseDistribution
    from lightcrest.samplers.nsgaii import BaseCrossover, BaseMutation
    from lightcrest.study import Study
    from lightcrest.trial import FrozenTrial

# How often a crossover may leave the range before its child is put at the end of it.
_CROSSOVERS = 100


def generator(seed: int | None) -> np.random.RandomState:
    """Random numbers as crossovers and mutations that are written in Python take them."""
    try:
        import numpy as np
    except ImportError as error:
        raise ImportError("crossovers, mutations and strategies that are written in Python need the package numpy") from error
    return np.random.RandomState(None if seed is None else seed % 2**32)


def space_of(study: Study) -> dict[str, BaseDistribution]:
    """The parameters that all complete trials have, but for those that have one value only."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return {name: found for name, found in intersection_search_space(trials).items() if not found.single()}


def violation(trial: FrozenTrial) -> float:
    """By how much a trial breaks its constraints, added up."""
    return sum(max(excess, 0.0) for excess in trial.constraints.values())


class Elite:
    """Who survives: of a population the best by fronts, and of the front that does not fit the loneliest, or those in the emptiest niches."""

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        """name: of the engine's sampler, "nsga2" or "nsga3". settings: its own."""
        self._name, self._settings = name, settings

    def __call__(self, study: Study, population: list[FrozenTrial]) -> list[FrozenTrial]:
        """The survivors of a population."""
        points = [oriented(study.directions, trial.values or ()) for trial in population]
        seed = max((trial.number for trial in population), default=0)
        chosen = _engine.survivors(self._name, self._settings, points, [violation(trial) for trial in population], seed)
        return [population[i] for i in chosen]


class Children:
    """Makes children of a population: two or more parents, each the better of two, their values combined, some of them changed."""

    def __init__(
        self,
        crossover: BaseCrossover,
        crossover_prob: float,
        swapping_prob: float,
        mutation: BaseMutation | None,
        mutation_prob: float | None,
        rng: np.random.RandomState,
    ) -> None:
        self._crossover, self._crossover_prob, self._swapping_prob = crossover, crossover_prob, swapping_prob
        self._mutation, self._mutation_prob = mutation, mutation_prob
        self._rng = rng

    def __call__(
        self, study: Study, search_space: dict[str, BaseDistribution], parent_population: list[FrozenTrial]
    ) -> dict[str, Any]:
        """The values of a child by name; what is missing is drawn at random."""
        rng = self._rng
        parents = [trial for trial in parent_population if all(name in trial.params for name in search_space)]
        if not parents:
            return {}
        if rng.rand() < self._crossover_prob and len(parents) >= self._crossover.n_parents:
            child = self._crossed(study, search_space, parents)
        else:
            chosen = parents[rng.randint(len(parents))].params
            child = {name: chosen[name] for name in search_space}
        share = 1.0 / max(1, len(child)) if self._mutation_prob is None else self._mutation_prob
        params = {}
        for name, value in child.items():
            if rng.rand() >= share:
                params[name] = value
            elif self._mutation is not None and not isinstance(search_space[name], CategoricalDistribution):
                params[name] = mutated(self._mutation, study, search_space[name], value, rng)
        return params

    def _crossed(
        self, study: Study, search_space: dict[str, BaseDistribution], population: list[FrozenTrial]
    ) -> dict[str, Any]:
        import numpy as np

        numeric = {name: found for name, found in search_space.items() if not isinstance(found, CategoricalDistribution)}
        transform = SearchSpaceTransform(numeric)
        for attempt in range(1, _CROSSOVERS + 1):
            parents = self._parents(study, population)
            child = {
                name: parents[0 if self._rng.rand() < self._swapping_prob else -1].params[name]
                for name in search_space
                if name not in numeric
            }
            if not numeric:
                return child
            rows = np.stack([transform.transform({name: parent.params[name] for name in numeric}) for parent in parents])
            row = self._crossover.crossover(rows, self._rng, study, transform.bounds)
            low, high = transform.bounds[:, 0], transform.bounds[:, 1]
            if attempt == _CROSSOVERS or bool(np.all((low <= row) & (row <= high))):
                child |= transform.untransform(np.clip(row, low, high))
                break
        return {name: child[name] for name in search_space}

    def _parents(self, study: Study, population: list[FrozenTrial]) -> list[FrozenTrial]:
        """Different trials, each the better of two."""
        left, chosen = list(population), []
        for _ in range(self._crossover.n_parents):
            first, second = (left[self._rng.randint(len(left))] for _ in range(2))
            winner = first if better(study, first, second) else second
            chosen.append(winner)
            left = [trial for trial in left if trial is not winner]
        return chosen


def better(study: Study, first: FrozenTrial, second: FrozenTrial) -> bool:
    """Whether a trial breaks its constraints less than another, or both satisfy them and it dominates."""
    broken, other = violation(first), violation(second)
    if broken > 0 or other > 0:
        return broken < other
    a, b = (oriented(study.directions, trial.values or ()) for trial in (first, second))
    return a != b and all(x >= y for x, y in zip(a, b))


def mutated(
    mutation: BaseMutation, study: Study, distribution: BaseDistribution, value: Any, rng: np.random.RandomState
) -> Any:
    """A numeric value after a mutation, within its range."""
    import numpy as np

    transform = SearchSpaceTransform({"": distribution})
    low, high = transform.bounds[0]
    number = mutation.mutation(float(transform.transform({"": value})[0]), rng, study, transform.bounds[0])
    return transform.untransform(np.array([min(max(number, low), high)]))[""]


def check_probabilities(**probabilities: float | None) -> None:
    """Raises a ValueError unless all that are given are probabilities."""
    for name, value in probabilities.items():
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"`{name}` must be a probability, but got {value}")


def reference_rows(points: Any) -> Sequence[Sequence[float]] | None:
    """Reference points of NSGA-III as lists of numbers. (k, m)"""
    if points is None:
        return None
    rows = [[float(number) for number in point] for point in points]
    if not rows or len({len(row) for row in rows}) != 1 or any(number < 0 for row in rows for number in row):
        raise ValueError("`reference_points` must be a table of numbers that are 0 or more, a row for each point and a column for each objective")
    return rows
