"""Lets packages that import `optuna` work on Lightcrest."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import itertools as _itertools
import sys

import lightcrest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

_OPTUNA = "optuna"
# Modules of Optuna's whose names are in others here. Any other is the module of the same name here; if there is none and its
# name is private, the module that it is in.
_ELSEWHERE = {
    "_callbacks": "_callbacks",
    "_convert_positional_args": "_of_optuna.notes",
    "_deprecated": "_of_optuna.notes",
    "_experimental": "_of_optuna.notes",
    "_imports": "_of_optuna.imports",
    "_typing": "_of_optuna.typing",
    "storages._base": "storages._base",
    "storages._cached_storage": "_of_optuna.storages",
    "study._constrained_optimization": "_of_optuna.constraints",
    "study._frozen": "storages._base",
    "study._optimize": "_optimize",
    "study._study_direction": "_direction",
    "study._tell": "_tell",
    "study.study": "_of_optuna.study",
    "trial._base": "_fixed",
    "trial._fixed": "_fixed",
    "trial._frozen": "_frozen",
    "trial._state": "_state",
}

_TAKEN = ("_deprecated", "_experimental", "_imports")


def as_optuna() -> None:
    """From now on `import optuna`, in this process, is Lightcrest: also in packages that import it themselves.

    Called before anything imports Optuna, which need not be installed: RuntimeError if it is imported already.
    """
    found = sys.modules.get(_OPTUNA)
    if found is lightcrest:
        return
    if found is not None:
        raise RuntimeError("optuna is imported already: call lightcrest.as_optuna() before anything imports it")
    sys.meta_path.insert(0, _Finder())
    sys.modules[_OPTUNA] = lightcrest
    # Packages take these from `optuna` without an import: Optuna's own modules have imported them.
    for name in _TAKEN:
        importlib.import_module(f"{_OPTUNA}.{name}")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds Lightcrest's modules by Optuna's names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Where a module of Optuna's is; it is loaded with its own name."""
        if not fullname.startswith(f"{_OPTUNA}."):
            return None
        here = _here(fullname[len(_OPTUNA) + 1 :])
        if here is None:
            raise ModuleNotFoundError(f"lightcrest, which stands for optuna here, has no module {fullname!r}", name=fullname)
        return importlib.util.spec_from_loader(fullname, self, origin=here, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The module, which is loaded already. The import would give it a name of Optuna's, which is taken back after it."""
        module = sys.modules[spec.origin or ""]
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing but that it is a package: it is loaded already, and what Optuna has below it is found by this finder."""
        if not hasattr(module, "__path__"):
            module.__path__ = []
        if module.__spec__ is not None:
            module.__spec__ = module.__spec__.loader_state


def _here(name: str) -> str | None:
    """The name of the module here that has what Optuna has in the module of this name; it is loaded."""
    parts = name.split(".")
    public = list(_itertools.takewhile(lambda part: not part.startswith("_"), parts))
    candidates = [_ELSEWHERE.get(name, name)]
    if public and public != parts:
        candidates.append(".".join(public))
    for candidate in candidates:
        full = f"lightcrest.{candidate}"
        try:
            importlib.import_module(full)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{full}.".startswith(f"{error.name}."):
                raise  # something else is missing
        else:
            return full
    return None
