"""Brute force over spaces that an objective discovers while it runs."""

from __future__ import annotations

from random import Random as _Random
from types import MappingProxyType

from lightcrest._warn import experimental as _experimental
from lightcrest.distributions import CategoricalDistribution, _same_choice
from lightcrest.samplers._base import _OneByOne
from lightcrest.samplers._engine import _BY_NAME
from lightcrest.trial import TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from lightcrest.distributions import BaseDistribution
    from lightcrest.study import Study
    from lightcrest.trial import FrozenTrial


@_experimental
class BruteForceSampler(_OneByOne):
    """Tries every configuration once, in random order, and ends the run when all were tried. Floats need a step.

    Which parameter follows on which values is known from the trials so far, so ranges and conditions may depend on other parameters; but
    after the same values an objective must always ask for the same. A declared space is left to the engine.
    """

    _name = "brute_force"
    _enumerates_declared = True

    def __init__(self, seed: int | None = None, avoid_premature_stop: bool = False) -> None:
        """avoid_premature_stop: whether what other trials are running counts as untried, so that one of them may die and nothing is left
        out; a few configurations may be tried twice then."""
        self._seed = None if seed is None else int(seed) % 2**64
        self._random = _Random(seed)
        self._again = avoid_premature_stop

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A value below which something is untried; any, if nothing is. ValueError if there are infinitely many."""
        node = _Node()
        node.follow(param_name, param_distribution)
        others = (other for other in study.get_trials(deepcopy=False) if other.number != trial.number)
        node.grow(others, trial.params)
        return _value(param_distribution, node.draw(self._random, self._again))

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Ends the run when everything was tried. Looks near the trial first, where something is left most often."""
        trials = study.get_trials(deepcopy=False)
        given = dict(trial.params)
        while given:
            given.popitem()
            node = _Node()
            node.grow(trials, given, {trial.number: state})
            if node.left(self._again) > 0:
                return
        study._stop.set()

    def reseed_rng(self) -> None:
        """Draws a new seed."""
        self._random.seed()

    def __repr__(self) -> str:
        return f"BruteForceSampler(seed={self._seed})"


class _Node:
    """What is known of the configurations with some values in common: that a trial runs or ended there, or which parameter follows."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.distribution: BaseDistribution | None = None
        self.below: dict[int, _Node | None] = {}
        self.running = False
        self.ended = False
        # Whether a complete trial asked for no more.
        self.whole = False

    def follow(self, name: str, distribution: BaseDistribution) -> None:
        """Notes that this parameter is asked for here."""
        if self.name is None:
            self.name, self.distribution = name, distribution
            self.below = dict.fromkeys(range(_count(name, distribution)))
        elif self.name != name or self.distribution != distribution:
            raise ValueError(
                f"brute force needs an objective that always asks for the same after the same values, but after those of {name!r} or "
                f"{self.name!r} it asked for {self.name!r}, {self.distribution}, and for {name!r}, {distribution}"
            )

    def grow(
        self, trials: Iterable[FrozenTrial], given: dict[str, Any], ending: Mapping[int, TrialState] = MappingProxyType({})
    ) -> None:
        """Notes the trials that have the given values; those of some numbers are about to end, in these states."""
        for trial in trials:
            if trial.state is TrialState.WAITING:
                continue
            known = trial.params
            if all(name in known and _same_choice(known[name], value) for name, value in given.items()):
                self.note(trial, given, ending.get(trial.number, trial.state))

    def note(self, trial: FrozenTrial, given: dict[str, Any], state: TrialState) -> None:
        """Notes one trial, unless it has values that are not of its ranges."""
        node = self
        for name, distribution in trial.distributions.items():
            if name in given:
                continue
            if node.whole:
                raise ValueError(f"brute force: trial {trial.number} asked for {name!r} where another had all of its values already")
            node.follow(name, distribution)
            position = _position(distribution, trial.params[name])
            if position not in node.below:
                return
            deeper = node.below[position]
            if deeper is None:
                deeper = node.below[position] = _Node()
            node = deeper
        if state is TrialState.COMPLETE:
            if node.name is not None:
                raise ValueError(f"brute force: trial {trial.number} did not ask for {node.name!r}, but others with the same values did")
            node.whole = True
        if state.is_finished():
            node.ended = True
        else:
            node.running = True

    def left(self, again: bool) -> int:
        """How many branches are untried; with `again`, those of running trials count."""
        if self.name is not None:
            return sum(1 if node is None else node.left(again) for node in self.below.values())
        return 0 if self.ended or (self.running and not again) else 1

    def draw(self, random: _Random, again: bool) -> int:
        """A branch with something left: half by how much there is, half evenly, so that a branch that few trials know is not forgotten."""
        left = {k: 1 if node is None else node.left(again) for k, node in self.below.items()}
        if not any(left.values()):
            return random.randrange(len(left))
        free = {k: n for k, n in left.items() if n and not self._runs(k)}
        left = free or {k: n for k, n in left.items() if n}
        total = sum(left.values())
        return random.choices(list(left), [n / total + 1 / len(left) for n in left.values()])[0]

    def _runs(self, k: int) -> bool:
        node = self.below[k]
        return node is not None and node.name is None and node.running


def _count(name: str, distribution: Any) -> int:
    """How many values there are."""
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices)
    if distribution.step is None:
        raise ValueError(f"{name!r} has infinitely many values: it is {distribution}; give it a step or choices")
    return round((distribution.high - distribution.low) / distribution.step) + 1


def _position(distribution: Any, value: Any) -> int | None:
    """Which of the values it is; None if it is none of them."""
    internal = distribution.to_internal_repr(value)
    if isinstance(distribution, CategoricalDistribution):
        return int(internal)
    return round((internal - distribution.low) / distribution.step) if distribution._contains(internal) else None


def _value(distribution: Any, position: int) -> Any:
    """The value at a position."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[position]
    if isinstance(distribution.step, int):
        return distribution.low + position * distribution.step
    from decimal import Decimal

    return float(Decimal(str(distribution.low)) + position * Decimal(str(distribution.step)))


_BY_NAME["brute_force"] = BruteForceSampler
