"""Search on a grid."""

from __future__ import annotations

from itertools import product as _product

from lightcrest._warn import warn as _warn
from lightcrest.samplers._base import _OneByOne

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from lightcrest.distributions import BaseDistribution
    from lightcrest.study import Study
    from lightcrest.trial import FrozenTrial, TrialState


class GridSampler(_OneByOne):
    """Tries every point of a grid once, in an order that the seed decides, and ends the run when all were tried.

    Points are told apart across runs: a study that is found again goes on where it was.
    """

    def __init__(self, search_space: Mapping[str, Sequence[Any]], seed: int | None = None) -> None:
        """search_space: the values of each parameter, which are None, bools, ints, floats or strings."""
        self._space = {name: list(values) for name, values in sorted(search_space.items())}
        for name, values in self._space.items():
            for value in values:
                if value is not None and not isinstance(value, (bool, int, float, str)):
                    _warn(f"{name!r} should be None, bools, ints, floats or strings, but has {value!r}")
        self._points = list(_product(*self._space.values()))
        self._order = list(range(len(self._points)))
        self._seed = seed
        self._shuffled = False

    def _shuffle(self) -> None:
        if not self._shuffled:
            import random

            random.Random(0 if self._seed is None else self._seed).shuffle(self._order)
            self._shuffled = True

    def _taken(self, study: Study, running: bool) -> set[int]:
        """The points of finished trials, and of running ones if they count."""
        taken = set()
        for trial in study.get_trials(deepcopy=False):
            system = trial.system_attrs
            if "grid_id" in system and system.get("search_space") == self._space:
                if running or trial.state.is_finished():
                    taken.add(system["grid_id"])
        return taken

    def is_exhausted(self, study: Study) -> bool:
        """Whether all points were tried."""
        return len(self._taken(study, running=False)) >= len(self._points)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Chooses the point of a trial."""
        if "fixed_params" in trial.system_attrs or not self._points:
            return
        self._shuffle()
        taken = self._taken(study, running=True)
        finished = self._taken(study, running=False)
        free = [point for point in self._order if point not in taken]
        free = free or [point for point in self._order if point not in finished]
        if not free:
            from lightcrest import logging

            logging._root.warning("All points of the grid were tried: one of them is tried again.")
            free = self._order
        study._set_system(trial.number, "search_space", self._space)
        study._set_system(trial.number, "grid_id", free[0])

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value at the trial's point."""
        if param_name not in self._space:
            raise ValueError(f"parameter {param_name!r} is not in the grid: give it values there")
        if "grid_id" not in trial.system_attrs:
            raise ValueError(f"trial {trial.number} was enqueued without a value of parameter {param_name!r}")
        point = self._points[trial.system_attrs["grid_id"]]
        value = point[list(self._space).index(param_name)]
        if not param_distribution._contains(param_distribution.to_internal_repr(value)):
            _warn(f"the value {value!r} of parameter {param_name!r} is out of the range of {param_distribution}")
        return value

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Ends the run when all points were tried."""
        finished = self._taken(study, running=False)
        finished.add(trial.system_attrs.get("grid_id", -1))
        if finished.issuperset(range(len(self._points))):
            study._stop.set()

    def __repr__(self) -> str:
        return f"GridSampler({self._space!r}, seed={self._seed})"
