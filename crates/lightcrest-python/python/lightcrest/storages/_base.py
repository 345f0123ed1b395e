"""What all storages have in common."""

from __future__ import annotations

import copy as _copy
import os as _os

from lightcrest import _engine
from lightcrest._direction import StudyDirection, direction_word
from lightcrest._trials import Trials
from lightcrest.exceptions import DuplicatedStudyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence
    from typing import Any

    from lightcrest.trial import FrozenTrial, TrialState


class FrozenStudy:
    """A study of a storage as it is at one moment, without its trials."""

    def __init__(
        self,
        study_name: str,
        directions: Sequence[StudyDirection],
        user_attrs: dict[str, Any],
        system_attrs: dict[str, Any],
        study_id: int,
    ) -> None:
        self.study_name = study_name
        self.directions = list(directions)
        self.user_attrs = user_attrs
        self.system_attrs = system_attrs
        self._study_id = study_id

    @property
    def direction(self) -> StudyDirection:
        """The direction in a study of one objective."""
        if len(self.directions) > 1:
            raise RuntimeError("a study of several objectives has no single direction: use `directions`")
        return self.directions[0]


class BaseStorage:
    """The base of all storages.

    Studies are looked at and kept here; trials are run through Study alone. A study's id is its position in a file, so it changes when an
    earlier study is deleted there; in memory it stays.
    """

    _description = ""
    # Whether what is kept outlives the process.
    _lasting = False
    # How often a trial whose process died is run again; None to leave it to fail_stale_trials.
    _retries: int | None = 3

    @property
    def _fail_stale(self) -> Callable[[Any], None] | None:
        """What fails the trials of dead processes before each new one, if trials are not run again by themselves."""
        return None

    # What scripts call.

    def get_all_studies(self) -> list[FrozenStudy]:
        """All studies, in the order in which they were made."""
        return [self._frozen(name) for name in self._names()]

    def get_study_id_from_name(self, study_name: str) -> int:
        """The id of a study. KeyError if there is none of that name."""
        self._directions(study_name)
        return self._id(study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        """The name of a study. KeyError if there is none of that id."""
        for name in self._names():
            if self._id(name) == study_id:
                return name
        raise KeyError(f"there is no study of id {study_id}")

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """The directions of a study."""
        return self._frozen(self.get_study_name_from_id(study_id)).directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """What set_user_attr kept with a study."""
        return dict(self._attributes(self.get_study_name_from_id(study_id)).get("user", {}))

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """What is kept with a study beside its user attributes."""
        return dict(self._attributes(self.get_study_name_from_id(study_id)).get("system", {}))

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """As Study.set_user_attr."""
        self._set(self.get_study_name_from_id(study_id), "user", key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Keeps something with a study beside its user attributes."""
        self._set(self.get_study_name_from_id(study_id), "system", key, value)

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """Makes a study; its id. DuplicatedStudyError if there is one of that name already."""
        name = _made_up() if study_name is None else study_name
        if name in self._names():
            raise duplicated(name)
        words = [direction_word(direction) for direction in directions]
        if not words:
            raise ValueError("a study needs at least one direction, but the list is empty")
        if not self._create(name, words):
            raise duplicated(name)
        self._open(name, words, new=self._lasting)
        return self._id(name)

    def delete_study(self, study_id: int) -> None:
        """Deletes a study with its trials."""
        self._delete(self.get_study_name_from_id(study_id))

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The trials of a study, or those in some states. Copies, unless they are only to be looked at."""
        return self._trials(study_id).all(deepcopy, states)

    def get_n_trials(self, study_id: int, state: tuple[TrialState, ...] | TrialState | None = None) -> int:
        """How many trials a study has, in all or in some states."""
        states = (state,) if isinstance(state, int) else state
        return len(self.get_all_trials(study_id, deepcopy=False, states=states))

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """The best trial of a study of one objective."""
        return _copy.deepcopy(self._trials(study_id).best())

    def remove_session(self) -> None:
        """Nothing: a storage holds no session of a thread."""

    def _trials(self, study_id: int) -> Trials:
        name = self.get_study_name_from_id(study_id)
        words = self._directions(name)
        return Trials(self._open(name, words), len(words))

    def _open(self, name: str, directions: list[str], new: bool = False) -> _engine.Study:
        """The engine's study of this name, which proposes nothing; made if there is none. `new`: there must be none."""
        place, attributes = self._place(name)
        return _engine.Study(
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

    def _frozen(self, name: str) -> FrozenStudy:
        kinds = self._attributes(name)
        directions = [StudyDirection[word.upper()] for word in self._directions(name)]
        return FrozenStudy(name, directions, dict(kinds.get("user", {})), dict(kinds.get("system", {})), self._id(name))

    # What a storage does.

    def _names(self) -> list[str]:
        """The names of the studies, in the order in which they were made."""
        raise NotImplementedError

    def _create(self, name: str, directions: list[str]) -> bool:
        """Makes room for a study, if there is none of that name yet; whether there was none, as far as that is known before it is made."""
        return True

    def _id(self, name: str) -> int:
        """The position of a study among the others."""
        names = self._names()
        return names.index(name) if name in names else len(names)

    def _directions(self, name: str) -> list[str]:
        """The directions of a study. KeyError if there is none of that name."""
        raise NotImplementedError

    def _place(self, name: str) -> tuple[Any, dict[int, dict[str, Any]] | None]:
        """What the engine opens, and where attributes of trials are kept if they may be anything."""
        raise NotImplementedError

    def _attributes(self, name: str) -> dict[str, dict[str, Any]]:
        """The attributes of a study by kind, "user" or "system"."""
        raise NotImplementedError

    def _set(self, name: str, kind: str, key: str, value: Any) -> None:
        """Keeps an attribute of a study."""
        raise NotImplementedError

    def _delete(self, name: str) -> None:
        """Deletes a study. KeyError if there is none of that name."""
        raise NotImplementedError


def _made_up() -> str:
    """A name that no other study has."""
    digits = _os.urandom(16).hex()
    return "no-name-" + "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def duplicated(name: str) -> DuplicatedStudyError:
    """Says that a new study has the name of another."""
    return DuplicatedStudyError(
        f"there is a study {name!r} already: take another name, or go on with it by `load_if_exists=True`"
    )
