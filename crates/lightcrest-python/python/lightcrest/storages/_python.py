"""Storages that are written in Python, as the engine works with them."""

from __future__ import annotations

from lightcrest._state import _WORDS, TrialState
from lightcrest._trials import frozen, parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.storages._base import BaseStorage
    from lightcrest.trial import FrozenTrial


class Adapter:
    """One study of a storage: whole trials are written by the storage's methods for their parts, where something changed."""

    def __init__(self, storage: BaseStorage, name: str) -> None:
        self._storage = storage
        self._id = storage.get_study_id_from_name(name)
        self._objectives = len(storage.get_study_directions(self._id))
        # The numbers of the trials whose end is known.
        self._ended: set[int] = set()
        self.place = storage._description

    def directions(self) -> list[str]:
        """The directions of the study."""
        return [direction.name.lower() for direction in self._storage.get_study_directions(self._id)]

    def create(self, number: int, given: tuple[Any, ...]) -> int:
        """Adds a trial, which gets this number if nobody was faster; the number, or the next one that is free."""
        trial = frozen(number, -1, given, self._objectives)
        bare = trial.state is TrialState.RUNNING and not (trial.params or trial.user_attrs or trial.system_attrs)
        made = self._storage.create_new_trial(self._id, None if bare else trial)
        found = self._storage.get_trial_number_from_id(made)
        if found == number:
            return number
        # Another process was faster, and a storage takes no trial back.
        if not trial.state.is_finished():
            self._storage.set_trial_state_values(made, TrialState.FAIL)
        return found + 1

    def update(self, number: int, given: tuple[Any, ...], expected: str) -> str:
        """Writes what is new of a trial, if it is in a state; the state in which it was."""
        identity = self._storage.get_trial_id_from_study_id_trial_number(self._id, number)
        old, new = self._storage.get_trial(identity), frozen(number, identity, given, self._objectives)
        if _WORDS[old.state] != expected:
            return _WORDS[old.state]
        begins = old.state is TrialState.WAITING and new.state is not TrialState.WAITING
        if begins and not self._storage.set_trial_state_values(identity, TrialState.RUNNING):
            return _WORDS[TrialState.RUNNING]
        self._write_parts(identity, old, new)
        ends = new.state.is_finished()
        if ends or (new.state is TrialState.WAITING and old.state is TrialState.RUNNING):
            self._storage.set_trial_state_values(identity, new.state, new.values if ends else None)
        return expected

    def _write_parts(self, identity: int, old: FrozenTrial, new: FrozenTrial) -> None:
        for name, value in new.params.items():
            if name not in old.params:
                distribution = new.distributions[name]
                self._storage.set_trial_param(identity, name, distribution.to_internal_repr(value), distribution)
        for step, value in new.intermediate_values.items():
            if step not in old.intermediate_values:
                self._storage.set_trial_intermediate_value(identity, step, value)
        for key, value in new.user_attrs.items():
            if key not in old.user_attrs or old.user_attrs[key] != value:
                self._storage.set_trial_user_attr(identity, key, value)
        for key, value in new.system_attrs.items():
            if key not in old.system_attrs or old.system_attrs[key] != value:
                self._storage.set_trial_system_attr(identity, key, value)

    def report(self, number: int, step: int, value: float) -> None:
        """Keeps a report of a running trial."""
        identity = self._storage.get_trial_id_from_study_id_trial_number(self._id, number)
        self._storage.set_trial_intermediate_value(identity, step, value)

    def changes(self, everything: bool) -> list[tuple[int, tuple[Any, ...]]]:
        """The trials whose end is not known yet, or all."""
        if everything:
            self._ended.clear()
        trials = self._storage.get_all_trials(self._id, deepcopy=False)
        found = [(trial.number, parts(trial)) for trial in trials if trial.number not in self._ended]
        self._ended.update(trial.number for trial in trials if trial.state.is_finished())
        return found
