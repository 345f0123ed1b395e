"""The loop of Study.optimize."""

from __future__ import annotations

import threading as _threading
import time as _time

from lightcrest import _tell
from lightcrest import logging as _logging
from lightcrest._warn import warn as _warn
from lightcrest.exceptions import TrialPruned, _Exhausted, _LeaseLost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from lightcrest._protocol import CallbackType, ObjectiveFuncType, StudyLike

_log = _logging._root


def optimize(
    study: StudyLike,
    func: ObjectiveFuncType,
    n_trials: int | None,
    timeout: float | None,
    n_jobs: int,
    catch: Iterable[type[Exception]] | type[Exception],
    callbacks: Iterable[CallbackType] | None,
    gc_after_trial: bool,
    show_progress_bar: bool,
    work: Callable[[Run, int], None] | None = None,
) -> None:
    """See Study.optimize. `work`: what evaluates the trials of a run with so many jobs, if threads are not to."""
    if study._here.optimizing:
        raise RuntimeError("`optimize` cannot be called inside of `optimize`")
    if n_trials is not None:
        n_trials = max(0, n_trials)
    if n_jobs < 1 and n_jobs != -1:
        raise ValueError(f"`n_jobs` must be 1 or more, or -1 for one a processor, but got {n_jobs}")
    catch = (catch,) if isinstance(catch, type) else tuple(catch)
    run = Run(study, func, n_trials, timeout, catch, list(callbacks or ()), gc_after_trial)
    bar = _bar(run, n_jobs if work is None else 1) if show_progress_bar else None
    study._stop.clear()
    try:
        if work is not None:
            work(run, n_jobs)
        elif n_jobs == 1:
            run.work()
        else:
            run.work_together(n_jobs)
    finally:
        if bar is not None:
            bar.close()


class Run:
    """One call of optimize: what its workers share, and what is said of its trials."""

    def __init__(
        self,
        study: StudyLike,
        func: ObjectiveFuncType,
        n_trials: int | None,
        timeout: float | None,
        catch: tuple[type[Exception], ...],
        callbacks: list[CallbackType],
        collect: bool,
    ) -> None:
        self.study = study
        self.func = func
        self.left = n_trials
        self.timeout = timeout
        self.start = _time.monotonic()
        self.catch = catch
        self.callbacks = callbacks
        self.collect = collect
        self.lock = _threading.Lock()

    def work(self, alone: bool = True) -> None:
        """Evaluates trials until the run ends. `alone`: whether no other thread does."""
        if not alone:
            self.study._sampler.reseed_rng()
        here = self.study._here
        here.optimizing = True
        try:
            while not self.study._stop.is_set():
                if self.timeout is not None and _time.monotonic() - self.start >= self.timeout:
                    return
                with self.lock:
                    if self.left is not None:
                        if self.left <= 0:
                            return
                        self.left -= 1
                self.one_trial()
        finally:
            here.optimizing = False

    def work_together(self, n_jobs: int) -> None:
        """Several workers as threads. The first exception ends the run and comes back."""
        import os
        from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

        workers = (os.cpu_count() or 1) if n_jobs == -1 else n_jobs
        if self.left is not None:
            workers = max(1, min(workers, self.left))
        with ThreadPoolExecutor(max_workers=workers) as pool:
            futures = [pool.submit(self.work, False) for _ in range(workers)]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            except BaseException:  # Ctrl-C: workers end after their trials
                self.study._stop.set()
                raise
            if any(future.done() and future.exception() is not None for future in futures):
                self.study._stop.set()
        for future in futures:
            future.result()

    def next(self) -> Any:
        """The next trial; of a study in a file, one that is given to others if this process dies."""
        study = self.study
        if not study._storage._lasting:
            return study.ask()
        stale = study._storage._fail_stale
        if stale is not None:
            stale(study)
        return study._ask(lease=True)

    def one_trial(self) -> None:
        """Evaluates a trial."""
        try:
            self.evaluate()
        except _LeaseLost as lost:
            # Whoever runs it by now ends it; nothing is wrong with the study.
            self.lost(lost)

    def evaluate(self) -> None:
        study = self.study
        try:
            trial = self.next()
        except _Exhausted as end:
            self.exhausted(end)
            study._stop.set()
            return
        number, token = trial.number, trial._token
        try:
            values = self.func(trial)
        except _LeaseLost:
            raise
        except TrialPruned as error:
            _tell.end(study, number, "pruned", None, None, token)
            self.pruned(number, str(error))
        except KeyboardInterrupt as error:
            try:
                caught = self.interrupted(trial, error)
            except _LeaseLost as lost:
                # Ctrl-C ends the run, whoever has the trial by now.
                self.lost(lost)
                caught = False
            if not caught:
                raise
        except Exception as error:
            if not self.broken(trial, error):
                raise
        else:
            numbers, reason = _tell.as_numbers(values, len(study.directions))
            if numbers is None:
                _tell.end(study, number, "failed", None, reason, token)
                self.failed(trial, reason, values, None)
            else:
                _tell.end(study, number, "complete", numbers, None, token)
                self.completed(trial, numbers)
        finally:
            if self.collect:
                import gc

                gc.collect()
        for callback in self.callbacks:
            callback(study, study._trials.copy(number))

    def interrupted(self, trial: Any, error: KeyboardInterrupt) -> bool:
        """Gives a trial back on Ctrl-C, if others can run it again; whether to go on all the same."""
        study = self.study
        if not study._storage._lasting or study._storage._retries is None:
            return self.broken(trial, error)
        study._together.pop(trial.number, None)
        study._engine.give_back(trial.number, trial._token)
        self.given_back(trial.number)
        return False

    def broken(self, trial: Any, error: BaseException) -> bool:
        """Fails a trial whose objective raised; whether to go on."""
        reason = f"{type(error).__name__}: {error}"
        _tell.end(self.study, trial.number, "failed", None, reason, trial._token)
        self.failed(trial, repr(error), None, error)
        return isinstance(error, self.catch)

    # What is said of trials.

    def lost(self, lost: _LeaseLost) -> None:
        _log.warning(f"{lost}.")

    def exhausted(self, end: Exception) -> None:
        _log.info(f"The study is done: {end}.")

    def pruned(self, number: int, why: str) -> None:
        _log.info(f"Trial {number} pruned. {why}")

    def given_back(self, number: int) -> None:
        _log.info(f"Trial {number} was interrupted and waits to be run again.")

    def completed(self, trial: Any, values: list[float]) -> None:
        if not _log.isEnabledFor(_logging.INFO):
            return
        names = self.study.metric_names
        told: Any = values if len(values) > 1 else values[0]
        if names is not None:
            told = dict(zip(names, values))
        word = "values" if len(values) > 1 else "value"
        message = f"Trial {trial.number} finished with {word}: {told} and parameters: {trial.params}."
        best = self.study._engine.best() if len(values) == 1 else None
        if best is not None:
            message += f" Best is trial {best} with value: {self.study._trials.frozen(best).value}."
        _log.info(message)

    def failed(self, trial: Any, reason: str | None, values: Any, error: BaseException | None) -> None:
        _log.warning(
            f"Trial {trial.number} failed with parameters: {trial.params} because of the following error: {reason}.",
            exc_info=error,
        )
        _log.warning(f"Trial {trial.number} failed with value {values!r}.")


def _bar(run: Run, n_jobs: int) -> Any:
    """A progress bar that moves with each trial, if it can be drawn."""
    n_trials, timeout = run.left, run.timeout
    if n_trials is None and timeout is None:
        _warn("a progress bar needs `n_trials` or `timeout`: there is none")
        return None
    if n_trials is None and n_jobs != 1:
        _warn("The timeout-based progress bar is not supported with n_jobs != 1.")
        return None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        _warn("`show_progress_bar` needs the package tqdm: install it, or go without")
        return None
    if n_trials is not None:
        bar = tqdm(total=n_trials)
    else:  # a clock
        end = tqdm.format_interval(timeout)
        bar = tqdm(total=timeout, bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}/" + end)
    last = 0.0

    def move(study: StudyLike, trial: Any) -> None:
        nonlocal last
        if len(study.directions) == 1:
            best = study._engine.best()
            if best is not None:
                bar.set_description(f"Best trial: {best}. Best value: {study._trials.frozen(best).value:.6g}")
        elapsed = _time.monotonic() - run.start
        if n_trials is not None:
            bar.update(1)
            if timeout is not None:
                bar.set_postfix_str(f"{elapsed:.02f}/{timeout} seconds")
        else:
            elapsed = min(elapsed, timeout)
            bar.update(elapsed - last)
            last = elapsed

    run.callbacks.append(move)
    return bar
