"""PED-ANOVA, by the engine."""

from __future__ import annotations

from lightcrest.importance._base import BaseImportanceEvaluator, descending, evidence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lightcrest.importance._base import Target
    from lightcrest.study import Study


class PedAnovaImportanceEvaluator(BaseImportanceEvaluator):
    """How differently a parameter is distributed among the best tenth of the trials and among all of them.

    Watanabe et al. 2023, PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces, IJCAI. Small values
    are good where there is a target, or where the study minimises.
    """

    def __init__(self, *, baseline_quantile: float = 0.1, evaluate_on_local: bool = True) -> None:
        """The engine knows one baseline: the best tenth of the trials, within the space as they show it."""
        if baseline_quantile != 0.1 or not evaluate_on_local:
            raise ValueError("only `baseline_quantile` = 0.1 and `evaluate_on_local` = True are supported")

    def evaluate(
        self, study: Study, params: list[str] | None = None, *, target: Target | None = None
    ) -> dict[str, float]:
        """How much each parameter matters, the most important first; all the same if fewer than four trials are complete."""
        names, told = evidence(study, params, target)
        sign = 1.0 if target is None and study.directions[0].name == "MAXIMIZE" else -1.0
        shares = study._engine.importance([(trial.number, sign * value) for trial, value in told])
        return descending({name: (shares or {}).get(name, 0.0) for name in names})
