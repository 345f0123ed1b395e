"""The base of all samplers."""

from __future__ import annotations

import abc as _abc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from lightcrest.distributions import BaseDistribution
    from lightcrest.study import Study
    from lightcrest.trial import FrozenTrial, TrialState


class BaseSampler(_abc.ABC):
    """The base of all samplers. One that is written in Python defines the first three methods."""

    # What the engine does in its place: a name, settings and a seed.
    _name = "random"
    _settings: dict[str, Any] = {}
    _seed: int | None = None
    # Whether the engine does it where the space is declared.
    _enumerates_declared = False
    # Gives the constraints of a trial at its end: numbers that are at most 0 where they are satisfied.
    _constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None

    # Called with the study and the number of a trial that the engine has proposed for.
    _asked: Any = None

    def _settings_for(self, study: Any) -> dict[str, Any]:
        """The engine's settings in a study."""
        return self._settings

    @_abc.abstractmethod
    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters that sample_relative will give values of, by name."""
        raise NotImplementedError

    @_abc.abstractmethod
    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of these parameters, chosen together."""
        raise NotImplementedError

    @_abc.abstractmethod
    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value of a parameter that sample_relative gave none of."""
        raise NotImplementedError

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Called when a trial begins."""

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Called before a trial ends."""

    def reseed_rng(self) -> None:
        """Draws a new seed, if the sampler has one of its own."""

    def __str__(self) -> str:
        return type(self).__name__


class _OneByOne(BaseSampler):
    """The base of samplers that choose each value when it is asked for."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing: values are given one by one."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing: values are given one by one."""
        return {}
