"""What the engine's storages have in common: single studies and trials, looked at and changed by their ids."""

from __future__ import annotations

import copy as _copy
import weakref as _weakref

from lightcrest import _engine
from lightcrest._direction import StudyDirection, direction_word
from lightcrest._state import TrialState
from lightcrest._trials import Trials
from lightcrest.distributions import check_distribution_compatibility
from lightcrest.exceptions import UpdateFinishedTrialError
from lightcrest.storages._base import BaseStorage, FrozenStudy, duplicated, made_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence
    from typing import Any

    from lightcrest.distributions import BaseDistribution
    from lightcrest.trial import FrozenTrial


# How far apart the ids of the first trials of two studies are: both ids together are exact as floats.
TRIALS = 2**32


class EngineStorage(BaseStorage):
    """Keeps studies where the engine does. Trials are run through Study; who changes single ones knows what he does."""

    _stored = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        # By the study's name: the trials that studies of this process work on, and those that the storage looks at.
        self._living: dict[str, list[_weakref.ref[Trials]]] = {}
        self._looked: dict[str, Trials] = {}

    def __getstate__(self) -> dict[str, Any]:
        own = ("_living", "_looked")
        return {key: value for key, value in self.__dict__.items() if key not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    # Studies.

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """Makes a study; its id. DuplicatedStudyError if there is one of that name already."""
        name = made_up() if study_name is None else study_name
        if name in self._names():
            raise duplicated(name)
        words = [direction_word(direction) for direction in directions]
        if not words:
            raise ValueError("a study needs at least one direction, but the list is empty")
        if not self._create(name, words):
            raise duplicated(name)
        self._look(name, words, new=self._lasting)
        return self._id(name)

    def delete_study(self, study_id: int) -> None:
        """Deletes a study with its trials."""
        self._delete(self.get_study_name_from_id(study_id))

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """As Study.set_user_attr."""
        self._set(self.get_study_name_from_id(study_id), "user", key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Keeps something with a study beside its user attributes."""
        self._set(self.get_study_name_from_id(study_id), "system", key, value)

    def get_study_id_from_name(self, study_name: str) -> int:
        """The id of a study. KeyError if there is none of that name."""
        self._directions(study_name)
        return self._id(study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        """The name of a study. KeyError if there is none of that id."""
        for known, name in self._studies():
            if known == study_id:
                return name
        raise KeyError(f"there is no study of id {study_id}")

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """The directions of a study."""
        return [StudyDirection[word.upper()] for word in self._directions(self.get_study_name_from_id(study_id))]

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """What set_user_attr kept with a study."""
        return dict(self._attributes(self.get_study_name_from_id(study_id)).get("user", {}))

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """What is kept with a study beside its user attributes."""
        return dict(self._attributes(self.get_study_name_from_id(study_id)).get("system", {}))

    def get_all_studies(self) -> list[FrozenStudy]:
        """All studies, in the order in which they were made."""
        return [self._frozen(study_id, name) for study_id, name in self._studies()]

    # Trials.

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Adds a trial that runs, or one like the template but for its number and id; its id."""
        from lightcrest.trial import create_trial

        trials = self._trials(study_id)
        given = create_trial(state=TrialState.RUNNING) if template_trial is None else template_trial
        return trials.identify(trials.add(given))

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """Gives an unfinished trial a parameter. ValueError if other trials of the study asked for another distribution."""
        trials, trial = self._unfinished(trial_id)
        for other in trials.all(deepcopy=False, states=None):
            if param_name in other.distributions:
                check_distribution_compatibility(other.distributions[param_name], distribution)
                break
        trial.params[param_name] = distribution.to_external_repr(param_value_internal)
        trial.distributions[param_name] = distribution
        trials.replace(trial)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Brings an unfinished trial into a state, with values if it ends. False: a trial that is to run runs already."""
        import datetime

        trials, trial = self._unfinished(trial_id)
        if state is TrialState.RUNNING and trial.state is TrialState.RUNNING:
            return False
        trial.state = state
        if values is not None:
            trial.values = values
        if state is TrialState.RUNNING:
            trial.datetime_start = datetime.datetime.now()
        if state.is_finished():
            trial.datetime_complete = datetime.datetime.now()
        trials.replace(trial)
        return True

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Keeps a report of an unfinished trial. Of a step that was reported before, the first report stands."""
        trials, trial = self._unfinished(trial_id)
        trial.intermediate_values.setdefault(step, intermediate_value)
        trials.replace(trial)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keeps something with an unfinished trial."""
        trials, trial = self._unfinished(trial_id)
        trial.user_attrs[key] = value
        trials.replace(trial)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keeps something with an unfinished trial beside its user attributes."""
        trials, trial = self._unfinished(trial_id)
        trial.system_attrs[key] = value
        trials.replace(trial)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """The trial as it is."""
        trials, number = self._find(trial_id)
        return trials.copy(number)

    def get_trial_number_from_id(self, trial_id: int) -> int:
        """The number of a trial in its study."""
        return self._find(trial_id)[1]

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """The id of the trial of a number. KeyError if there is none."""
        trials = self._trials(study_id)
        if not 0 <= trial_number < len(trials):
            raise KeyError(f"there is no trial {trial_number} in the study of id {study_id}")
        return trials.identify(trial_number)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The trials of a study, or those in some states. Copies, unless they are only to be looked at."""
        name = self.get_study_name_from_id(study_id)
        handles = self._handles(name)
        trials = handles[0].all(False, states)
        for other in handles[1:]:
            # What a trial is doing is known to the study that asked for it.
            trials = [
                other.frozen(trial.number) if trial.state is TrialState.RUNNING and other.owns(trial.number) else trial
                for trial in trials
            ]
        return _copy.deepcopy(trials) if deepcopy else trials

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """The best trial of a study of one objective."""
        return _copy.deepcopy(self._trials(study_id).best())

    # How trials are found.

    def _trials(self, study_id: int) -> Trials:
        """The trials of a study, as they are now."""
        found = self._handles(self.get_study_name_from_id(study_id))[0]
        found.synchronize()
        return found

    def _handles(self, name: str) -> list[Trials]:
        """All that know the trials of a study in this process."""
        living = [trials for trials in (ref() for ref in self._living.get(name, ())) if trials is not None]
        return living or [self._look(name, self._directions(name))]

    def _find(self, trial_id: int) -> tuple[Trials, int]:
        """Who knows most of a trial, and its number."""
        study_id, number = divmod(trial_id, TRIALS)
        try:
            handles = self._handles(self.get_study_name_from_id(study_id))
        except KeyError:
            raise KeyError(f"there is no trial of id {trial_id}") from None
        for trials in handles:
            if trials.owns(number):
                return trials, number
        handles[0].synchronize()
        if number >= len(handles[0]):
            raise KeyError(f"there is no trial of id {trial_id}")
        return handles[0], number

    def _unfinished(self, trial_id: int) -> tuple[Trials, FrozenTrial]:
        """A trial that may be changed, to be changed and put back."""
        trials, number = self._find(trial_id)
        trial = trials.copy(number)
        if trial.state.is_finished():
            raise UpdateFinishedTrialError(f"trial {number} has ended, and cannot be changed")
        return trials, trial

    def _opened(self, name: str, trials: Trials) -> None:
        """A study works on its trials here."""
        living = [ref for ref in self._living.get(name, ()) if ref() is not None]
        self._living[name] = [*living, _weakref.ref(trials)]

    def _forget(self, name: str) -> None:
        """A study is deleted."""
        self._living.pop(name, None)
        self._looked.pop(name, None)

    def _look(self, name: str, directions: list[str], new: bool = False) -> Trials:
        """The trials of a study that proposes nothing; made if there is none. `new`: there must be none."""
        if name not in self._looked or new:
            place, attributes = self._place(name)
            engine = _engine.Study(
                name=name,
                directions=directions,
                sampler="random",
                sampler_settings={},
                seed=None,
                pruner="none",
                pruner_settings={},
                space=None,
                storage=place,
                attributes=attributes,
                new=new,
                retries=None,
            )
            self._looked[name] = Trials(engine, len(directions), self._identify(self._id(name)))
        return self._looked[name]

    def _frozen(self, study_id: int, name: str) -> FrozenStudy:
        kinds = self._attributes(name)
        directions = [StudyDirection[word.upper()] for word in self._directions(name)]
        user, system = dict(kinds.get("user", {})), dict(kinds.get("system", {}))
        return FrozenStudy(name, None, user, system, study_id, directions=directions)

    def _identify(self, study_id: int) -> Callable[[int], int]:
        return (study_id * TRIALS).__add__

    # What a storage does.

    def _studies(self) -> list[tuple[int, str]]:
        """The ids and names of the studies, in the order in which they were made."""
        raise NotImplementedError

    def _names(self) -> list[str]:
        return [name for _, name in self._studies()]

    def _create(self, name: str, directions: list[str]) -> bool:
        return True

    def _id(self, name: str) -> int:
        """The id of a study."""
        for study_id, known in self._studies():
            if known == name:
                return study_id
        raise KeyError(f"there is no study {name!r}")

    def _directions(self, name: str) -> list[str]:
        raise NotImplementedError

    def _attributes(self, name: str) -> dict[str, dict[str, Any]]:
        raise NotImplementedError

    def _set(self, name: str, kind: str, key: str, value: Any) -> None:
        raise NotImplementedError

    def _delete(self, name: str) -> None:
        raise NotImplementedError
