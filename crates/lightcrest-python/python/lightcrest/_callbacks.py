"""Callbacks for Study.optimize."""

from __future__ import annotations

from lightcrest.trial import FrozenTrial, TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from lightcrest.study import Study


class MaxTrialsCallback:
    """Stops a study when it has a number of trials in some states, whoever made them."""

    def __init__(self, n_trials: int, states: Container[TrialState] | None = (TrialState.COMPLETE,)) -> None:
        self._n_trials = n_trials
        self._states = states

    def __call__(self, study: Study, trial: FrozenTrial) -> None:
        """Stops the study if there are enough."""
        if len(study.get_trials(deepcopy=False, states=self._states)) >= self._n_trials:
            study.stop()
