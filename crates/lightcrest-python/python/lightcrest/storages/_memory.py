"""Studies in memory."""

from __future__ import annotations

import threading as _threading

from lightcrest import _engine
from lightcrest.storages._engine import EngineStorage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.trial import FrozenTrial


class _Kept:
    """A study in memory."""

    def __init__(self, number: int, directions: list[str]) -> None:
        self.number = number
        self.directions = directions
        self.trials = _engine.Memory()
        self.trial_attributes: dict[int, dict[str, Any]] = {}
        self.attributes: dict[str, dict[str, Any]] = {"user": {}, "system": {}}


class InMemoryStorage(EngineStorage):
    """Keeps studies while the process lives. Attributes may be anything, not only what JSON can say.

    Pickled, it takes copies of its studies along.
    """

    _description = "memory"  # type: ignore[assignment]
    _lasting = False
    _retries = 3

    def __init__(self) -> None:
        super().__init__()
        self._kept_studies: dict[str, _Kept] = {}
        self._made = 0
        self._lock = _threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        studies = [
            (name, kept.number, kept.directions, kept.attributes, self.get_all_trials(kept.number, deepcopy=False))
            for name, kept in self._kept_studies.items()
        ]
        return {"studies": studies, "made": self._made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__()  # type: ignore[misc]
        for name, number, directions, attributes, trials in state["studies"]:
            kept = self._kept_studies[name] = _Kept(number, directions)
            kept.attributes = attributes
            for trial in trials:
                self._add(number, trial)
        self._made = state["made"]

    def _add(self, study_id: int, trial: FrozenTrial) -> None:
        self._trials(study_id).add(trial)

    def _studies(self) -> list[tuple[int, str]]:
        return [(kept.number, name) for name, kept in list(self._kept_studies.items())]

    def _names(self) -> list[str]:
        return list(self._kept_studies)

    def _kept(self, name: str) -> _Kept:
        if name not in self._kept_studies:
            raise KeyError(f"there is no study {name!r}")
        return self._kept_studies[name]

    def _create(self, name: str, directions: list[str]) -> bool:
        with self._lock:
            if name in self._kept_studies:
                return False
            self._kept_studies[name] = _Kept(self._made, directions)
            self._made += 1
            return True

    def _id(self, name: str) -> int:
        return self._kept(name).number

    def _directions(self, name: str) -> list[str]:
        return self._kept(name).directions

    def _place(self, name: str) -> tuple[Any, dict[int, dict[str, Any]] | None]:
        kept = self._kept(name)
        return kept.trials, kept.trial_attributes

    def _attributes(self, name: str) -> dict[str, dict[str, Any]]:
        return self._kept(name).attributes

    def _set(self, name: str, kind: str, key: str, value: Any) -> None:
        # Whoever looks at the attributes now goes on with what was there.
        attributes = self._kept(name).attributes
        attributes[kind] = {**attributes.get(kind, {}), key: value}

    def _delete(self, name: str) -> None:
        self._kept(name)
        del self._kept_studies[name]
        self._forget(name)
