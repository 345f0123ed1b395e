"""Some parameters fixed, the others proposed."""

from __future__ import annotations

from lightcrest._warn import experimental as _experimental
from lightcrest._warn import warn as _warn
from lightcrest.samplers._base import BaseSampler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from lightcrest.distributions import BaseDistribution
    from lightcrest.study import Study
    from lightcrest.trial import FrozenTrial, TrialState


@_experimental
class PartialFixedSampler(BaseSampler):
    """Gives some parameters fixed values, and lets another sampler propose the rest."""

    def __init__(self, fixed_params: dict[str, Any], base_sampler: BaseSampler) -> None:
        """fixed_params: values by name. base_sampler: what proposes the rest."""
        self._fixed_params = dict(fixed_params)
        self._base = base_sampler

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """What the other sampler proposes together, without what is fixed."""
        space = self._base.infer_relative_search_space(study, trial)
        return {name: found for name, found in space.items() if name not in self._fixed_params}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What the other sampler proposes together."""
        return self._base.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The fixed value, or what the other sampler gives."""
        if param_name not in self._fixed_params:
            return self._base.sample_independent(study, trial, param_name, param_distribution)
        value = self._fixed_params[param_name]
        if not param_distribution._contains(param_distribution.to_internal_repr(value)):
            _warn(f"the fixed value {value!r} of parameter {param_name!r} is out of the range of {param_distribution}")
        return value

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Passed on to the other sampler."""
        self._base.before_trial(study, trial)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Passed on to the other sampler."""
        self._base.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Passed on to the other sampler."""
        self._base.reseed_rng()
