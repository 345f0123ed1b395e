"""The loop of Study.optimize(executor=...): it keeps the workers of an executor busy and counts what ends.

Trials are asked for and told by the workers ([`_errand`]); a storage is between them and this loop. A task is one trial. When a task
comes to nothing because a worker died, its trial is looked for in the study by its mark: it may have ended all the same, or it is an
orphan, which goes back to waiting when the storage says that its worker is gone, and is run by the next task. That is the only
retry there is: engines are asked to have none.
"""

from __future__ import annotations

import queue as _queue
import time as _time
from concurrent.futures import BrokenExecutor, CancelledError

from lightcrest import _errand
from lightcrest import logging as _logging
from lightcrest._errand import MARK, Outcome
from lightcrest._pool import Pool
from lightcrest.exceptions import _Exhausted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import Any

    from lightcrest._optimize import Run

_log = _logging._root

# How often orphans are looked after, in seconds.
_LOOK = 0.3
_TICK = 1.0
_FINISHED = ("complete", "pruned", "failed")


def work_on(executor: Any) -> Callable[[Run, int], None]:
    """What evaluates the trials of a run on an executor."""

    def work(run: Run, n_jobs: int) -> None:
        pool = Pool(executor)
        hurry = False
        try:
            if not run.study._storage._lasting and not pool.shares_memory:
                raise ValueError(
                    "the workers of an executor do not see a study in memory: give create_study a `storage`, 'sqlite:///study.db' if "
                    "they are processes of this machine, or 'postgresql://USER@HOST/DATABASE' if they are on several"
                )
            loop = _Loop(run, pool, n_jobs)
            here = run.study._here
            here.optimizing = True
            try:
                loop.go()
            except BaseException:
                hurry = True
                loop.drain()
                hurry = False
                raise
            finally:
                here.optimizing = False
        finally:
            pool.close(hurry)

    return work


class _Loop:
    def __init__(self, run: Run, pool: Pool, n_jobs: int) -> None:
        self.run, self.study, self.pool, self.n_jobs = run, run.study, pool, n_jobs
        self.deadline = None if run.timeout is None else run.start + run.timeout
        self.key = _key()
        self.tasks = 0
        # Futures that are not done, or not taken notice of, and their tasks.
        self.flying: dict[Future[Outcome], int] = {}
        self.landed: _queue.SimpleQueue[Future[Outcome]] = _queue.SimpleQueue()
        # Trials of this run that ended; those whose tasks came to nothing while they ran; and these also when they wait for another
        # task, which may find that they were run often enough.
        self.ended: set[int] = set()
        self.orphans: set[int] = set()
        self.watched: set[int] = set()
        self.looked = 0.0
        # Tasks that came to nothing because a pool broke, and why it did.
        self.wrecked: list[int] = []
        self.broke: BaseException | None = None
        self.called_off = False
        # How many tasks came to nothing since a trial ended.
        self.fruitless = 0
        storage = self.study._storage
        self.retries = storage._retries
        # Whether anything is made of trials whose workers died.
        self.adopts = self.retries is not None or storage._fail_stale is not None
        if pool.shares_memory:
            self.call: tuple[Any, ...] = (_errand.run_in_thread, self.study, run.func, run.catch, run.collect)
        else:
            self.call = (_errand.run, self._packed_study(), self._packed_work())

    def _packed_study(self) -> bytes:
        return _packed(self.study, "the study", "its sampler, its pruner or its storage")

    def _packed_work(self) -> bytes:
        work = (self.run.func, self.run.catch, self.run.collect)
        return _packed(work, "the objective", "something that it uses")

    def go(self) -> None:
        """Runs trials until the run ends."""
        while True:
            self.fill()
            if self.broke is not None and not self.flying:
                self.mend()
            elif self.flying:
                self.take()
            elif self.over() or not self.orphans:
                return
            else:
                _time.sleep(_LOOK)
            if self.watched and not self.over() and _time.monotonic() - self.looked >= _LOOK:
                self.look()

    def over(self) -> bool:
        """Whether no further trial is begun."""
        late = self.deadline is not None and _time.monotonic() >= self.deadline
        return late or self.study._stop.is_set()

    def fill(self) -> None:
        """Gives the executor as many tasks as it has workers."""
        if self.over():
            if not self.called_off:
                self.call_off()
            return
        while self.broke is None and len(self.flying) < self.pool.workers(self.n_jobs):
            if self.run.left is not None and len(self.ended) + len(self.flying) + len(self.orphans) >= self.run.left:
                return
            arguments = self.call
            if not self.pool.shares_memory:
                arguments = (*self.call, self.key, self.tasks, self.pool.repeats)
            try:
                future = self.pool.executor.submit(*arguments)
            except BrokenExecutor as error:
                self.broke = error
                self.count_fruitless(error)
                return
            self.flying[future] = self.tasks
            self.tasks += 1
            future.add_done_callback(self.landed.put)

    def call_off(self) -> None:
        """Cancels tasks that have not begun. Engines on several machines also cancel what runs: it would run on, and nobody would wait."""
        self.called_off = True
        begun: set[str | None] = set()
        if self.pool.repeats:
            self.study._engine.synchronize()
            begun.update(mark for _, _, _, mark in self.study._engine.marked(MARK, f"{self.key}/"))
        for future, task in list(self.flying.items()):
            if f"{self.key}/{task}" not in begun:
                future.cancel()

    def take(self) -> None:
        """Takes notice of the next task that is done, if one is soon."""
        wait = _LOOK if self.orphans else _TICK
        if self.deadline is not None:
            wait = min(wait, max(0.0, self.deadline - _time.monotonic()) or wait)
        try:
            future = self.landed.get(timeout=wait)
        except _queue.Empty:
            return
        task = self.flying.pop(future)
        error = CancelledError("the executor cancelled it") if future.cancelled() else future.exception()
        if error is None:
            self.hear(future.result())
        elif isinstance(error, BrokenExecutor):
            self.wrecked.append(task)
            if self.broke is None:
                self.broke = error
                self.count_fruitless(error)
        elif not (self.over() and future.cancelled()):
            _log.warning(f"A worker was lost ({type(error).__name__}: {error}): its trial is run again.")
            self.trace([task])
            self.count_fruitless(error)

    def hear(self, outcome: Outcome) -> None:
        """What a task says."""
        run, number = self.run, outcome.number
        error = _errand.unpacked(outcome)
        if outcome.stop:
            self.study._stop.set()
        if outcome.word in ("complete", "pruned", "failed", "ended") and number is not None:
            self.end(number, outcome, error)
        elif outcome.word == "begun" and number is not None:
            self.adopt(number)
        elif outcome.word == "given_back" and number is not None:
            run.given_back(number)
            self.count_fruitless(KeyboardInterrupt("workers were interrupted"))
            return
        elif outcome.word == "lost":
            _log.warning(f"{outcome.reason}.")
        elif outcome.word == "exhausted":
            run.exhausted(_Exhausted(outcome.reason))
            self.study._stop.set()
        elif outcome.word == "unread":
            raise RuntimeError(
                f"a worker cannot load the objective ({type(error).__name__}: {error}): what it needs must be installed where workers run"
            ) from error
        elif outcome.word == "unopened":
            raise RuntimeError(
                f"a worker cannot open the study in {self.study._storage._description} ({type(error).__name__}: {error}): it must be reached "
                "from where workers run; a SQLite file is for the processes of one machine, PostgreSQL for several"
            ) from error
        if outcome.fatal and error is not None:
            raise error

    def end(self, number: int, outcome: Outcome | None = None, error: BaseException | None = None) -> None:
        """A trial of this run has ended."""
        self.orphans.discard(number)
        self.watched.discard(number)
        if number in self.ended:
            return
        self.ended.add(number)
        self.fruitless = 0
        self.study._engine.synchronize()
        word = None if outcome is None else outcome.word
        if word == "complete":
            self.run.completed(self.study._trials.frozen(number), outcome.values)  # type: ignore[union-attr]
        elif word == "pruned":
            self.run.pruned(number, outcome.reason or "")  # type: ignore[union-attr]
        elif word == "failed":
            values = _Shown(outcome.values)  # type: ignore[union-attr]
            self.run.failed(self.study._trials.frozen(number), outcome.reason, values, error)  # type: ignore[union-attr]
        else:
            state = self.study._trials.frozen(number).state.name
            _log.info(f"Trial {number}, whose worker was lost, ended: it is {state}.")
        if outcome is not None and outcome.fatal:
            return
        for callback in self.run.callbacks:
            callback(self.study, self.study._trials.copy(number))

    def mend(self) -> None:
        """Replaces a pool that broke."""
        error, self.broke = self.broke, None
        assert error is not None
        _log.warning(f"The executor broke ({type(error).__name__}: {error}): trials that were running are run again.")
        wrecked, self.wrecked = self.wrecked, []
        if self.over():
            return
        self.pool.renew(error)
        self.trace(wrecked)

    def trace(self, tasks: list[int]) -> None:
        """Looks for the trials of tasks that came to nothing."""
        if self.pool.shares_memory:
            return
        marks = {f"{self.key}/{task}" for task in tasks}
        self.study._engine.synchronize()
        for number, state, _, mark in self.study._engine.marked(MARK, f"{self.key}/"):
            if mark not in marks:
                continue
            if state in _FINISHED:
                self.end(number)
            elif state == "running" and self.adopts:
                self.adopt(number)
            elif state == "running":
                _log.warning(f"Trial {number} stays RUNNING: {self.study._storage._description} has no leases.")

    def adopt(self, number: int) -> None:
        self.orphans.add(number)
        self.watched.add(number)
        self.looked = 0.0

    def look(self) -> None:
        """What became of orphans: they ended, or wait, or are run by another task."""
        self.looked = _time.monotonic()
        study = self.study
        study._engine.synchronize()
        stale = study._storage._fail_stale
        if stale is not None:
            stale(study)
        study._engine.reclaim()
        mine = {f"{self.key}/{task}" for task in self.flying.values()}
        run_by = {number: mark for number, _, _, mark in study._engine.marked(MARK, f"{self.key}/")}
        for number in list(self.watched):
            state = study._engine.state(number)
            if state in _FINISHED:
                self.end(number)
            elif state == "waiting" or run_by.get(number) in mine:
                self.orphans.discard(number)

    def count_fruitless(self, error: BaseException) -> None:
        """Gives up when workers do nothing but die: a trial that kills its worker has ended by then."""
        self.fruitless += 1
        tries = 3 if self.retries is None else self.retries
        limit = (tries + 2) * max(2, self.pool.workers(self.n_jobs))
        if self.fruitless > limit:
            raise RuntimeError(
                f"workers were lost {self.fruitless} times while no trial ended, at last to {type(error).__name__}: {error}. Do they begin "
                "at all, and have they enough memory?"
            ) from error

    def drain(self) -> None:
        """Takes back what has not begun and lets end what runs."""
        self.call_off()
        while self.flying:
            try:
                self.flying.pop(self.landed.get(timeout=_TICK))
            except _queue.Empty:
                continue


class _Shown:
    """A value of a worker, as it looks there."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _key() -> str:
    import os

    return os.urandom(8).hex()


def _packed(thing: Any, name: str, inside: str) -> bytes:
    dumps = _errand.dump()
    try:
        return dumps(thing)
    except Exception as error:
        remedy = f"{inside} cannot be pickled"
        if dumps.__module__.split(".")[0] in ("pickle", "_pickle"):
            remedy = "define it at the top of a module and not inside a function, or install cloudpickle"
        raise TypeError(f"{name} cannot be sent to the workers ({type(error).__name__}: {error}): {remedy}") from error
