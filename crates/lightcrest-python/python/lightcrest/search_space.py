"""What the trials of a study have in common."""

from __future__ import annotations

from lightcrest.trial import FrozenTrial, TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lightcrest.distributions import BaseDistribution
    from lightcrest.study import Study

__all__ = ["IntersectionSearchSpace", "intersection_search_space"]


def intersection_search_space(
    trials: list[FrozenTrial], include_pruned: bool = False
) -> dict[str, BaseDistribution]:
    """The parameters that all complete trials asked for in the same way, by name."""
    states = (TrialState.COMPLETE, TrialState.PRUNED) if include_pruned else (TrialState.COMPLETE,)
    common: dict[str, BaseDistribution] | None = None
    for trial in reversed(trials):
        if trial.state not in states:
            continue
        if common is None:
            common = dict(trial.distributions)
        else:
            found = trial.distributions
            common = {name: known for name, known in common.items() if found.get(name) == known}
    return dict(sorted((common or {}).items()))


class IntersectionSearchSpace:
    """Follows the parameters that all complete trials of one study have in common."""

    def __init__(self, include_pruned: bool = False) -> None:
        self._include_pruned = include_pruned
        self._study_id: int | None = None

    def calculate(self, study: Study, use_cache: bool = False) -> dict[str, BaseDistribution]:
        """The parameters that all complete trials so far asked for in the same way, by name.

        use_cache is accepted where Optuna takes it: trials are never copied here.
        """
        if self._study_id is None:
            self._study_id = study._study_id
        if self._study_id != study._study_id:
            raise ValueError("one IntersectionSearchSpace follows one study")
        return intersection_search_space(study.get_trials(deepcopy=False), self._include_pruned)
