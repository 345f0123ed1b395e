"""PED-ANOVA, by the engine."""

from __future__ import annotations

from lightcrest._front import ranks
from lightcrest._warn import warn as _warn
from lightcrest.importance._base import BaseImportanceEvaluator, descending, evidence
from lightcrest.trial import TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lightcrest.importance._base import Target
    from lightcrest.study import Study


class PedAnovaImportanceEvaluator(BaseImportanceEvaluator):
    """How differently a parameter is distributed among the best trials and among all of them.

    Watanabe et al. 2023, PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces, IJCAI. Small values
    are good where there is a target, or where the study minimises; of several objectives without a target, the trials of the first
    fronts are. Parameters that some trials do without are measured too.
    """

    def __init__(
        self, *, target_quantile: float = 0.1, region_quantile: float = 1.0, evaluate_on_local: bool = True
    ) -> None:
        """target_quantile: the share of the trials that count as best. region_quantile: the share that they are compared with.
        evaluate_on_local: whether with these trials as they are, rather than with all values alike."""
        assert 0.0 < target_quantile < region_quantile <= 1.0, (
            f"`0 < target_quantile < region_quantile <= 1` must hold, but got {target_quantile} and {region_quantile}"
        )
        if region_quantile != 1.0 and not evaluate_on_local:
            _warn("without `evaluate_on_local`, all values alike are what the best trials are compared with: `region_quantile` says little")
        self._options = target_quantile, region_quantile, evaluate_on_local

    def evaluate(
        self, study: Study, params: list[str] | None = None, *, target: Target | None = None
    ) -> dict[str, float]:
        """How much each parameter matters, the most important first; all the same if fewer than two trials are complete."""
        if target is None and len(study.directions) > 1:
            fronts = ranks(study.directions, study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
            target = lambda trial: fronts[trial.number]  # noqa: E731
        elif target is not None:
            _warn("small values of `target` count as good: negate it if large ones are")
        names, told = evidence(study, params, target, conditional=True)
        if len({value for _, value in told}) < 2:
            _warn("there are too few trials, or they are all the same: so are the importances of their parameters")
        sign = 1.0 if target is None and study.directions[0].name == "MAXIMIZE" else -1.0
        shares = study._engine.ped_anova([(trial.number, sign * value) for trial, value in told], *self._options)
        return descending({name: (shares or {}).get(name, 0.0) for name in names})
