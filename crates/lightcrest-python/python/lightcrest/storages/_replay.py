"""What a journal's entries make."""

from __future__ import annotations

import copy as _copy
import datetime as _datetime
import enum as _enum

from lightcrest._direction import StudyDirection
from lightcrest.distributions import check_distribution_compatibility, distribution_to_json, json_to_distribution
from lightcrest.exceptions import StorageInternalError, UpdateFinishedTrialError
from lightcrest.storages._base import FrozenStudy, duplicated
from lightcrest.trial import FrozenTrial, TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class JournalOperation(_enum.IntEnum):
    """What an entry does: its `op_code`."""

    CREATE_STUDY = 0
    DELETE_STUDY = 1
    SET_STUDY_USER_ATTR = 2
    SET_STUDY_SYSTEM_ATTR = 3
    CREATE_TRIAL = 4
    SET_TRIAL_PARAM = 5
    SET_TRIAL_STATE_VALUES = 6
    SET_TRIAL_INTERMEDIATE_VALUE = 7
    SET_TRIAL_USER_ATTR = 8
    SET_TRIAL_SYSTEM_ATTR = 9
    DISCARD_TRIALS = 10


def written(moment: _datetime.datetime | None) -> str | None:
    """A time of this place as entries have it: in UTC."""
    return None if moment is None else moment.astimezone(_datetime.timezone.utc).isoformat(timespec="microseconds")


def _read(text: str | None) -> _datetime.datetime | None:
    return None if text is None else _datetime.datetime.fromisoformat(text).astimezone().replace(tzinfo=None)


def as_entry(trial: FrozenTrial) -> dict[str, Any]:
    """A whole trial, as the entry that creates it has it."""
    many = trial.values is not None and len(trial.values) > 1
    entry = {
        "state": int(trial.state),
        "value": None if many else trial.value,
        "values": trial.values if many else None,
        "datetime_start": written(trial.datetime_start),
        "distributions": {name: distribution_to_json(found) for name, found in trial.distributions.items()},
        "params": {name: trial.distributions[name].to_internal_repr(value) for name, value in trial.params.items()},
        "user_attrs": trial.user_attrs,
        "system_attrs": trial.system_attrs,
        "intermediate_values": trial.intermediate_values,
    }
    if trial.datetime_complete is not None:
        entry["datetime_complete"] = written(trial.datetime_complete)
    return entry


class Replay:
    """Studies and trials as all entries so far have made them. What was handed out once is not changed by later entries."""

    def __init__(self) -> None:
        self.read = 0
        self.studies: dict[int, FrozenStudy] = {}
        self.trials: list[FrozenTrial] = []
        # The ids of trials by study, and of studies by trial.
        self.of_study: dict[int, list[int]] = {}
        self._study_of: list[int] = []
        # The trials that workers made and claimed last.
        self.made: dict[str, int] = {}
        self.claimed: dict[str, int] = {}

    def apply(self, entries: Iterable[dict[str, Any]], worker: str) -> None:
        """Applies entries. One that asks for what cannot be is as if it were not there; an error is raised if it is the worker's own."""
        failure = None
        known = set(JournalOperation)
        for entry in entries:
            if entry.get("op_code") not in known:
                raise StorageInternalError(f"entry {self.read} of the journal has the unknown op_code {entry.get('op_code')!r}")
            self.read += 1
            try:
                self._apply(entry)
            except (KeyError, ValueError, RuntimeError) as error:
                if entry.get("worker_id") == worker:
                    failure = error
        if failure is not None:
            raise failure

    def _apply(self, entry: dict[str, Any]) -> None:
        kind, O = entry.get("op_code"), JournalOperation
        if kind == O.CREATE_STUDY:
            self._create_study(entry)
        elif kind == O.DELETE_STUDY:
            self.study(entry["study_id"])
            del self.studies[entry["study_id"]]
        elif kind in (O.SET_STUDY_USER_ATTR, O.SET_STUDY_SYSTEM_ATTR):
            study = _copy.copy(self.study(entry["study_id"]))
            name = "user_attr" if kind == O.SET_STUDY_USER_ATTR else "system_attr"
            setattr(study, f"{name}s", {**getattr(study, f"{name}s"), **entry[name]})
            self.studies[entry["study_id"]] = study
        elif kind == O.CREATE_TRIAL:
            self._create_trial(entry)
        elif kind != O.DISCARD_TRIALS:
            self._change(JournalOperation(kind), entry)

    def study(self, study_id: int) -> FrozenStudy:
        """The study of an id. KeyError if there is none."""
        if study_id not in self.studies:
            raise KeyError(f"there is no study of the id {study_id}")
        return self.studies[study_id]

    def trial(self, trial_id: int) -> FrozenTrial:
        """The trial of an id. KeyError if there is none."""
        if not 0 <= trial_id < len(self.trials):
            raise KeyError(f"there is no trial of the id {trial_id}")
        return self.trials[trial_id]

    def all_trials(self, study_id: int) -> list[FrozenTrial]:
        """The trials of a study in the order of their numbers."""
        self.study(study_id)
        return [self.trials[found] for found in self.of_study[study_id]]

    def _create_study(self, entry: dict[str, Any]) -> None:
        name = entry["study_name"]
        if any(study.study_name == name for study in self.studies.values()):
            raise duplicated(name)
        made = len(self.of_study)
        directions = [StudyDirection(found) for found in entry["directions"]]
        self.studies[made] = FrozenStudy(name, None, {}, {}, made, directions=directions)
        self.of_study[made] = []

    def _create_trial(self, entry: dict[str, Any]) -> None:
        self.study(entry["study_id"])
        made, siblings = len(self.trials), self.of_study[entry["study_id"]]
        distributions = {name: json_to_distribution(text) for name, text in entry.get("distributions", {}).items()}
        trial = FrozenTrial(
            number=len(siblings),
            state=TrialState(entry.get("state", TrialState.RUNNING)),
            value=entry.get("value"),
            values=entry.get("values"),
            datetime_start=_read(entry["datetime_start"]),
            datetime_complete=_read(entry.get("datetime_complete")),
            params={name: distributions[name].to_external_repr(value) for name, value in entry.get("params", {}).items()},
            distributions=distributions,
            user_attrs=entry.get("user_attrs", {}),
            system_attrs=entry.get("system_attrs", {}),
            intermediate_values={int(step): value for step, value in entry.get("intermediate_values", {}).items()},
            trial_id=made,
        )
        self.trials.append(trial)
        self._study_of.append(entry["study_id"])
        siblings.append(made)
        self.made[entry["worker_id"]] = made

    def _change(self, kind: JournalOperation, entry: dict[str, Any]) -> None:
        trial_id, O = entry["trial_id"], JournalOperation
        trial = _copy.copy(self.trial(trial_id))
        if trial.state.is_finished():
            raise UpdateFinishedTrialError(f"trial {trial.number} has ended, and cannot be changed")
        if kind == O.SET_TRIAL_PARAM:
            name, found = entry["param_name"], json_to_distribution(entry["distribution"])
            siblings = (self.trials[other] for other in self.of_study[self._study_of[trial_id]])
            for other in (other for other in siblings if name in other.params):
                check_distribution_compatibility(other.distributions[name], found)
                break
            trial.params = {**trial.params, name: found.to_external_repr(entry["param_value_internal"])}
            trial._distributions = {**trial.distributions, name: found}
        elif kind == O.SET_TRIAL_STATE_VALUES:
            if not self._set_state(trial, entry):
                return
        elif kind == O.SET_TRIAL_INTERMEDIATE_VALUE:
            trial.intermediate_values = {**trial.intermediate_values, entry["step"]: entry["intermediate_value"]}
        elif kind == O.SET_TRIAL_USER_ATTR:
            trial._user_attrs = {**trial.user_attrs, **entry["user_attr"]}
        else:
            trial._system_attrs = {**trial.system_attrs, **entry["system_attr"]}
        self.trials[trial_id] = trial

    def _set_state(self, trial: FrozenTrial, entry: dict[str, Any]) -> bool:
        """Sets a trial's state, if it does not run already and is to; whether it did."""
        state = TrialState(entry["state"])
        if state is TrialState.RUNNING:
            if trial.state is TrialState.RUNNING:
                return False
            trial.datetime_start = _read(entry["datetime_start"])
            self.claimed[entry["worker_id"]] = trial._trial_id
        if state.is_finished():
            trial.datetime_complete = _read(entry["datetime_complete"])
        trial.state = state
        if entry.get("values") is not None:
            trial.values = entry["values"]
        return True
