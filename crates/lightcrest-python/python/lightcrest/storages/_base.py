"""The base of all storages: what a study needs of them. One that is written in Python defines the abstract methods."""

from __future__ import annotations

import abc as _abc
import copy as _copy
import functools as _functools

from lightcrest._direction import StudyDirection
from lightcrest._state import TrialState
from lightcrest.exceptions import DuplicatedStudyError, UpdateFinishedTrialError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence
    from typing import Any

    from lightcrest.distributions import BaseDistribution
    from lightcrest.trial import FrozenTrial

# What the names of studies begin with that were given none.
DEFAULT_STUDY_NAME_PREFIX = "no-name-"


class FrozenStudy:
    """A study of a storage as it is at one moment, without its trials."""

    def __init__(
        self,
        study_name: str,
        direction: StudyDirection | None = None,
        user_attrs: dict[str, Any] | None = None,
        system_attrs: dict[str, Any] | None = None,
        study_id: int = 0,
        *,
        directions: Sequence[StudyDirection] | None = None,
    ) -> None:
        if (direction is None) == (directions is None):
            raise ValueError("one of `direction` and `directions` is needed, and not both")
        self.study_name = study_name
        self.directions = [direction] if directions is None else list(directions)
        self.user_attrs = user_attrs or {}
        self.system_attrs = system_attrs or {}
        self._study_id = study_id

    @property
    def _directions(self) -> list[StudyDirection]:
        return self.directions  # type: ignore[return-value]

    @property
    def direction(self) -> StudyDirection:
        """The direction in a study of one objective."""
        if len(self.directions) > 1:
            raise RuntimeError("a study of several objectives has no single direction: use `directions`")
        return self.directions[0]  # type: ignore[return-value]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FrozenStudy):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, FrozenStudy):
            return NotImplemented
        return self._study_id < other._study_id

    def __le__(self, other: object) -> bool:
        if not isinstance(other, FrozenStudy):
            return NotImplemented
        return self._study_id <= other._study_id


class BaseStorage(_abc.ABC):
    """The base of all storages, those of this package and those that are written in Python.

    Studies and trials have ids, which are unique in the storage. KeyError where there is none of an id; UpdateFinishedTrialError
    where a trial is to be changed that has ended. Methods may be called by several threads at once.
    """

    # Whether what is kept outlives the process.
    _lasting = True
    # How often a trial whose process died is run again; None to leave it to fail_stale_trials.
    _retries: int | None = None

    @property
    def _description(self) -> str:
        """Where it keeps studies, for messages."""
        return type(self).__name__

    @property
    def _fail_stale(self) -> Callable[[Any], None] | None:
        """What fails the trials of dead processes before each new one, if trials are not run again by themselves."""
        from lightcrest.storages._heartbeat import fail_stale_trials, is_heartbeat_enabled

        return fail_stale_trials if is_heartbeat_enabled(self) else None

    # Studies.

    @_abc.abstractmethod
    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """Makes a study; its id. DuplicatedStudyError if there is one of that name already."""
        raise NotImplementedError

    @_abc.abstractmethod
    def delete_study(self, study_id: int) -> None:
        """Deletes a study with its trials."""
        raise NotImplementedError

    @_abc.abstractmethod
    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """As Study.set_user_attr."""
        raise NotImplementedError

    @_abc.abstractmethod
    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Keeps something with a study beside its user attributes."""
        raise NotImplementedError

    @_abc.abstractmethod
    def get_study_id_from_name(self, study_name: str) -> int:
        """The id of a study. KeyError if there is none of that name."""
        raise NotImplementedError

    @_abc.abstractmethod
    def get_study_name_from_id(self, study_id: int) -> str:
        """The name of a study. KeyError if there is none of that id."""
        raise NotImplementedError

    @_abc.abstractmethod
    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """The directions of a study."""
        raise NotImplementedError

    @_abc.abstractmethod
    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """What set_user_attr kept with a study."""
        raise NotImplementedError

    @_abc.abstractmethod
    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """What is kept with a study beside its user attributes."""
        raise NotImplementedError

    @_abc.abstractmethod
    def get_all_studies(self) -> list[FrozenStudy]:
        """All studies, in the order in which they were made."""
        raise NotImplementedError

    # Trials.

    @_abc.abstractmethod
    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Adds a trial that runs, or one like the template but for its number and id; its id."""
        raise NotImplementedError

    @_abc.abstractmethod
    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """Gives an unfinished trial a parameter. ValueError if other trials of the study asked for another distribution."""
        raise NotImplementedError

    @_abc.abstractmethod
    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Brings an unfinished trial into a state, with values if it ends. False: a trial that is to run runs already."""
        raise NotImplementedError

    @_abc.abstractmethod
    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Keeps a report of an unfinished trial."""
        raise NotImplementedError

    @_abc.abstractmethod
    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keeps something with an unfinished trial."""
        raise NotImplementedError

    @_abc.abstractmethod
    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keeps something with an unfinished trial beside its user attributes."""
        raise NotImplementedError

    @_abc.abstractmethod
    def get_trial(self, trial_id: int) -> FrozenTrial:
        """The trial as it is."""
        raise NotImplementedError

    @_abc.abstractmethod
    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The trials of a study, or those in some states. Copies, unless they are only to be looked at."""
        raise NotImplementedError

    # What follows from these.

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """The id of the trial of a number. KeyError if there is none."""
        trials = self.get_all_trials(study_id, deepcopy=False)
        if not 0 <= trial_number < len(trials):
            raise KeyError(f"there is no trial {trial_number} in the study of id {study_id}")
        return trials[trial_number]._trial_id

    def get_trial_number_from_id(self, trial_id: int) -> int:
        """The number of a trial in its study."""
        return self.get_trial(trial_id).number

    def get_trial_param(self, trial_id: int, param_name: str) -> float:
        """The value of a parameter as a number: itself, or the position of a choice."""
        trial = self.get_trial(trial_id)
        return trial.distributions[param_name].to_internal_repr(trial.params[param_name])

    def get_n_trials(self, study_id: int, state: tuple[TrialState, ...] | TrialState | None = None) -> int:
        """How many trials a study has, in all or in some states."""
        states = (state,) if isinstance(state, TrialState) else state
        return len(self.get_all_trials(study_id, deepcopy=False, states=states))

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """The best trial of a study of one objective, whatever its constraints."""
        directions = self.get_study_directions(study_id)
        if len(directions) > 1:
            raise RuntimeError("a study of several objectives has no single best trial: use `best_trials`")
        trials = self.get_all_trials(study_id, deepcopy=False, states=(TrialState.COMPLETE,))
        if not trials:
            raise ValueError("no trial is complete yet")
        best = max if directions[0] == StudyDirection.MAXIMIZE else min
        return _copy.deepcopy(best(trials, key=lambda trial: trial.value))  # type: ignore[arg-type,return-value]

    def get_trial_params(self, trial_id: int) -> dict[str, Any]:
        """The parameters of a trial."""
        return self.get_trial(trial_id).params

    def get_trial_user_attrs(self, trial_id: int) -> dict[str, Any]:
        """What was kept with a trial."""
        return self.get_trial(trial_id).user_attrs

    def get_trial_system_attrs(self, trial_id: int) -> dict[str, Any]:
        """What is kept with a trial beside its user attributes."""
        return self.get_trial(trial_id).system_attrs

    def remove_session(self) -> None:
        """Gives back what a thread holds of the storage: nothing, unless a storage says otherwise."""

    def check_trial_is_updatable(self, trial_id: int, trial_state: TrialState) -> None:
        """Raises an UpdateFinishedTrialError if a trial in this state cannot be changed any more."""
        if trial_state.is_finished():
            raise UpdateFinishedTrialError(f"trial {self.get_trial(trial_id).number} has ended, and cannot be changed")


    # What a Study does with it, by the study's name.

    def _names(self) -> list[str]:
        """The names of the studies, in the order in which they were made."""
        return [study.study_name for study in self.get_all_studies()]

    def _create(self, name: str, directions: list[str]) -> bool:
        """Makes room for a study, if there is none of that name yet; whether there was none, as far as that is known before it is made."""
        if name in self._names():
            return False
        self.create_new_study([StudyDirection[word.upper()] for word in directions], name)
        return True

    def _id(self, name: str) -> int:
        """The id of a study."""
        return self.get_study_id_from_name(name)

    def _directions(self, name: str) -> list[str]:
        """The directions of a study. KeyError if there is none of that name."""
        return [direction.name.lower() for direction in self.get_study_directions(self.get_study_id_from_name(name))]

    def _place(self, name: str) -> tuple[Any, dict[int, dict[str, Any]] | None]:
        """What the engine opens, and where attributes of trials are kept if they may be anything."""
        from lightcrest.storages._python import Adapter

        return Adapter(self, name), None

    def _identify(self, study_id: int) -> Callable[[int], int]:
        """What gives the ids of a study's trials by their numbers."""
        return _functools.cache(_functools.partial(self.get_trial_id_from_study_id_trial_number, study_id))

    @property
    def _stored(self) -> Callable[[int], FrozenTrial] | None:
        """What gives a trial by its id, if its storage may keep more with it than the engine knows."""
        return self.get_trial

    def _opened(self, name: str, trials: Any) -> None:
        """A study works on its trials here."""

    def _attributes(self, name: str) -> dict[str, dict[str, Any]]:
        """The attributes of a study by kind, "user" or "system"."""
        found = self.get_study_id_from_name(name)
        return {"user": self.get_study_user_attrs(found), "system": self.get_study_system_attrs(found)}

    def _set(self, name: str, kind: str, key: str, value: Any) -> None:
        """Keeps an attribute of a study."""
        keep = self.set_study_user_attr if kind == "user" else self.set_study_system_attr
        keep(self.get_study_id_from_name(name), key, value)

    def _delete(self, name: str) -> None:
        """Deletes a study. KeyError if there is none of that name."""
        self.delete_study(self.get_study_id_from_name(name))


def made_up() -> str:
    """A name that no other study has."""
    import os

    digits = os.urandom(16).hex()
    return DEFAULT_STUDY_NAME_PREFIX + "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def duplicated(name: str) -> DuplicatedStudyError:
    """Says that a new study has the name of another."""
    return DuplicatedStudyError(
        f"there is a study {name!r} already: take another name, or go on with it by `load_if_exists=True`"
    )
