"""Studies: made, found again, copied and deleted."""

from __future__ import annotations

import copy as _copy

from lightcrest import _engine
from lightcrest._callbacks import MaxTrialsCallback
from lightcrest._direction import StudyDirection, direction_word
from lightcrest._study import Study, _logger
from lightcrest.exceptions import DuplicatedStudyError
from lightcrest.samplers import BaseSampler, _resolve
from lightcrest.storages import BaseStorage, get_storage
from lightcrest.storages._base import duplicated, made_up
from lightcrest.storages._engine import EngineStorage
from lightcrest.trial import FrozenTrial, TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence
    from typing import Any

    from lightcrest._engine import Space
    from lightcrest._protocol import CallbackType, ObjectiveFuncType
    from lightcrest.pruners import BasePruner

__all__ = [
    "MaxTrialsCallback",
    "Study",
    "StudyDirection",
    "StudySummary",
    "copy_study",
    "create_study",
    "delete_study",
    "get_all_study_names",
    "get_all_study_summaries",
    "load_study",
]


def create_study(
    *,
    storage: str | BaseStorage | None = None,
    sampler: BaseSampler | str | None = None,
    pruner: BasePruner | None = None,
    study_name: str | None = None,
    direction: str | StudyDirection | None = None,
    load_if_exists: bool = False,
    directions: Sequence[str | StudyDirection] | None = None,
    space: Space | None = None,
    seed: int | None = None,
    learn_from: Sequence[Study] = (),
) -> Study:
    """Makes a study.

    storage: where it lives: in memory unless given; "sqlite:///study.db" or a storage of lightcrest.storages.
    sampler: what proposes; an AutoSampler unless given. A name stands for a sampler with its defaults and `seed`.
    pruner: what stops trials early; a MedianPruner unless given.
    study_name: told apart from the others of the storage by it; made up unless given.
    direction: "minimize" (the default) or "maximize"; directions, for several objectives, has one of them for each.
    load_if_exists: whether a study of that name is gone on with; otherwise it is a DuplicatedStudyError.
    space: what may vary, if it is declared. Unless given, it is discovered from what the objective asks for.
    learn_from: earlier studies, of any storage, with some of the parameters. The best of their configurations are tried
        first, and what else they say informs the Gaussian process (AutoSampler, GPSampler). What is learnt is chosen
        now and kept with the study; one that goes on has what it was made with. `Study.memory` tells how much each counts.
    """
    if direction is not None and directions is not None:
        raise ValueError("`direction` and `directions` cannot be given together")
    if isinstance(direction, (list, tuple)):
        raise ValueError("`direction` is for one objective: use `directions` for several")
    named = ["minimize" if direction is None else direction] if directions is None else list(directions)
    if not named:
        raise ValueError("`directions` needs at least one direction, but the list is empty")
    words = [direction_word(item) for item in named]
    learn_from = _studies(learn_from)
    sampler = _resolve(sampler, seed)
    place = get_storage(storage)
    name = made_up() if study_name is None else study_name
    study = Study.__new__(Study)
    study._storage = place
    if name not in place._names():
        try:
            study._make(name, words, sampler, pruner, space, new=True, learn_from=learn_from)
        except DuplicatedStudyError:
            pass  # somebody else has just made it
        else:
            _logger().info(f"A new study created in {place._description} with name: {name}")
            return study
    if not load_if_exists:
        raise duplicated(name)
    _logger().info(f"Using an existing study with name '{name}' instead of creating a new one.")
    study._make(name, place._directions(name), sampler, pruner, space, learn_from=learn_from)
    return study


def _studies(learn_from: Sequence[Study]) -> list[Study]:
    if isinstance(learn_from, (Study, str)):
        raise TypeError("`learn_from` is a list of studies: write learn_from=[study]")
    studies = list(learn_from)
    for other in studies:
        if not isinstance(other, Study):
            raise TypeError(f"`learn_from` takes studies (load_study finds them again), but got {other!r}")
    return studies


def load_study(
    *,
    study_name: str | None,
    storage: str | BaseStorage,
    sampler: BaseSampler | str | None = None,
    pruner: BasePruner | None = None,
) -> Study:
    """Finds a study again; without a name, the only one of the storage. KeyError if there is none of that name."""
    place = get_storage(storage)
    if study_name is None:
        names = place._names()
        if len(names) != 1:
            raise ValueError(f"`study_name` is needed: the storage holds {len(names)} studies, {names}")
        study_name = names[0]
    return Study(study_name, place, sampler, pruner)


def delete_study(*, study_name: str, storage: str | BaseStorage) -> None:
    """Deletes a study with its trials. KeyError if there is none of that name."""
    get_storage(storage)._delete(study_name)


def copy_study(
    *,
    from_study_name: str,
    from_storage: str | BaseStorage,
    to_storage: str | BaseStorage,
    to_study_name: str | None = None,
) -> None:
    """Copies a study into a storage, as it is at one moment: its space, its attributes, its trials and what it learns from; under
    its own name unless another is given. Trials that run there wait in the copy, with the same parameters, since whoever runs
    them has nothing to do with it."""
    source, target = get_storage(from_storage), get_storage(to_storage)
    name = to_study_name or from_study_name
    directions = source._directions(from_study_name)
    if not (isinstance(source, EngineStorage) and isinstance(target, EngineStorage)):
        # A storage that is written in Python, or a journal, knows attributes and trials alone.
        study = load_study(study_name=from_study_name, storage=source)
        copy = create_study(study_name=name, storage=target, directions=study.directions)
        copy._take_over(source._attributes(from_study_name), study.get_trials())
        return
    if name in target._names() or not target._create(name, directions):
        raise duplicated(name)
    try:
        (there, given), (here, kept) = source._place(from_study_name), target._place(name)
        _engine.copy_study(there, from_study_name, here, name, given)
        if kept is not None:
            trials = source._look(from_study_name, directions)._engine
            attributes = (parts[6] for parts in trials.parts(range(len(trials))))
            kept.update(enumerate(map(_copy.deepcopy, attributes)))
        if given is not None or kept is not None:
            for kind, entries in source._attributes(from_study_name).items():
                for key, value in entries.items():
                    target._set(name, kind, key, _copy.deepcopy(value))
    except BaseException:
        if not target._lasting:
            target._delete(name)
        raise


class StudySummary:
    """What there is to say of a study without looking at its trials one by one."""

    def __init__(
        self,
        study_name: str,
        direction: StudyDirection | None,
        best_trial: FrozenTrial | None,
        user_attrs: dict[str, Any],
        n_trials: int,
        datetime_start: datetime.datetime | None,
        study_id: int,
        *,
        directions: Sequence[StudyDirection] | None = None,
    ) -> None:
        if direction is None and directions is None:
            raise ValueError("one of `direction` and `directions` is needed")
        self.study_name = study_name
        self._directions = [direction] if directions is None else list(directions)
        self.best_trial = best_trial
        self.user_attrs = user_attrs
        self.n_trials = n_trials
        self.datetime_start = datetime_start
        self._study_id = study_id

    @property
    def direction(self) -> StudyDirection | None:
        """The direction in a study of one objective."""
        if len(self._directions) > 1:
            raise RuntimeError("a study of several objectives has no single direction: use `directions`")
        return self._directions[0]

    @property
    def directions(self) -> Sequence[StudyDirection | None]:
        """The directions, one for each objective."""
        return self._directions

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StudySummary):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, StudySummary):
            return NotImplemented
        return self._study_id < other._study_id

    def __le__(self, other: object) -> bool:
        if not isinstance(other, StudySummary):
            return NotImplemented
        return self._study_id <= other._study_id


def get_all_study_summaries(storage: str | BaseStorage, include_best_trial: bool = True) -> list[StudySummary]:
    """What there is to say of each study of a storage."""
    place = get_storage(storage)
    return [_summary(place, name, include_best_trial) for name in place._names()]


def _summary(place: BaseStorage, name: str, include_best_trial: bool) -> StudySummary:
    study = Study(name, place)
    trials = study.get_trials(deepcopy=False)
    best = None
    if include_best_trial and len(study.directions) == 1:
        if any(trial.state is TrialState.COMPLETE for trial in trials):
            best = study.best_trial
    starts = [trial.datetime_start for trial in trials if trial.datetime_start is not None]
    return StudySummary(
        study_name=name,
        direction=None,
        best_trial=best,
        user_attrs=study.user_attrs,
        n_trials=len(trials),
        datetime_start=min(starts, default=None),
        study_id=study._study_id,
        directions=study.directions,
    )


def get_all_study_names(storage: str | BaseStorage) -> list[str]:
    """The names of the studies of a storage, in the order in which they were made."""
    return get_storage(storage)._names()
