"""What proposes the next configuration: the engine's samplers, and the base of those that are written in Python."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from lightcrest.distributions import BaseDistribution
    from lightcrest.study import Study
    from lightcrest.trial import FrozenTrial, TrialState

__all__ = ["AutoSampler", "BaseSampler", "GPSampler", "RandomSampler"]


class BaseSampler:
    """The base of all samplers. One that is written in Python defines the first three methods."""

    # What the engine does in its place: a name, settings and a seed.
    _name = "random"
    _settings: dict[str, Any] = {}
    _seed: int | None = None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters that sample_relative will give values of, by name."""
        raise NotImplementedError

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of these parameters, chosen together."""
        raise NotImplementedError

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


class _EngineSampler(BaseSampler):
    """A sampler of the engine: a name that it knows, settings and a seed.

    The same seed gives the same sequence when results come in the same order; None draws one. In a study the engine does the
    work. The methods of BaseSampler are for samplers that are built on these.
    """

    def __init__(self, seed: int | None = None, **settings: Any) -> None:
        self._seed = None if seed is None else int(seed) % 2**64
        self._settings = settings
        self._mirror: Any = None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters that the engine would propose values of."""
        return self._mirrored(study, trial).domains()

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What the engine proposes."""
        if not search_space:
            return {}
        proposal = self._mirrored(study, trial).proposal(trial.number)
        return {name: value for name, value in proposal.items() if name in search_space}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A value at random."""
        return self._mirrored(study, trial).draw(trial.number, param_name, param_distribution)

    def _mirrored(self, study: Study, trial: FrozenTrial) -> Any:
        from lightcrest._mirror import Mirror

        if self._mirror is None or not self._mirror.of(study):
            self._mirror = Mirror(study, self._name, self._settings, self._seed)
        self._mirror.follow(study, trial.number)
        return self._mirror

    def reseed_rng(self) -> None:
        """Nothing: threads of one study share its random numbers without meeting."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(seed={self._seed})"


class RandomSampler(_EngineSampler):
    """Random search: every parameter uniform on its scale."""

    _name = "random"

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(seed)


class GPSampler(_EngineSampler):
    """Bayesian optimisation with Gaussian processes, also on conditional spaces and with several objectives."""

    _name = "gp"

    def __init__(
        self,
        *,
        seed: int | None = None,
        independent_sampler: BaseSampler | None = None,
        n_startup_trials: int = 10,
        deterministic_objective: bool = False,
        constraints_func: Any = None,
        warn_independent_sampling: bool = True,
    ) -> None:
        """The first n_startup_trials are drawn at random.

        The other arguments are accepted where Optuna takes them: the engine estimates noise itself and draws what it cannot
        propose. Instead of `constraints_func`, let the objective call Trial.set_constraint.
        """
        super().__init__(seed, startup_trials=n_startup_trials)
        _no_constraints_func(constraints_func)


class AutoSampler(_EngineSampler):
    """The default: what the engine thinks best for the study."""

    _name = "auto"

    def __init__(self, *, seed: int | None = None) -> None:
        super().__init__(seed)


def _no_constraints_func(constraints_func: Any) -> None:
    if constraints_func is not None:
        raise ValueError("`constraints_func` is not supported: let the objective call `trial.set_constraint(key, value)`")


_BY_NAME = {sampler._name: sampler for sampler in (RandomSampler, GPSampler, AutoSampler)}


def _resolve(sampler: BaseSampler | str | None, seed: int | None) -> BaseSampler:
    """The sampler that the arguments of create_study mean."""
    if sampler is None or isinstance(sampler, str):
        name = "auto" if sampler is None else sampler
        if name not in _BY_NAME:
            names = ", ".join(f"`{known}`" for known in _BY_NAME)
            raise ValueError(f"there is no sampler {name!r}: the samplers are {names}")
        return _BY_NAME[name](seed=seed)
    if not isinstance(sampler, BaseSampler):
        raise TypeError(f"a sampler of lightcrest.samplers or its name is needed, but got {sampler!r}")
    if seed is not None:
        raise ValueError(f"the seed belongs to the sampler, but got seed = {seed} beside {sampler!r}")
    return sampler


def _written_in_python(sampler: BaseSampler) -> bool:
    """Whether a sampler is not the engine's, or changes what the engine's does."""
    if not isinstance(sampler, _EngineSampler):
        return True
    own = next(kind for kind in type(sampler).__mro__ if kind.__module__ == __name__)
    hooks = (
        "infer_relative_search_space",
        "sample_relative",
        "sample_independent",
        "before_trial",
        "after_trial",
    )
    return any(getattr(type(sampler), hook) is not getattr(own, hook) for hook in hooks)
