"""The study: what optimises, and the trials that it made."""

from __future__ import annotations

import copy as _copy
import threading as _threading

from lightcrest import _engine, _tell
from lightcrest._direction import StudyDirection
from lightcrest._trials import Trials
from lightcrest._warn import experimental as _experimental
from lightcrest._warn import warn as _warn
from lightcrest.distributions import _modern, check_distribution_compatibility
from lightcrest.pruners import BasePruner, MedianPruner
from lightcrest.samplers import BaseSampler, _resolve, _written_in_python
from lightcrest.storages import BaseStorage, get_storage
from lightcrest.storages._base import duplicated
from lightcrest.storages._heartbeat import is_heartbeat_enabled
from lightcrest.trial import FrozenTrial, Trial, TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence
    from concurrent.futures import Executor
    from typing import Any

    from lightcrest._engine import Space
    from lightcrest._protocol import CallbackType, ObjectiveFuncType
    from lightcrest.distributions import BaseDistribution


def _logger() -> Any:
    from lightcrest import logging

    return logging._root


class _Here(_threading.local):
    """What a thread is in the middle of."""

    optimizing = False


class Study:
    """The trials of one objective or several. Made by create_study, found again by load_study."""

    def __init__(
        self,
        study_name: str,
        storage: str | BaseStorage,
        sampler: BaseSampler | str | None = None,
        pruner: BasePruner | None = None,
        *,
        space: Space | None = None,
    ) -> None:
        self._storage = get_storage(storage)
        self._make(study_name, self._storage._directions(study_name), sampler, pruner, space)

    def _make(
        self,
        study_name: str,
        directions: Sequence[str],
        sampler: BaseSampler | str | None,
        pruner: BasePruner | None,
        space: Space | None,
        *,
        new: bool = False,
        learn_from: Sequence[Study] = (),
    ) -> None:
        self.study_name = study_name
        self._space = space
        made = self._storage._create(study_name, list(directions))
        if new and not made:
            raise duplicated(study_name)
        self._directions = [StudyDirection[word.upper()] for word in directions]
        self._sampler = _resolve(sampler, None)
        self._pruner = pruner or MedianPruner()
        place, attributes = self._storage._place(study_name)
        self._engine = _engine.Study(
            name=study_name,
            directions=list(directions),
            sampler=self._sampler._name,
            sampler_settings=self._sampler._settings_for(self),
            seed=self._sampler._seed,
            pruner=self._pruner._name or "none",
            pruner_settings=self._pruner._settings,
            space=space,
            storage=place,
            attributes=attributes,
            new=new and self._storage._lasting,
            learn_from=[earlier._engine for earlier in learn_from],
            retries=self._storage._retries,
        )
        self._study_id = self._storage._id(study_name)
        identify = self._storage._identify(self._study_id)
        self._trials = Trials(self._engine, len(self._directions), identify, self._storage._stored)
        self._storage._opened(study_name, self._trials)
        self._start()

    def _start(self) -> None:
        # What a sampler that is written in Python chose together for running trials: the space, and the values.
        self._together: dict[int, tuple[dict[str, BaseDistribution], dict[str, Any]]] = {}
        # Of running trials: the step at which a pruner was asked last, and the one from which on it has to look.
        self._rungs: dict[int, tuple[int, int]] = {}
        self._seed = self._sampler._seed
        self._stop = _threading.Event()
        self._here = _Here()
        declared = self._space is not None and self._sampler._enumerates_declared
        self._propose = declared or not _written_in_python(self._sampler)
        self._independent = None if self._propose else self._sample_independent
        self._prune = self._decide if self._pruner._in_python or not self._pruner._name else None

    def __getstate__(self) -> dict[str, Any]:
        # Threads draw new seeds for what is written in Python; the study goes on with its own.
        sampler = _copy.copy(self._sampler)
        sampler._seed = self._seed
        state: dict[str, Any] = {"sampler": sampler, "pruner": self._pruner}
        if self._storage._lasting:
            return {"study_name": self.study_name, "storage": self._storage, **state}
        # A study in memory is taken along, without the others of its storage.
        return {
            "study_name": self.study_name,
            "directions": [direction.name.lower() for direction in self._directions],
            "space": self._space,
            **state,
            "attributes": self._storage._attributes(self.study_name),
            "trials": self.get_trials(deepcopy=False),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "storage" in state:
            self.__init__(**state)  # type: ignore[misc]
            return
        trials, attributes = state.pop("trials"), state.pop("attributes")
        self._storage = get_storage(None)
        self._make(**state)
        self._take_over(attributes, trials)

    def _take_over(self, attributes: dict[str, dict[str, Any]], trials: Iterable[FrozenTrial]) -> None:
        """Takes the attributes and the trials of another study as its own."""
        for kind, entries in attributes.items():
            for key, value in entries.items():
                self._storage._set(self.study_name, kind, key, value)
        for trial in trials:
            self._trials.add(trial)

    # What a study is.

    @property
    def directions(self) -> list[StudyDirection]:
        """The directions, one for each objective."""
        return self._directions

    @property
    def direction(self) -> StudyDirection:
        """The direction in a study of one objective."""
        if len(self._directions) > 1:
            raise RuntimeError("a study of several objectives has no single direction: use `directions`")
        return self._directions[0]

    def _is_multi_objective(self) -> bool:
        return len(self._directions) > 1

    @property
    def sampler(self) -> BaseSampler:
        """What proposes; may be exchanged between trials."""
        return self._sampler

    @sampler.setter
    def sampler(self, sampler: BaseSampler) -> None:
        self._sampler = _resolve(sampler, None)
        self._engine.set_sampler(self._sampler._name, self._sampler._settings_for(self), self._sampler._seed)
        self._start()

    @property
    def pruner(self) -> BasePruner:
        """What stops trials early; may be exchanged between trials."""
        return self._pruner

    @pruner.setter
    def pruner(self, pruner: BasePruner) -> None:
        self._pruner = pruner
        self._engine.set_pruner(pruner._name or "none", pruner._settings)
        self._start()

    @property
    def space(self) -> Space:
        """What may vary: as it was declared, or as the finished trials show it, with the conditions inferred."""
        return self._engine.space()

    @property
    def user_attrs(self) -> dict[str, Any]:
        """What set_user_attr kept."""
        return dict(self._storage._attributes(self.study_name).get("user", {}))

    @property
    def memory(self) -> list[dict[str, Any]]:
        """What the study learns from, one dict an earlier study: `study_name`, `trials` (how many it had
        complete), `rows` (how many of them were chosen; 0 if nothing of it is of use) and `weight`: how much
        its scores move the prediction, None while too few trials say it."""
        names = ("study_name", "trials", "rows", "weight")
        return [dict(zip(names, source)) for source in self._engine.memory()]

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keeps something with the study: anything if it lives in memory, else whatever JSON can say."""
        self._storage._set(self.study_name, "user", key, value)

    @property
    def metric_names(self) -> list[str] | None:
        """What set_metric_names named the objectives, or else the program `lightcrest` that made the study."""
        names = self._storage._attributes(self.study_name).get("system", {}).get("study:metric_names")
        return self._engine.objective_names() if names is None else names

    @_experimental
    def set_metric_names(self, metric_names: list[str]) -> None:
        """Names the objectives: in messages and in trials_dataframe."""
        if len(metric_names) != len(self._directions):
            raise ValueError(f"{len(self._directions)} objectives need as many names, but got {metric_names}")
        self._storage._set(self.study_name, "system", "study:metric_names", list(metric_names))

    # Asking and telling.

    def ask(self, fixed_distributions: dict[str, BaseDistribution] | Space | None = None) -> Trial:
        """The next trial, now running: one that was enqueued, or else a proposal.

        fixed_distributions: parameters that the trial is asked for at once, by name, or a Space whose active ones are.
        """
        if is_heartbeat_enabled(self._storage):
            _warn("heartbeats are given by `optimize` only: a trial of `ask` runs until it is told, or `record_heartbeat` was called for it")
        return self._ask(fixed_distributions, lease=False)

    def _ask(self, fixed_distributions: dict[str, BaseDistribution] | Space | None = None, *, lease: bool) -> Trial:
        """As ask; `lease`: whether the trial goes back to waiting when this process dies."""
        if isinstance(fixed_distributions, dict):
            fixed_distributions = {name: _modern(found) for name, found in fixed_distributions.items()}
        if self._propose:
            trial = self._engine.ask(self, fixed_distributions, True, None, self._prune, lease)
            if self._sampler._asked is not None:
                self._sampler._asked(self, trial.number)
            return trial
        trial = self._engine.ask(self, None, False, self._independent, self._prune, lease)
        frozen = self._frozen(trial.number)
        self._sampler.before_trial(self, frozen)
        frozen = self._frozen(trial.number)
        expected = self._sampler.infer_relative_search_space(self, frozen)
        self._together[trial.number] = expected, self._sampler.sample_relative(self, frozen, expected)
        for name, distribution in (fixed_distributions or {}).items():  # type: ignore[union-attr]
            trial._suggest(name, distribution)
        return trial

    def _relative(self, number: int) -> dict[str, Any]:
        """What was proposed for a running trial when it began."""
        if self._propose:
            return self._engine.proposed(number)
        return dict(self._together.get(number, ({}, {}))[1])

    def _sample_independent(self, number: int, name: str, distribution: BaseDistribution) -> Any:
        """What the sampler chose together with other parameters, if the trial may have it; or chooses now."""
        expected, chosen = self._together.get(number, ({}, {}))
        if name in chosen:
            if name not in expected:
                raise ValueError(f"the sampler gave parameter {name!r} a value, but it is not in its search space")
            check_distribution_compatibility(expected[name], distribution)
            if distribution._contains(distribution.to_internal_repr(chosen[name])):
                return chosen[name]
        return self._sampler.sample_independent(self, self._frozen(number), name, distribution)

    def _decide(self, number: int) -> bool:
        return self._pruner._stops(self, number)

    def tell(
        self,
        trial: Trial | int,
        values: float | Sequence[float] | None = None,
        state: TrialState | None = None,
        skip_if_finished: bool = False,
    ) -> FrozenTrial:
        """Ends a running trial.

        Without a state, values that cannot be (None, NaN, a wrong number of them) fail the trial with a warning; with
        TrialState.COMPLETE they are a ValueError. TrialState.PRUNED and TrialState.FAIL have no values.
        """
        return _tell.tell(self, trial, values, state, skip_if_finished)

    def _trial_id(self, number: int) -> int:
        """What a trial is called by among all trials of the storage."""
        return self._trials.identify(number)

    def _set_system(self, number: int, key: str, value: Any, token: int | None = None) -> None:
        """Keeps something with a running trial beside its user attributes. `token`: which run of it is meant."""
        self._trials.set_system(number, key, value, token)

    def optimize(
        self,
        func: ObjectiveFuncType,
        n_trials: int | None = None,
        timeout: float | None = None,
        n_jobs: int = 1,
        catch: Iterable[type[Exception]] | type[Exception] = (),
        callbacks: Iterable[CallbackType] | None = None,
        gc_after_trial: bool = False,
        show_progress_bar: bool = False,
        *,
        executor: Executor | Callable[[], Executor] | None = None,
    ) -> None:
        """Evaluates trials: n_trials of them (none if it is below 1), for `timeout` seconds, or until stop is called.

        func: given a Trial, returns its value or values; raises TrialPruned to end the trial early.
        n_jobs: how many trials run at once, as threads; -1 for one a processor.
        catch: exceptions that fail their trial and not the run. Others fail their trial and come back unchanged.
        callbacks: called with the study and the trial after each one.
        gc_after_trial: whether Python's garbage is collected after each trial.
        show_progress_bar: whether a bar is drawn (with tqdm, if it is installed).
        executor: what runs the trials instead: a concurrent.futures.Executor, a client of Dask, a lightcrest.ray.RayExecutor, or a
            function that makes one, which is called again when a pool breaks. Each trial is asked for where it runs, so the study must
            be in a storage that is reached from there. As many run at once as the executor has workers, or `n_jobs` if it is above 1.
        """
        from lightcrest._optimize import optimize

        work = None
        if executor is not None:
            from lightcrest._executor import work_on

            work = work_on(executor)
        optimize(self, func, n_trials, timeout, n_jobs, catch, callbacks, gc_after_trial, show_progress_bar, work)

    def stop(self) -> None:
        """Ends `optimize` after the trials that are running. For objectives and callbacks."""
        if not self._here.optimizing:
            raise RuntimeError("`stop` ends `optimize`, so it can be called by an objective or a callback only")
        self._stop.set()

    # Adding trials.

    def enqueue_trial(
        self,
        params: dict[str, Any],
        user_attrs: dict[str, Any] | None = None,
        skip_if_exists: bool = False,
    ) -> None:
        """Adds parameters to be evaluated before any proposal. They may be a part: the rest is proposed or drawn."""
        if not isinstance(params, dict):
            raise TypeError(f"`params` must be a dict, but is of type {type(params).__name__}")
        if skip_if_exists and self._trials.enqueued(params):
            _logger().info(f"Trial with params {params} already exists. Skipping enqueue.")
            return
        self._trials.enqueue(params, user_attrs or {})

    def add_trial(self, trial: FrozenTrial) -> None:
        """Adds a trial that ended elsewhere; see create_trial."""
        trial._validate()
        if trial.values is not None and len(trial.values) != len(self._directions):
            raise ValueError(
                f"the trial has {len(trial.values)} values, but the study has {len(self._directions)} objectives"
            )
        self._trials.add(trial)

    def add_trials(self, trials: Iterable[FrozenTrial]) -> None:
        """Adds several trials."""
        for trial in trials:
            self.add_trial(trial)

    # Looking at trials.

    def _frozen(self, number: int) -> FrozenTrial:
        """The trial as it is. To be looked at only."""
        return self._trials.frozen(number)

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """All trials, or those in some states. Copies, unless they are only to be looked at."""
        return self._trials.all(deepcopy, states)

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        return self._trials.all(deepcopy, states)

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials; a trial's number is its position."""
        return self.get_trials()

    @property
    def best_trial(self) -> FrozenTrial:
        """The complete trial with the best value, among those that satisfy their constraints."""
        return _copy.deepcopy(self._trials.best())

    @property
    def best_trials(self) -> list[FrozenTrial]:
        """The complete trials that no other dominates: the Pareto front."""
        return _copy.deepcopy(self._trials.front())

    @property
    def best_params(self) -> dict[str, Any]:
        """The parameters of the best trial."""
        return self.best_trial.params

    @property
    def best_value(self) -> float:
        """The value of the best trial."""
        value = self._trials.best().value
        assert value is not None, "a complete trial has a value"
        return value

    def trials_dataframe(
        self,
        attrs: tuple[str, ...] = (
            "number",
            "value",
            "datetime_start",
            "datetime_complete",
            "duration",
            "params",
            "user_attrs",
            "system_attrs",
            "state",
        ),
        multi_index: bool = False,
    ) -> Any:
        """The trials as a pandas.DataFrame, a row each; params_x, user_attrs_y, values_0 are columns.

        multi_index: whether columns are pairs such as ("params", "x").
        """
        from lightcrest._frame import frame

        return frame(self, attrs, multi_index)


def _again(study: Study, number: int, token: int | None = None) -> Trial:
    """A running trial that was asked for by another process; `token`: which run of it."""
    return study._engine.again(study, number, study._independent, study._prune, token)
