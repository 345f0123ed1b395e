"""A searcher for Ray Tune whose study lives in a storage.

| what | where it is kept |
|---|---|
| the study: configurations, reports, results | the storage, at once |
| which trial of Ray a trial of the study is | with the trial: "SEARCHER/TRIAL_ID" |
| which of Ray's trials were suggested when Ray last wrote down where it is | Ray's folder: `save` |

So `save` is small and `restore` reads the study as it is. What was suggested after Ray last wrote is unknown to a Tuner that is
restored: it asks anew, under new ids, and gets those trials again, so that the study has as many trials as Ray.

Ray's folder may be torn: it writes its files in place, and what it was writing when it was killed is empty or half. The study is
whole then, too, and a new Tuner with a new searcher goes on with it: it gets the trials first that have not ended.
"""

from __future__ import annotations

import fnmatch
import json
import os
from typing import Any

import pyarrow.fs
from ray import cloudpickle
from ray.tune import Tuner
from ray.tune.search import Searcher

import lightcrest
from lightcrest.exceptions import OptunaError, UpdateFinishedTrialError, _Exhausted
from lightcrest.ray._space import Found, flat, found_in, nested, space_of
from lightcrest.trial import TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lightcrest.samplers import BaseSampler
    from lightcrest.storages import BaseStorage
    from lightcrest.study import Study
    from lightcrest.trial import Trial

# Where the mark of a trial is kept, beside its user attributes.
_MARK = "ray"
_STEP = "training_iteration"
_DIRECTIONS = {"min": "minimize", "max": "maximize"}


def _log() -> Any:
    from lightcrest import logging

    return logging._root


def can_restore(path: str) -> bool:
    """Whether `Tuner.restore(path, ...)` finds a Tuner there, and its last state whole.

    Ray asks only whether there is a file. It writes its state in place, so that one that is killed meanwhile leaves a torn one, from
    which it would begin anew with a single trial: make a new Tuner then, whose searcher goes on with the study.
    path: the experiment's folder, or its URI.
    """
    if not Tuner.can_restore(path):
        return False
    files, folder = pyarrow.fs.FileSystem.from_uri(path if "://" in path else os.path.abspath(path))
    names = [entry.path for entry in files.get_file_info(pyarrow.fs.FileSelector(folder))]
    states = fnmatch.filter(names, "*/experiment_state-*.json")
    if not states:
        return False
    try:
        with files.open_input_stream(max(states)) as file:
            json.loads(file.readall())
    except ValueError:
        return False
    return True


class LightcrestSearch(Searcher):
    """Proposes configurations to Ray Tune from a study in a storage.

    Nothing is lost when the Tuner is killed: `Tuner.restore` goes on with the study as it is, and a trial that Ray runs again is the
    same trial, whose first report of a step and first result stand. The study is one of Lightcrest like any other: `lightcrest show`,
    `load_study` and the figures know it, and so does a later Tuner with the same `study_name`, which takes the trials first that an
    earlier one left running, and learns from the others. One Tuner at a time.

    A trial that a scheduler stopped is PRUNED if it was stopped before the longest that any trial came, and COMPLETE otherwise.
    """

    def __init__(
        self,
        storage: str | BaseStorage,
        *,
        study_name: str,
        space: lightcrest.Space | Callable[[Trial], dict[str, Any] | None] | None = None,
        metric: str | list[str] | None = None,
        mode: str | list[str] | None = None,
        sampler: BaseSampler | str | None = None,
        seed: int | None = None,
        points_to_evaluate: Sequence[dict[str, Any]] = (),
    ) -> None:
        """storage, study_name, sampler, seed: as create_study takes them; whoever restores the Tuner must reach the storage, so a SQLite
        file is named by its full path. A Tuner writes its searcher into its folder: a password belongs into PGPASSWORD or ~/.pgpass.
        space: what may vary, if it is not the `param_space` of the Tuner: a Space, or a function that asks a trial for its parameters and
        returns constants, or None.
        metric, mode: what is optimised, if the Tuner does not say it; lists for several objectives.
        points_to_evaluate: configurations that are tried first.
        """
        super().__init__(metric=metric, mode=mode)
        self._storage = lightcrest.storages.get_storage(storage)
        if not self._storage._lasting:
            raise ValueError(
                "a study in memory is lost with its Tuner: give LightcrestSearch a storage such as 'sqlite:////home/me/study.db', or "
                "'postgresql://USER@HOST/DATABASE'"
            )
        self._name, self._sampler, self._seed = study_name, sampler, seed
        self._id = os.urandom(8).hex()
        self._points = list(points_to_evaluate)
        self._asked: Callable[[Trial], dict[str, Any] | None] | None = None
        self._space: lightcrest.Space | None = None
        # How values of the param_space become those of a configuration.
        self._found: list[Found] | None = None
        # Ray's trials and their numbers in the study, and numbers of which Ray knows nothing any more.
        self._numbers: dict[str, int] = {}
        self._orphans: list[int] = []
        self._study: Study | None = None
        if isinstance(space, lightcrest.Space):
            self._space = space
        elif callable(space):
            self._asked = space
        elif space is not None:
            raise TypeError(f"`space` must be a lightcrest.Space or a function, but got {space!r}: give a dict as the Tuner's `param_space`")
        self._open()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_study": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    @property
    def study(self) -> Study:
        """The study."""
        if self._study is None:
            raise RuntimeError(
                "LightcrestSearch does not know yet what to optimise: give `metric` and `mode`, and a `space` or the Tuner's `param_space`; "
                "of a Tuner that was restored, Ray could not read the state: ask `lightcrest.ray.can_restore(path)` before, and make a new "
                "Tuner if it cannot be: it goes on with the study"
            )
        return self._study

    @property
    def ended(self) -> int:
        """How many trials of the study have ended, by whichever Tuner. 0 if there is no such study yet."""
        try:
            study = self._study or lightcrest.load_study(study_name=self._name, storage=self._storage)
        except KeyError:
            return 0
        return sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))

    def _open(self) -> None:
        ready = self._metric and self._mode and (self._space is not None or self._asked is not None)
        if self._study is not None or not ready:
            return
        modes = self._mode if isinstance(self._mode, list) else [self._mode]
        metrics = self._metrics()
        odd = [mode for mode in modes if mode not in _DIRECTIONS]
        if odd or len(modes) != len(metrics):
            raise ValueError(f"`mode` must be 'min' or 'max' for each metric of {metrics}, but got {self._mode!r}")
        self._study = lightcrest.create_study(
            storage=self._storage,
            study_name=self._name,
            directions=[_DIRECTIONS[mode] for mode in modes],
            sampler=self._sampler,
            seed=self._seed,
            space=self._space,
            load_if_exists=True,
        )
        if not self._study.get_trials(deepcopy=False):
            for point in self._points:
                self._study.enqueue_trial(flat(point, self._found or ()))
        self._orphans = [number for number, state, leased, mark in self._unknown("") if state == "running"]

    def _unknown(self, searcher: str) -> list[tuple[int, str, bool, str | None]]:
        """Trials that a Tuner had of this searcher, or of any, and that Ray does not know. Those without a mark are of a process that
        ended between two writes; trials that others run have a lease."""
        known = set(self._numbers.values())
        marked = self.study._engine.marked(_MARK, searcher, every=True)
        return [found for found in marked if found[0] not in known and (found[3] is not None or not found[2])]

    def _metrics(self) -> list[str]:
        return self._metric if isinstance(self._metric, list) else [self._metric]

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """Takes what the Tuner says to optimise, and the space."""
        if metric:
            self._metric = metric
        if mode:
            self._mode = mode
        found = found_in(config)
        if found:
            if self._asked is not None or (self._space is not None and self._found is None):
                return False
            self._found, self._space = found, space_of(found)
        self._open()
        return self._study is not None

    # Ray's trials.

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The configuration of a trial."""
        study = self.study
        number = self._number(trial_id)
        if number is None and self._orphans:
            number = self._orphans.pop(0)
            _log().info(f"Trial {number} is run under another id: {trial_id}.")
        if number is None:
            try:
                trial = study.ask()
            except _Exhausted:
                return Searcher.FINISHED  # type: ignore[no-any-return]
            number = trial.number
        self._numbers[trial_id] = number
        if study._engine.state(number) != "running":
            return self._configuration(study._trials.frozen(number), None)
        trial = lightcrest._study._again(study, number)
        study._set_system(number, _MARK, f"{self._id}/{trial_id}", trial._token)
        constants = None if self._asked is None else self._asked(trial)
        if constants:
            trial.set_user_attr("constants", constants)
        return self._configuration(trial, constants)

    def _configuration(self, trial: Any, constants: dict[str, Any] | None) -> dict[str, Any]:
        given = {found.name: found for found in self._found or ()}
        values = {key: given[key].value(value) if key in given else value for key, value in trial.params.items()}
        return nested({**(constants or trial.user_attrs.get("constants") or {}), **values})

    def _number(self, trial_id: str) -> int | None:
        if trial_id not in self._numbers:
            study = self.study
            study._engine.synchronize()
            for number, _, _, mark in study._engine.marked(_MARK, f"{self._id}/{trial_id}"):
                if mark == f"{self._id}/{trial_id}":
                    self._numbers[trial_id] = number
        return self._numbers.get(trial_id)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Keeps a report."""
        number = self._running(trial_id)
        if number is not None:
            self._report(number, result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Ends a trial."""
        number = self._running(trial_id)
        if number is None:
            return
        study = self.study
        if error:
            study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
            return
        early = bool(result) and self._stopped_early(number, result or {})
        if result:
            self._report(number, result)
        if early:
            study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)
            return
        values = self._values(result)
        reports = study._trials.frozen(number).intermediate_values
        if values is None and reports:
            last = reports[max(reports)]
            values = list(last) if isinstance(last, list) else [last]
        if values is None or any(value != value for value in values) or len(values) != len(self._metrics()):
            _log().warning(f"Trial {number} ({trial_id}) failed: it reported no number as {' and '.join(self._metrics())}.")
            study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
        else:
            study.tell(number, values, skip_if_finished=True)

    def _running(self, trial_id: str) -> int | None:
        """The number of a trial that has not ended."""
        number = self._number(trial_id)
        if number is None:
            _log().warning(f"Ray's trial {trial_id} is none of the study {self._name!r}: what it says is left alone.")
            return None
        self.study._engine.synchronize()
        # One that is run again after it ended keeps its first result.
        return number if self.study._engine.state(number) == "running" else None

    def _values(self, result: dict[str, Any] | None) -> list[float] | None:
        try:
            return [float((result or {})[metric]) for metric in self._metrics()]
        except (KeyError, TypeError, ValueError):
            return None

    def _report(self, number: int, result: dict[str, Any]) -> None:
        values, step = self._values(result), result.get(_STEP)
        known = self.study._trials.frozen(number).intermediate_values
        if values is None or step is None or step in known:
            return
        try:
            lightcrest._study._again(self.study, number).report(values[0] if len(values) == 1 else values, step)
        except (UpdateFinishedTrialError, OptunaError) as error:
            _log().warning(f"{error}.")

    def _stopped_early(self, number: int, result: dict[str, Any]) -> bool:
        """Whether a trial was ended before the longest that any came, and not by itself: then Ray has told of its last step already."""
        trials = self.study.get_trials(deepcopy=False)
        if _STEP not in result or result[_STEP] in trials[number].intermediate_values:
            return False
        longest = max(max(trial.intermediate_values, default=0) for trial in trials)
        return bool(result[_STEP] < longest)

    # Where it stood.

    def save(self, checkpoint_path: str) -> None:
        """Writes which trials Ray knows. The study is in its storage."""
        state = {"searcher": self._id, "trials": self._numbers, "metric": self._metric, "mode": self._mode, "found": self._found}
        with open(checkpoint_path, "wb") as file:
            cloudpickle.dump(state, file)

    def restore(self, checkpoint_path: str) -> None:
        """Goes on with the study; trials that were suggested after `save` are suggested again."""
        with open(checkpoint_path, "rb") as file:
            state = cloudpickle.load(file)
        self._id, self._numbers = state["searcher"], dict(state["trials"])
        self._metric, self._mode = self._metric or state["metric"], self._mode or state["mode"]
        # A Tuner that is restored does not say its space again.
        if self._space is None and state["found"]:
            self._found, self._space = state["found"], space_of(state["found"])
        self._open()
        if self._study is None:
            return
        self._study._engine.synchronize()
        self._orphans = [number for number, *_ in self._unknown(f"{self._id}/")]

    def add_evaluated_point(
        self,
        parameters: dict[str, Any],
        value: float,
        error: bool = False,
        pruned: bool = False,
        intermediate_values: list[float] | None = None,
    ) -> None:
        """Adds a trial that ran elsewhere."""
        given = flat(parameters, self._found or ())
        domains = {name: domain for name, domain in self.study._engine.domains().items() if name in given}
        state = TrialState.FAIL if error else TrialState.PRUNED if pruned else TrialState.COMPLETE
        trial = lightcrest.create_trial(
            state=state,
            values=[value] if state is TrialState.COMPLETE else None,
            params={name: given[name] for name in domains},
            distributions=domains,
            intermediate_values=dict(enumerate(intermediate_values or (), 1)),
        )
        self.study.add_trial(trial)
