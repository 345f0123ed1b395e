"""The engine's samplers."""

from __future__ import annotations

from lightcrest import _engine
from lightcrest._warn import deprecated as _deprecated
from lightcrest._warn import experimental as _experimental
from lightcrest._warn import once_positional as _once_positional
from lightcrest._warn import warn as _warn
from lightcrest._warn import warn_experimental as _warn_experimental
from lightcrest.distributions import CategoricalDistribution
from lightcrest.samplers._base import BaseSampler
from lightcrest.trial import TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from lightcrest.distributions import BaseDistribution
    from lightcrest.study import Study
    from lightcrest.trial import FrozenTrial

# How many spaces are followed at once by a sampler that others are built on.
_MIRRORS = 20
_BOUNDS = "let the objective call `trial.set_constraint` instead"


class _EngineSampler(BaseSampler):
    """A sampler of the engine: a name that it knows, settings and a seed.

    The same seed gives the same sequence when results come in the same order; None draws one. In a study the engine does the
    work. The methods of BaseSampler are for samplers that are built on these.
    """

    # Whether parts of it are written in Python, so that it works in a study as those do.
    _in_python = False
    # Whether it takes studies of one objective only, and proposes numbers only.
    _single_objective = False
    _numeric = False

    def __init__(self, seed: int | None = None, *, independent: BaseSampler | None = None, startup: int = 0, **settings: Any) -> None:
        """independent: what gives values that the engine does not propose, and all until `startup` trials are complete; the engine's random
        numbers unless given."""
        self._seed = None if seed is None else int(seed) % 2**64
        self._settings = settings
        self._independent_sampler, self._startup = independent, startup
        self._in_python = independent is not None
        self._mirrors: list[Any] = []

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_mirrors": []}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters that the engine would propose values of: those that trials had, but for those that have one value only."""
        found = self._mirrored(study, trial).domains()
        proposed = {name: domain for name, domain in found.items() if not domain.single()}
        if self._numeric:
            proposed = {name: domain for name, domain in proposed.items() if not isinstance(domain, CategoricalDistribution)}
        return proposed

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What the engine proposes."""
        self._check(study)
        if not search_space or self._starts(study):
            return {}
        mirror = self._mirrored(study, trial)
        if not mirror.knows(search_space):
            mirror = self._mirrored(study, trial, search_space)
        proposal = mirror.proposal(trial.number)
        return {name: value for name, value in proposal.items() if name in search_space}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A value at random, or of the independent sampler if there is one."""
        self._check(study)
        if self._independent_sampler is not None:
            return self._independent_sampler.sample_independent(study, trial, param_name, param_distribution)
        return self._mirrored(study, trial).draw(trial.number, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Passed on to the independent sampler."""
        if self._independent_sampler is not None:
            self._independent_sampler.before_trial(study, trial)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Passed on to the independent sampler."""
        if self._independent_sampler is not None:
            self._independent_sampler.after_trial(study, trial, state, values)

    def _check(self, study: Study) -> None:
        if self._single_objective and len(study.directions) > 1:
            raise ValueError(f"{type(self).__name__} takes one objective, but the study has {len(study.directions)}")

    def _starts(self, study: Study) -> bool:
        """Whether it is too early for a proposal, so that values are given one by one."""
        return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < self._startup

    def _mirrored(self, study: Study, trial: FrozenTrial, space: dict[str, BaseDistribution] | None = None) -> Any:
        from lightcrest._mirror import Mirror

        kept = next((mirror for mirror in self._mirrors if mirror.of(study, space)), None)
        if kept is None:
            kept = Mirror(study, self._name, self._settings_for(study), self._seed, space)
            self._mirrors = [*self._mirrors[-_MIRRORS:], kept]
        kept.follow(study, trial.number)
        return kept

    def reseed_rng(self) -> None:
        """Draws a new seed. Threads of one study share its random numbers without meeting, so they need none."""
        self._seed = _engine.random_seed()
        self._mirrors = []
        if self._independent_sampler is not None:
            self._independent_sampler.reseed_rng()

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
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        warn_independent_sampling: bool = True,
    ) -> None:
        """The first n_startup_trials are drawn at random, or given by the independent sampler, as what cannot be proposed;
        constraints_func gives constraints of a trial at its end.

        The other arguments are accepted where Optuna takes them: the engine estimates noise itself.
        """
        _deprecated(_BOUNDS, constraints_func=constraints_func)
        if deterministic_objective:
            _warn_experimental("the argument `deterministic_objective` of GPSampler")
        super().__init__(seed, independent=independent_sampler, startup=n_startup_trials, startup_trials=n_startup_trials)
        self._constraints_func = constraints_func


class AutoSampler(_EngineSampler):
    """The default: what the engine thinks best for the study."""

    _name = "auto"

    def __init__(self, *, seed: int | None = None) -> None:
        super().__init__(seed)


def _warn_jointly(study: Study, number: int) -> None:
    """Says that a group of parameters is modelled jointly though the study has several objectives."""
    if len(study.directions) > 1:
        _warn("`group` makes TPESampler model parameters jointly also with several objectives: say so with `multivariate=True`")


class TPESampler(_EngineSampler):
    """Tree-structured Parzen estimators: Optuna's default, by its rules."""

    _name = "tpe"

    @_once_positional(
        "self",
        "consider_prior",
        "prior_weight",
        "consider_magic_clip",
        "consider_endpoints",
        "n_startup_trials",
        "n_ei_candidates",
        "gamma",
        "weights",
        "seed",
    )
    def __init__(
        self,
        *,
        consider_prior: bool | None = None,
        prior_weight: float | None = None,
        consider_magic_clip: bool | None = None,
        consider_endpoints: bool | None = None,
        n_startup_trials: int = 10,
        n_ei_candidates: int = 24,
        gamma: Callable[[int], int] | None = None,
        weights: Callable[[int], Any] | None = None,
        seed: int | None = None,
        multivariate: bool | None = None,
        group: bool = False,
        warn_independent_sampling: bool | None = None,
        constant_liar: bool = True,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
    ) -> None:
        """The arguments are Optuna's, which warn where they are deprecated. `gamma`, `weights` and `consider_prior` are ignored."""
        if group:
            _warn_experimental("the argument `group` of TPESampler")
        if group and multivariate is False:
            raise ValueError("`group` needs `multivariate`, but got multivariate = False")
        _deprecated(
            "TPESampler has its own, and ignores the argument",
            consider_prior=consider_prior,
            gamma=gamma,
            weights=weights,
        )
        _deprecated(
            prior_weight=prior_weight,
            consider_magic_clip=consider_magic_clip,
            consider_endpoints=consider_endpoints,
            warn_independent_sampling=warn_independent_sampling,
        )
        _deprecated(_BOUNDS, constraints_func=constraints_func)
        settings = {
            "prior_weight": prior_weight,
            "consider_magic_clip": consider_magic_clip,
            "consider_endpoints": consider_endpoints,
            "multivariate": multivariate,
        }
        super().__init__(
            seed,
            n_startup_trials=n_startup_trials,
            n_ei_candidates=n_ei_candidates,
            group=group,
            constant_liar=constant_liar,
            **{name: value for name, value in settings.items() if value is not None},
        )
        self._startup = n_startup_trials
        self._constraints_func = constraints_func
        if group and multivariate is None:
            self._asked = _warn_jointly

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing unless parameters are modelled jointly: of several objectives they are where asked for."""
        joint = self._settings.get("multivariate")
        if joint is None:
            joint = self._settings["group"] or len(study.directions) == 1
        return super().infer_relative_search_space(study, trial) if joint else {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """What the engine proposes for the parameter alone; a value at random at first."""
        if self._starts(study):
            return super().sample_independent(study, trial, param_name, param_distribution)
        return self._mirrored(study, trial, {param_name: param_distribution}).proposal(trial.number)[param_name]

    @staticmethod
    def hyperopt_parameters() -> dict[str, Any]:
        """Deprecated. Settings that are close to those of Hyperopt's TPE."""
        _warn("TPESampler.hyperopt_parameters is deprecated", FutureWarning)
        return {"n_startup_trials": 20, "n_ei_candidates": 24, "prior_weight": 1.0, "consider_magic_clip": True}


@_experimental
class QMCSampler(_EngineSampler):
    """Quasi-random search: points that fill the space evenly."""

    _name = "qmc"

    def __init__(
        self,
        *,
        qmc_type: str = "sobol",
        scramble: bool = False,
        seed: int | None = None,
        independent_sampler: BaseSampler | None = None,
        warn_asynchronous_seeding: bool = True,
        warn_independent_sampling: bool = True,
    ) -> None:
        """qmc_type: "sobol" or "halton". scramble: whether each seed has a sequence of its own."""
        if qmc_type not in ("sobol", "halton"):
            raise ValueError(f"`qmc_type` must be 'sobol' or 'halton', but got {qmc_type!r}")
        super().__init__(seed, independent=independent_sampler, qmc_type=qmc_type, scramble=scramble)
        self._settings["seed"] = self._seed or 0

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """What the first trial that ended asked for; until one has, all that running ones asked for."""
        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        if ended:
            return dict(ended[0].distributions)
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return {name: found for each in running for name, found in each.distributions.items()}


# The samplers that create_study knows by name; the evolutionary ones and brute force join where they are defined.
_ALL = (RandomSampler, GPSampler, AutoSampler, TPESampler, QMCSampler)
_BY_NAME: dict[str, Any] = {sampler._name: sampler for sampler in _ALL}


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
    if not isinstance(sampler, _EngineSampler) or sampler._in_python:
        return True
    hooks = (
        "infer_relative_search_space",
        "sample_relative",
        "sample_independent",
        "before_trial",
        "after_trial",
    )
    return any(not getattr(getattr(sampler, hook), "__module__", "").startswith("lightcrest.samplers") for hook in hooks)
