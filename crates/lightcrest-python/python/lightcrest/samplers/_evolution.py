"""The engine's evolutionary samplers."""

from __future__ import annotations

from lightcrest._warn import deprecated as _deprecated
from lightcrest._warn import once_positional as _once_positional
from lightcrest._warn import warn as _warn
from lightcrest.samplers._base import BaseSampler
from lightcrest.samplers._engine import _BOUNDS, _BY_NAME, _EngineSampler
from lightcrest.samplers.nsgaii import BaseCrossover, UniformCrossover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from lightcrest.trial import FrozenTrial


def _ignored(sampler: str, **arguments: Any) -> None:
    """Warns of arguments that say something the engine does not do."""
    for name, value in arguments.items():
        if value is not None and value is not False:
            _warn(f"{sampler} does not know `{name}`: the argument is ignored")


class _GeneticSampler(_EngineSampler):
    @property
    def population_size(self) -> int:
        """How many trials a generation has."""
        return self._settings["population_size"]

    def _configure(
        self,
        population_size: int,
        mutation: Any,
        mutation_prob: float | None,
        crossover: BaseCrossover | None,
        crossover_prob: float,
        swapping_prob: float,
        **more: Any,
    ) -> dict[str, Any]:
        """The engine's settings."""
        if population_size < 2:
            raise ValueError(f"`population_size` must be at least 2, but got {population_size}")
        for name, value in (
            ("mutation_prob", mutation_prob),
            ("crossover_prob", crossover_prob),
            ("swapping_prob", swapping_prob),
        ):
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"`{name}` must be a probability, but got {value}")
        _ignored(type(self).__name__, mutation=mutation)
        crossover = UniformCrossover(swapping_prob) if crossover is None else crossover
        if not isinstance(crossover, BaseCrossover):
            raise ValueError(f"`crossover` must be one of lightcrest.samplers.nsgaii, but got {crossover!r}")
        if population_size < crossover.n_parents:
            raise ValueError(f"{crossover!r} needs a `population_size` of {crossover.n_parents}, but got {population_size}")
        return {
            "population_size": max(population_size, 3),
            "mutation_prob": mutation_prob,
            "crossover": crossover._word,
            "constants": crossover._constants,
            "crossover_prob": crossover_prob,
            "swapping_prob": getattr(crossover, "_swapping_prob", swapping_prob),
            **more,
        }


class NSGAIISampler(_GeneticSampler):
    """Genetic search that spreads over the front of several objectives by crowding distance."""

    _name = "nsga2"

    def __init__(
        self,
        *,
        population_size: int = 50,
        mutation: Any = None,
        mutation_prob: float | None = None,
        crossover: BaseCrossover | None = None,
        crossover_prob: float = 0.9,
        swapping_prob: float = 0.5,
        seed: int | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        elite_population_selection_strategy: Any = None,
        child_generation_strategy: Any = None,
        after_trial_strategy: Any = None,
    ) -> None:
        """The arguments are Optuna's; `mutation` and the strategies cannot be changed: a warning says so."""
        settings = self._configure(population_size, mutation, mutation_prob, crossover, crossover_prob, swapping_prob)
        super().__init__(seed, **settings)
        _deprecated(_BOUNDS, constraints_func=constraints_func)
        self._constraints_func = constraints_func
        _ignored(
            "NSGAIISampler",
            elite_population_selection_strategy=elite_population_selection_strategy,
            child_generation_strategy=child_generation_strategy,
            after_trial_strategy=after_trial_strategy,
        )


class NSGAIIISampler(_GeneticSampler):
    """Genetic search that spreads over the front by reference points: for three objectives and more."""

    _name = "nsga3"

    def __init__(
        self,
        *,
        population_size: int = 50,
        mutation: Any = None,
        mutation_prob: float | None = None,
        crossover: BaseCrossover | None = None,
        crossover_prob: float = 0.9,
        swapping_prob: float = 0.5,
        seed: int | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        reference_points: Any = None,
        dividing_parameter: int = 3,
        elite_population_selection_strategy: Any = None,
        child_generation_strategy: Any = None,
        after_trial_strategy: Any = None,
    ) -> None:
        """The arguments are Optuna's; reference points lie on a regular grid: a warning says which arguments are ignored."""
        settings = self._configure(
            population_size,
            mutation,
            mutation_prob,
            crossover,
            crossover_prob,
            swapping_prob,
            dividing_parameter=dividing_parameter,
        )
        super().__init__(seed, **settings)
        _deprecated(_BOUNDS, constraints_func=constraints_func)
        self._constraints_func = constraints_func
        if reference_points is not None:
            _warn("NSGAIIISampler does not know `reference_points`: the argument is ignored")
        _ignored(
            "NSGAIIISampler",
            elite_population_selection_strategy=elite_population_selection_strategy,
            child_generation_strategy=child_generation_strategy,
            after_trial_strategy=after_trial_strategy,
        )


class CmaEsSampler(_EngineSampler):
    """The covariance matrix adaptation evolution strategy, for numeric parameters; choices are drawn at random."""

    _name = "cmaes"

    @_once_positional(
        "self", "x0", "sigma0", "n_startup_trials", "independent_sampler", "warn_independent_sampling", "seed"
    )
    def __init__(
        self,
        *,
        x0: dict[str, Any] | None = None,
        sigma0: float | None = None,
        n_startup_trials: int = 1,
        independent_sampler: BaseSampler | None = None,
        warn_independent_sampling: bool = True,
        seed: int | None = None,
        consider_pruned_trials: bool = False,
        restart_strategy: str | None = None,
        popsize: int | None = None,
        inc_popsize: int = -1,
        use_separable_cma: bool = False,
        with_margin: bool = False,
        lr_adapt: bool = False,
        source_trials: list[FrozenTrial] | None = None,
    ) -> None:
        """x0: where to begin, by name; in the middle of the ranges unless given. sigma0: the deviation at first, in parts of the ranges. popsize:
        trials in a generation.

        The other arguments are Optuna's; a warning says which of them are ignored.
        """
        if source_trials is not None and (x0 is not None or sigma0 is not None or use_separable_cma):
            raise ValueError("`source_trials` and `x0`, `sigma0` or `use_separable_cma` exclude each other")
        if lr_adapt + use_separable_cma + with_margin > 1:
            raise ValueError("`lr_adapt`, `use_separable_cma` and `with_margin` exclude each other")
        _deprecated(
            restart_strategy=restart_strategy, inc_popsize=None if inc_popsize == -1 else inc_popsize, x0=x0, sigma0=sigma0
        )
        settings: dict[str, Any] = {"n_startup_trials": n_startup_trials}
        settings["restart"] = restart_strategy in ("ipop", "bipop")
        settings |= {} if x0 is None else {"x0": dict(x0)}
        settings |= {} if sigma0 is None else {"sigma0": sigma0}
        settings |= {} if popsize is None else {"popsize": popsize}
        super().__init__(seed, **settings)
        _ignored(
            "CmaEsSampler",
            consider_pruned_trials=consider_pruned_trials,
            use_separable_cma=use_separable_cma,
            with_margin=with_margin,
            lr_adapt=lr_adapt,
            source_trials=source_trials,
        )


class EvolutionSampler(_EngineSampler):
    """Regularised evolution: the best of a few gets a child, the oldest dies. For architectures; Optuna has no such sampler."""

    _name = "evolution"

    def __init__(self, *, population_size: int = 25, sample_size: int = 8, seed: int | None = None) -> None:
        """population_size: trials that live, as many are random at first. sample_size: how many compete for having a child."""
        for name, value in (("population_size", population_size), ("sample_size", sample_size)):
            if value < 1:
                raise ValueError(f"`{name}` must be at least 1, but got {value}")
        super().__init__(seed, population_size=population_size, sample_size=sample_size)


_BY_NAME.update({kind._name: kind for kind in (NSGAIISampler, NSGAIIISampler, CmaEsSampler, EvolutionSampler)})
