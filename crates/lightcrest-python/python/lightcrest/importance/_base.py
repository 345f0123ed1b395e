"""What all measures of importance have in common."""

from __future__ import annotations

import abc
import math

from lightcrest.search_space import intersection_search_space
from lightcrest.trial import FrozenTrial, TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lightcrest.study import Study

    Target = Callable[[FrozenTrial], float]


class BaseImportanceEvaluator(abc.ABC):
    """The base of all measures of importance."""

    @abc.abstractmethod
    def evaluate(
        self, study: Study, params: list[str] | None = None, *, target: Target | None = None
    ) -> dict[str, float]:
        """How much each parameter matters, the most important first."""
        raise NotImplementedError


def evidence(
    study: Study, params: list[str] | None, target: Target | None, *, conditional: bool = False
) -> tuple[list[str], list[tuple[FrozenTrial, float]]]:
    """The parameters that are asked for, and the complete trials that have all of them, with finite numbers.

    conditional: whether a trial counts without some of them, and all that occur are asked for unless they are named.
    """
    if target is None and len(study.directions) > 1:
        raise ValueError("a study of several objectives needs `target`: which value matters")
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if params is None and conditional:
        names = sorted({name for trial in complete for name in trial.params})
    elif params is None:
        names = list(intersection_search_space(complete))
    else:
        if not isinstance(params, (list, tuple)) or not all(isinstance(name, str) for name in params):
            raise TypeError(f"`params` must be a list of names, but got {params!r}")
        names = sorted(params)
    if conditional:
        known = {name for trial in complete for name in trial.params}
        if not known.issuperset(names):
            raise ValueError(f"no complete trial has the parameters {sorted(set(names) - known)}")
        having = complete
    else:
        having = [trial for trial in complete if all(name in trial.params for name in names)]
        if params and not having:
            raise ValueError(f"no complete trial has all of the parameters {params}")
        for name in names:
            if any(trial.distributions[name] != having[0].distributions[name] for trial in having):
                raise ValueError(f"parameter {name!r} has not the same range in all trials: PedAnovaImportanceEvaluator takes such")
    told = [(trial, float(trial.value if target is None else target(trial))) for trial in having]
    return names, [(trial, value) for trial, value in told if math.isfinite(value)]


def descending(found: dict[str, float]) -> dict[str, float]:
    """The most important first."""
    return dict(sorted(found.items(), key=lambda item: -item[1]))
