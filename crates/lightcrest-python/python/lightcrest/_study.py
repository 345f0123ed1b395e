"""Studies: what optimises, and the trials that it made."""

from __future__ import annotations

import copy as _copy
import enum as _enum
import threading as _threading
import time as _time
import warnings as _warnings

from lightcrest import _engine
from lightcrest.exceptions import TrialPruned
from lightcrest.pruners import BasePruner, MedianPruner
from lightcrest.samplers import BaseSampler, _resolve
from lightcrest.trial import _STATES, _WORDS, FrozenTrial, Trial, TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence
    from typing import Any, Union

    from lightcrest._engine import Space
    from lightcrest.distributions import BaseDistribution

    ObjectiveFuncType = Callable[[Trial], Union[float, Sequence[float]]]
    CallbackType = Callable[["Study", FrozenTrial], None]

__all__ = ["Study", "StudyDirection", "create_study"]


class StudyDirection(_enum.IntEnum):
    """Whether an objective should become small or large."""

    NOT_SET = 0
    MINIMIZE = 1
    MAXIMIZE = 2


def create_study(
    *,
    sampler: BaseSampler | str | None = None,
    pruner: BasePruner | None = None,
    study_name: str | None = None,
    direction: str | StudyDirection | None = None,
    directions: Sequence[str | StudyDirection] | None = None,
    space: Space | None = None,
    seed: int | None = None,
) -> Study:
    """Makes a study, which lives in memory.

    sampler: what proposes; an AutoSampler unless given. A name stands for a sampler with its defaults and `seed`.
    pruner: what stops trials early; a MedianPruner unless given.
    direction: "minimize" (the default) or "maximize"; directions, for several objectives, has one of them for each.
    space: what may vary, if it is declared. Unless given, it is discovered from what the objective asks for.
    """
    if direction is not None and directions is not None:
        raise ValueError("`direction` and `directions` cannot be given together")
    if directions is not None and not list(directions):
        raise ValueError("`directions` needs at least one direction, but the list is empty")
    named = ["minimize" if direction is None else direction] if directions is None else directions
    sampler = _resolve(sampler, seed)
    return Study(study_name or "no-name", [_direction(item) for item in named], sampler, pruner or MedianPruner(), space)


def _direction(direction: str | StudyDirection) -> StudyDirection:
    if isinstance(direction, StudyDirection) and direction is not StudyDirection.NOT_SET:
        return direction
    for known in (StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE):
        if direction == known.name.lower():
            return known
    raise ValueError(f"a direction must be 'minimize' or 'maximize', but got {direction!r}")


class Study:
    """The trials of one objective or several. Made by create_study."""

    def __init__(
        self,
        study_name: str,
        directions: list[StudyDirection],
        sampler: BaseSampler,
        pruner: BasePruner,
        space: Space | None,
    ) -> None:
        self.study_name = study_name
        self.directions = directions
        self.sampler = sampler
        self.pruner = pruner
        self._engine = _engine.Study(
            name=study_name,
            directions=[item.name.lower() for item in directions],
            sampler=sampler._name,
            startup_trials=sampler._startup_trials,
            seed=sampler._seed,
            pruner=pruner._name,
            pruner_settings=pruner._settings,
            space=space,
        )
        self._finished: dict[int, FrozenTrial] = {}
        self._stop = _threading.Event()

    # Asking and telling.

    def ask(self, fixed_distributions: dict[str, BaseDistribution] | Space | None = None) -> Trial:
        """The next trial, now running: one that was enqueued, or else a proposal.

        fixed_distributions: parameters that the trial is asked for at once, by name, or a Space whose active ones are.
        """
        return self._engine.ask(fixed_distributions)

    def tell(
        self,
        trial: Trial | int,
        values: float | Sequence[float] | None = None,
        state: TrialState | None = None,
        skip_if_finished: bool = False,
    ) -> FrozenTrial:
        """Ends a running trial.

        Without a state, values that cannot be (None, NaN, a wrong number of them) fail the trial; with
        TrialState.COMPLETE they are a ValueError. TrialState.PRUNED and TrialState.FAIL have no values.
        """
        number = trial if isinstance(trial, int) else trial.number
        found = _STATES[self._engine.state(number)]
        if found.is_finished() and skip_if_finished:
            return self._frozen(number)
        if found is not TrialState.RUNNING:
            raise ValueError(f"trial {number} cannot be told: it is {found.name}, not RUNNING")
        if state in (TrialState.PRUNED, TrialState.FAIL):
            if values is not None:
                raise ValueError(f"a trial that is {state.name} has no values, but got {values!r}")
            self._engine.tell(number, _WORDS[state], None, None)
        elif state is None or state is TrialState.COMPLETE:
            numbers, reason = self._values(values)
            if numbers is not None:
                self._engine.tell(number, "complete", numbers, None)
            elif state is None:
                _warnings.warn(f"trial {number} failed: {reason}", stacklevel=2)
                self._engine.tell(number, "failed", None, reason)
            else:
                raise ValueError(reason)
        else:
            raise ValueError(f"a trial can be told COMPLETE, PRUNED or FAIL, but not {state!r}")
        return self._frozen(number)

    def _values(self, values: Any) -> tuple[list[float] | None, str | None]:
        """The values of a trial as numbers, or why they are none."""
        several = isinstance(values, (list, tuple)) or (hasattr(values, "__len__") and not isinstance(values, str))
        numbers = []
        for value in values if several else [values]:
            try:
                number = float(value)
            except (TypeError, ValueError):
                return None, f"the value {value!r} is not a number"
            if number != number:
                return None, "the value is NaN"
            numbers.append(number)
        if len(numbers) != len(self.directions):
            return None, f"{len(numbers)} values were given, but the study has {len(self.directions)} objectives"
        return numbers, None

    def optimize(
        self,
        func: ObjectiveFuncType,
        n_trials: int | None = None,
        timeout: float | None = None,
        n_jobs: int = 1,
        catch: Iterable[type[Exception]] | type[Exception] = (),
        callbacks: Iterable[CallbackType] | None = None,
    ) -> None:
        """Evaluates trials: n_trials of them, for `timeout` seconds, or until stop is called.

        func: given a Trial, returns its value or values; raises TrialPruned to end the trial early.
        n_jobs: how many trials run at once, as threads; -1 for one a processor.
        catch: exceptions that fail their trial and not the run. Others come back unchanged.
        callbacks: called with the study and the trial after each one.
        """
        if n_trials is not None and n_trials < 0:
            raise ValueError(f"`n_trials` must be 0 or more, but got {n_trials}")
        catch = (catch,) if isinstance(catch, type) else tuple(catch)
        run = _Run(self, func, n_trials, timeout, catch, list(callbacks or ()))
        self._stop.clear()
        if n_jobs == 1:
            run.work()
        else:
            run.work_together(n_jobs)

    def stop(self) -> None:
        """Ends `optimize` after the trials that are running."""
        self._stop.set()

    # Adding trials.

    def enqueue_trial(
        self,
        params: dict[str, Any],
        user_attrs: dict[str, Any] | None = None,
        skip_if_exists: bool = False,
    ) -> None:
        """Adds parameters to be evaluated before any proposal. They may be a part: the rest is drawn at random."""
        if skip_if_exists and self._engine.contains(params):
            return
        self._engine.add("waiting", dict(params), {}, None, [], dict(user_attrs or {}), None, None)

    def add_trial(self, trial: FrozenTrial) -> None:
        """Adds a trial that ended elsewhere; see create_trial."""
        self._engine.add(
            _WORDS[trial.state],
            trial.params,
            trial.distributions,
            trial.values,
            sorted(trial.intermediate_values.items()),
            trial.user_attrs,
            _milliseconds(trial.datetime_start),
            _milliseconds(trial.datetime_complete),
        )

    def add_trials(self, trials: Iterable[FrozenTrial]) -> None:
        """Adds several trials."""
        for trial in trials:
            self.add_trial(trial)

    # Looking at trials.

    def _frozen(self, number: int) -> FrozenTrial:
        """The trial as it is; finished ones are converted once."""
        known = self._finished.get(number)
        if known is not None:
            return known
        state, values, start, complete, params, distributions, attributes, reports = self._engine.trial(number)
        if state == "pruned" and reports and len(self.directions) == 1:
            values = [next(reversed(list(reports.values())))]
        trial = FrozenTrial(
            number, _STATES[state], None, start, complete, params, distributions, attributes, {}, reports, number,
            values=values,
        )
        if trial.state.is_finished():
            self._finished[number] = trial
        return trial

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """All trials, or those in some states. Copies, unless they are only to be looked at."""
        trials = [self._frozen(number) for number in range(len(self._engine))]
        if states is not None:
            trials = [trial for trial in trials if trial.state in states]
        return _copy.deepcopy(trials) if deepcopy else trials

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials; a trial's number is its position."""
        return self.get_trials()

    @property
    def best_trial(self) -> FrozenTrial:
        """The complete trial with the best value."""
        if len(self.directions) > 1:
            raise RuntimeError("a study of several objectives has no single best trial: use `best_trials`")
        number = self._engine.best()
        if number is None:
            raise ValueError("no trial is complete yet")
        return _copy.deepcopy(self._frozen(number))

    @property
    def best_trials(self) -> list[FrozenTrial]:
        """The complete trials that no other dominates: the Pareto front."""
        return [_copy.deepcopy(self._frozen(number)) for number in self._engine.front()]

    @property
    def best_params(self) -> dict[str, Any]:
        """The parameters of the best trial."""
        return self.best_trial.params

    @property
    def best_value(self) -> float:
        """The value of the best trial."""
        value = self.best_trial.value
        assert value is not None, "a complete trial has a value"
        return value

    @property
    def direction(self) -> StudyDirection:
        """The direction in a study of one objective."""
        if len(self.directions) > 1:
            raise RuntimeError("a study of several objectives has no single direction: use `directions`")
        return self.directions[0]

    @property
    def space(self) -> Space:
        """What may vary: as it was declared, or as the finished trials show it, with the conditions inferred."""
        return self._engine.space()


def _milliseconds(moment: Any) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)


class _Run:
    """One call of optimize: what its workers share."""

    def __init__(
        self,
        study: Study,
        func: ObjectiveFuncType,
        n_trials: int | None,
        timeout: float | None,
        catch: tuple[type[Exception], ...],
        callbacks: list[CallbackType],
    ) -> None:
        self.study = study
        self.func = func
        self.left = n_trials
        self.deadline = None if timeout is None else _time.monotonic() + timeout
        self.catch = catch
        self.callbacks = callbacks
        self.lock = _threading.Lock()

    def work(self) -> None:
        """Evaluates trials until the run ends."""
        while not self.study._stop.is_set():
            if self.deadline is not None and _time.monotonic() >= self.deadline:
                return
            with self.lock:
                if self.left is not None:
                    if self.left <= 0:
                        return
                    self.left -= 1
            self.one_trial()

    def work_together(self, n_jobs: int) -> None:
        """Several workers as threads. The first exception ends the run and comes back."""
        import os
        from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

        workers = (os.cpu_count() or 1) if n_jobs < 1 else n_jobs
        with ThreadPoolExecutor(max_workers=workers) as pool:
            futures = [pool.submit(self.work) for _ in range(workers)]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                if any(future.done() and future.exception() is not None for future in futures):
                    self.study.stop()
        for future in futures:
            future.result()

    def one_trial(self) -> None:
        study = self.study
        engine = study._engine
        trial = engine.ask()
        number = trial.number
        try:
            values = self.func(trial)
        except TrialPruned:
            engine.tell(number, "pruned", None, None)
        except Exception as error:
            engine.tell(number, "failed", None, f"{type(error).__name__}: {error}")
            if not isinstance(error, self.catch):
                raise
        except BaseException:  # Ctrl-C: the trial waits to be run again
            engine.tell(number, "interrupted", None, None)
            raise
        else:
            numbers, reason = study._values(values)
            if numbers is None:
                _warnings.warn(f"trial {number} failed: {reason}", stacklevel=3)
                engine.tell(number, "failed", None, reason)
            else:
                engine.tell(number, "complete", numbers, None)
        for callback in self.callbacks:
            callback(study, study._frozen(number))
