"""fANOVA, by the engine."""

from __future__ import annotations

import random

from lightcrest.importance._base import BaseImportanceEvaluator, descending, evidence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lightcrest.importance._base import Target
    from lightcrest.study import Study


class FanovaImportanceEvaluator(BaseImportanceEvaluator):
    """The share of the variance of a random forest that a parameter explains alone.

    Hutter et al. 2014, An Efficient Approach for Assessing Hyperparameter Importance, ICML, for single parameters. A parameter that
    some trials do without is judged together with its absence.
    """

    def __init__(self, *, n_trees: int = 64, max_depth: int = 64, seed: int | None = None) -> None:
        """n_trees, max_depth: of the forest. seed: of its random numbers; None draws one."""
        for name, value in {"n_trees": n_trees, "max_depth": max_depth}.items():
            if value < 1:
                raise ValueError(f"`{name}` must be at least 1, but got {value}")
        self._trees, self._depth, self._seed = n_trees, max_depth, seed

    def evaluate(
        self, study: Study, params: list[str] | None = None, *, target: Target | None = None
    ) -> dict[str, float]:
        """How much each parameter matters, the most important first; all the same if fewer than two trials are complete."""
        names, told = evidence(study, params, target)
        seed = random.getrandbits(63) if self._seed is None else self._seed
        values = [(trial.number, value) for trial, value in told]
        shares = study._engine.fanova(values, self._trees, self._depth, seed)
        return descending({name: (shares or {}).get(name, 0.0) for name in names})
