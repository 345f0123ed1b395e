"""The base of genetic samplers that are written in Python."""

from __future__ import annotations

import abc

from lightcrest.samplers._base import BaseSampler
from lightcrest.trial import TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.study import Study
    from lightcrest.trial import FrozenTrial


class BaseGASampler(BaseSampler, abc.ABC):
    """Keeps which generation a trial is of, and which trials are the parents of a generation, for samplers that are derived from it.

    A generation is full when `population_size` of its trials are complete. Both are kept with trials and study, so that other processes
    go on with the same.
    """

    # What a trial's generation is kept by, for each class apart.
    _GENERATION_KEY = "BaseGASampler:generation"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._GENERATION_KEY = f"{cls.__name__}:generation"

    def __init__(self, population_size: int) -> None:
        """population_size: how many trials a generation has."""
        self._population_size = population_size

    @property
    def population_size(self) -> int:
        """How many trials a generation has."""
        return self._population_size

    @population_size.setter
    def population_size(self, value: int) -> None:
        self._population_size = value

    @classmethod
    def _get_generation_key(cls) -> str:
        return cls._GENERATION_KEY

    @classmethod
    def _get_parent_cache_key_prefix(cls) -> str:
        return f"{cls.__name__}:parent:"

    @abc.abstractmethod
    def select_parent(self, study: Study, generation: int) -> list[FrozenTrial]:
        """The parents of a generation. Called once for each, when the one before is full."""
        raise NotImplementedError

    def get_trial_generation(self, study: Study, trial: FrozenTrial) -> int:
        """The generation of a trial: of a running one that has none yet, the last that is not full."""
        key = self._get_generation_key()
        known = trial.system_attrs.get(key)
        if known is not None:
            return known
        complete = study._get_trials(deepcopy=False, states=[TrialState.COMPLETE], use_cache=True)
        generations = [other.system_attrs.get(key, -1) for other in complete]
        last = max([0, *generations])
        generation = last if generations.count(last) < self.population_size else last + 1
        study._storage.set_trial_system_attr(trial._trial_id, key, generation)
        return generation

    def get_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        """The complete trials of a generation."""
        key = self._get_generation_key()
        complete = study._get_trials(deepcopy=False, states=[TrialState.COMPLETE], use_cache=True)
        return [trial for trial in complete if trial.system_attrs.get(key) == generation]

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        """The parents of a generation; the first has none."""
        if generation == 0:
            return []
        key = self._get_parent_cache_key_prefix() + str(generation)
        known = study._storage.get_study_system_attrs(study._study_id).get(key)
        if known is not None:
            numbers = set(known)
            return [trial for trial in study._get_trials(deepcopy=False) if trial._trial_id in numbers]
        parents = self.select_parent(study, generation)
        study._storage.set_study_system_attr(study._study_id, key, [trial._trial_id for trial in parents])
        return parents
