"""Lightcrest: finds the configuration of anything that is both good and light.

    import lightcrest

    def objective(trial):
        x = trial.suggest_float("x", -10, 10)
        return (x - 2) ** 2

    study = lightcrest.create_study()
    study.optimize(objective, n_trials=100)
    print(study.best_params)

The engine is written in Rust; the names are those that users of Optuna know, so that `import lightcrest as optuna` runs
scripts that were written for it.
"""

from __future__ import annotations

from lightcrest import distributions, exceptions, pruners, samplers, storages, study, trial
from lightcrest._engine import Space, __version__
from lightcrest.exceptions import TrialPruned
from lightcrest.study import (
    Study,
    copy_study,
    create_study,
    delete_study,
    get_all_study_names,
    get_all_study_summaries,
    load_study,
)
from lightcrest.trial import FrozenTrial, Trial, create_trial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest._as_optuna import as_optuna
    from lightcrest import (
        artifacts,
        compress,
        importance,
        integration,
        logging,
        optuna,
        search_space,
        terminator,
        version,
        visualization,
    )

__all__ = [
    "FrozenTrial",
    "Space",
    "Study",
    "Trial",
    "TrialPruned",
    "__version__",
    "artifacts",
    "as_optuna",
    "compress",
    "copy_study",
    "create_study",
    "create_trial",
    "delete_study",
    "distributions",
    "exceptions",
    "get_all_study_names",
    "get_all_study_summaries",
    "importance",
    "integration",
    "load_study",
    "logging",
    "pruners",
    "samplers",
    "search_space",
    "storages",
    "study",
    "terminator",
    "trial",
    "version",
    "visualization",
]

_LATER = frozenset(
    (
        "artifacts",
        "compress",
        "importance",
        "integration",
        "logging",
        "optuna",
        "search_space",
        "terminator",
        "version",
        "visualization",
    )
)


def __getattr__(name: str) -> Any:
    """Imports a module when it is first used."""
    if name in _LATER:
        from importlib import import_module

        return import_module(f"lightcrest.{name}")
    if name == "as_optuna":
        from lightcrest._as_optuna import as_optuna

        return as_optuna
    raise AttributeError(f"module 'lightcrest' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
