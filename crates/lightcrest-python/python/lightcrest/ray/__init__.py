"""Lightcrest on Ray: an executor for `Study.optimize`, and a searcher for Ray Tune.

    from lightcrest.ray import RayExecutor

    study = lightcrest.create_study(study_name="mine", storage="postgresql://ann@db/studies")
    study.optimize(objective, n_trials=1000, executor=RayExecutor(num_cpus=2))

    from lightcrest.ray import LightcrestSearch

    tuner = tune.Tuner(train, param_space=space, tune_config=tune.TuneConfig(
        metric="loss", mode="min", num_samples=100, search_alg=LightcrestSearch("sqlite:////home/ann/mine.db", study_name="mine")))

The first needs `ray`, the second `ray[tune]`.
"""

from __future__ import annotations

from lightcrest.ray._executor import RayExecutor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.ray._search import LightcrestSearch, can_restore

__all__ = ["LightcrestSearch", "RayExecutor", "can_restore"]


def __getattr__(name: str) -> Any:
    """Imports what needs Ray Tune when it is first used."""
    if name in ("LightcrestSearch", "can_restore"):
        from lightcrest.ray import _search

        return getattr(_search, name)
    raise AttributeError(f"module 'lightcrest.ray' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
