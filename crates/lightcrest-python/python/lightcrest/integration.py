"""What Optuna's integrations offer, working on Lightcrest: the package optuna-integration, which is installed apart.

`lightcrest.integration.OptunaSearchCV` is that of optuna_integration, after lightcrest.as_optuna.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    """Something of optuna_integration."""
    if name.startswith("__"):
        raise AttributeError(f"module 'lightcrest.integration' has no attribute {name!r}")
    from importlib import import_module

    from lightcrest._as_optuna import as_optuna

    as_optuna()
    try:
        package = import_module("optuna_integration")
    except ImportError as error:
        raise ImportError("integrations need the package optuna-integration: install it by `pip install optuna-integration`") from error
    return getattr(package, name)
