"""Lightcrest's samplers for studies of Optuna.

    import optuna
    import lightcrest.optuna

    study = optuna.create_study(sampler=lightcrest.optuna.GPSampler(seed=1))
    study.optimize(objective, n_trials=100)

The sampler follows the study's trials and proposes from them, so it may be put into a study that has trials already. Conditional
parameters are proposed together with the others, where the trials so far show when they exist.
"""

from __future__ import annotations

try:
    from optuna import distributions as _distributions
    from optuna.samplers import BaseSampler as _BaseSampler
except ImportError as error:
    raise ImportError("lightcrest.optuna needs the package optuna: install it by `pip install optuna`") from error

from lightcrest import samplers as _samplers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

__all__ = ["AutoSampler", "GPSampler", "RandomSampler", "Sampler"]


class Sampler(_BaseSampler):
    """A sampler of lightcrest.samplers, or its name and a seed, for a study of Optuna."""

    def __init__(self, sampler: _samplers.BaseSampler | str = "auto", *, seed: int | None = None) -> None:
        found = _samplers._resolve(sampler, seed)
        if _samplers._written_in_python(found):
            raise ValueError(f"a sampler of the engine is needed, but got {found!r}")
        self._sampler = found

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters of the study so far, those that exist sometimes only among them."""
        domains = self._sampler.infer_relative_search_space(study, trial)
        return {name: _as_optuna(found) for name, found in domains.items()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What the engine proposes."""
        domains = self._sampler.infer_relative_search_space(study, trial)
        return self._sampler.sample_relative(study, trial, {name: domains[name] for name in search_space if name in domains})

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A value at random: the parameter is new, or was not expected here."""
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._sampler!r})"


class GPSampler(Sampler):
    """Bayesian optimisation with Gaussian processes, also on conditional spaces and with several objectives."""

    def __init__(self, *, seed: int | None = None, n_startup_trials: int = 10) -> None:
        super().__init__(_samplers.GPSampler(seed=seed, n_startup_trials=n_startup_trials))


class AutoSampler(Sampler):
    """What the engine thinks best for the study."""

    def __init__(self, *, seed: int | None = None) -> None:
        super().__init__(_samplers.AutoSampler(seed=seed))


class RandomSampler(Sampler):
    """Random search: every parameter uniform on its scale."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(_samplers.RandomSampler(seed=seed))


def _as_optuna(found: Any) -> BaseDistribution:
    """The distribution of Optuna that says the same."""
    return getattr(_distributions, type(found).__name__)(**found._asdict())
