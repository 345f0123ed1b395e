"""The engine's evolutionary samplers."""

from __future__ import annotations

from lightcrest._warn import deprecated as _deprecated
from lightcrest._warn import experimental as _experimental, warn_experimental as _warn_experimental
from lightcrest._warn import once_positional as _once_positional
from lightcrest.samplers._base import BaseSampler
from lightcrest.samplers._engine import _BOUNDS, _BY_NAME, _EngineSampler
from lightcrest.samplers._ga import BaseGASampler
from lightcrest.samplers._genetic import (
    Children,
    Elite,
    check_probabilities,
    generator,
    reference_rows,
    space_of,
)
from lightcrest.samplers.nsgaii import BaseCrossover, BaseMutation, UniformCrossover
from lightcrest.trial import TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from lightcrest.distributions import BaseDistribution
    from lightcrest.study import Study
    from lightcrest.trial import FrozenTrial


class _GeneticSampler(_EngineSampler, BaseGASampler):
    """What NSGA-II and NSGA-III share. The engine does the work, unless a part is written in Python."""

    _settings: dict[str, Any]

    def __init__(
        self,
        population_size: int,
        mutation: BaseMutation | None,
        mutation_prob: float | None,
        crossover: BaseCrossover | None,
        crossover_prob: float,
        swapping_prob: float,
        seed: int | None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None,
        elite: Callable[..., Any] | None,
        children: Callable[..., Any] | None,
        after: Callable[..., Any] | None,
        **more: Any,
    ) -> None:
        name = type(self).__name__
        if not isinstance(population_size, int):
            raise TypeError(f"`population_size` must be a whole number, but got {population_size!r}")
        if population_size < 2:
            raise ValueError(f"`population_size` must be at least 2, but got {population_size}")
        check_probabilities(mutation_prob=mutation_prob, crossover_prob=crossover_prob, swapping_prob=swapping_prob)
        crossover = UniformCrossover(swapping_prob) if crossover is None else crossover
        if not isinstance(crossover, BaseCrossover):
            raise ValueError(f"`crossover` must be one of lightcrest.samplers.nsgaii, but got {crossover!r}")
        if mutation is not None and not isinstance(mutation, BaseMutation):
            raise ValueError(f"`mutation` must be one of lightcrest.samplers.nsgaii, but got {mutation!r}")
        if population_size < crossover.n_parents:
            raise ValueError(f"{crossover!r} needs a `population_size` of {crossover.n_parents}, but got {population_size}")
        for argument, strategy in (
            ("elite_population_selection_strategy", elite),
            ("child_generation_strategy", children),
            ("after_trial_strategy", after),
        ):
            if strategy is not None:
                if not callable(strategy):
                    raise TypeError(f"`{argument}` must be a function, but got {strategy!r}")
                _warn_experimental(f"the argument `{argument}` of {name}")
        _deprecated(_BOUNDS, constraints_func=constraints_func)
        settings = {
            "population_size": population_size,
            "mutation_prob": mutation_prob,
            "crossover": crossover._word or "uniform",
            "constants": crossover._constants,
            "crossover_prob": crossover_prob,
            "swapping_prob": getattr(crossover, "_swapping_prob", swapping_prob),
            **more,
        }
        _EngineSampler.__init__(self, seed, **settings)
        BaseGASampler.__init__(self, population_size)
        self._constraints_func = constraints_func
        self._in_python = bool(mutation or elite or children or after or not crossover._word)
        self._elite = elite or Elite(self._name, settings)
        self._children, self._after = children, after
        if self._in_python and children is None:
            rng = generator(self._seed)
            self._children = Children(crossover, crossover_prob, swapping_prob, mutation, mutation_prob, rng)

    def _asked(self, study: Study, number: int) -> None:
        """Notes of which generation a trial is that the engine proposes."""
        generation = study._engine.count("complete") // self.population_size
        study._set_system(number, self._get_generation_key(), generation)

    def reseed_rng(self) -> None:
        """Draws a new seed."""
        super().reseed_rng()
        if isinstance(self._children, Children):
            self._children._rng.seed()

    def select_parent(self, study: Study, generation: int) -> list[FrozenTrial]:
        """The parents of a generation: who survives the one before and its parents."""
        earlier = generation - 1
        population = {trial.number: trial for trial in self.get_parent_population(study, earlier)}
        population |= {trial.number: trial for trial in self.get_population(study, earlier)}
        return self._elite(study, list(population.values()))

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters that are proposed together."""
        return space_of(study) if self._in_python else super().infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """A child of the trial's generation; nothing in the first."""
        if not self._in_python:
            return super().sample_relative(study, trial, search_space)
        parents = self.get_parent_population(study, self.get_trial_generation(study, trial))
        assert self._children is not None, "a sampler in Python makes its children"
        return self._children(study, search_space, parents) if parents else {}

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """What the strategy for that does, if there is one."""
        if self._after is not None:
            self._after(study, trial, state, values)


class NSGAIISampler(_GeneticSampler):
    """Genetic search that spreads over the front of several objectives by crowding distance."""

    _name = "nsga2"

    def __init__(
        self,
        *,
        population_size: int = 50,
        mutation: BaseMutation | None = None,
        mutation_prob: float | None = None,
        crossover: BaseCrossover | None = None,
        crossover_prob: float = 0.9,
        swapping_prob: float = 0.5,
        seed: int | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        elite_population_selection_strategy: Callable[[Study, list[FrozenTrial]], list[FrozenTrial]] | None = None,
        child_generation_strategy: Callable[[Study, dict[str, BaseDistribution], list[FrozenTrial]], dict[str, Any]]
        | None = None,
        after_trial_strategy: Callable[[Study, FrozenTrial, TrialState, Sequence[float] | None], None] | None = None,
    ) -> None:
        """The arguments are Optuna's. With a mutation, a strategy or a crossover that is written in Python, generations are made in Python."""
        super().__init__(
            population_size,
            mutation,
            mutation_prob,
            crossover,
            crossover_prob,
            swapping_prob,
            seed,
            constraints_func,
            elite_population_selection_strategy,
            child_generation_strategy,
            after_trial_strategy,
        )


@_experimental
class NSGAIIISampler(_GeneticSampler):
    """Genetic search that spreads over the front by reference points: for three objectives and more."""

    _name = "nsga3"

    def __init__(
        self,
        *,
        population_size: int = 50,
        mutation: BaseMutation | None = None,
        mutation_prob: float | None = None,
        crossover: BaseCrossover | None = None,
        crossover_prob: float = 0.9,
        swapping_prob: float = 0.5,
        seed: int | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        reference_points: Any = None,
        dividing_parameter: int = 3,
        elite_population_selection_strategy: Callable[[Study, list[FrozenTrial]], list[FrozenTrial]] | None = None,
        child_generation_strategy: Callable[[Study, dict[str, BaseDistribution], list[FrozenTrial]], dict[str, Any]]
        | None = None,
        after_trial_strategy: Callable[[Study, FrozenTrial, TrialState, Sequence[float] | None], None] | None = None,
    ) -> None:
        """As NSGAIISampler. reference_points: a row for each; those of a regular grid with dividing_parameter parts a side unless given."""
        super().__init__(
            population_size,
            mutation,
            mutation_prob,
            crossover,
            crossover_prob,
            swapping_prob,
            seed,
            constraints_func,
            elite_population_selection_strategy,
            child_generation_strategy,
            after_trial_strategy,
            dividing_parameter=dividing_parameter,
            reference_points=reference_rows(reference_points),
        )


class CmaEsSampler(_EngineSampler):
    """The covariance matrix adaptation evolution strategy, for numeric parameters; choices are drawn at random."""

    _name = "cmaes"
    _single_objective = True
    _numeric = True

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
        trials in a generation. consider_pruned_trials: whether they count, with what they reported last. use_separable_cma: whether
        parameters are taken as independent, for very many of them. with_margin: whether parameters of few values keep their neighbours
        probable. lr_adapt: whether steps that contradict each other are taken in part only, for noise and many hills. source_trials: of
        another study with the same parameters, about whose best tenth the strategy begins. independent_sampler: what gives choices, and all
        until n_startup_trials are complete. warn_independent_sampling is accepted where Optuna takes it.
        """
        if source_trials is not None and (x0 is not None or sigma0 is not None or use_separable_cma):
            raise ValueError("`source_trials` and `x0`, `sigma0` or `use_separable_cma` exclude each other")
        if lr_adapt + use_separable_cma + with_margin > 1:
            raise ValueError("`lr_adapt`, `use_separable_cma` and `with_margin` exclude each other")
        _deprecated(
            restart_strategy=restart_strategy, inc_popsize=None if inc_popsize == -1 else inc_popsize, x0=x0, sigma0=sigma0
        )
        variants = {
            "consider_pruned_trials": consider_pruned_trials,
            "use_separable_cma": use_separable_cma,
            "with_margin": with_margin,
            "lr_adapt": lr_adapt,
        }
        for name, given in {**variants, "source_trials": source_trials}.items():
            if given:
                _warn_experimental(f"the argument `{name}` of CmaEsSampler")
        settings: dict[str, Any] = {"n_startup_trials": n_startup_trials, **variants}
        settings["restart"] = restart_strategy in ("ipop", "bipop")
        settings |= {} if x0 is None else {"x0": dict(x0)}
        settings |= {} if sigma0 is None else {"sigma0": sigma0}
        settings |= {} if popsize is None else {"popsize": popsize}
        super().__init__(seed, independent=independent_sampler, startup=n_startup_trials, **settings)
        self._source = None if source_trials is None else [trial for trial in source_trials if trial.state is TrialState.COMPLETE]

    def _settings_for(self, study: Any) -> dict[str, Any]:
        """The engine's settings: which trials of another study were the best depends on the direction."""
        if not self._source:
            return self._settings
        sign = -1 if study.directions[0].name == "MAXIMIZE" else 1
        ordered = sorted(self._source, key=lambda trial: sign * trial.value)  # type: ignore[operator]
        return {**self._settings, "source": [trial.params for trial in ordered[: max(1, len(ordered) // 10)]]}


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
