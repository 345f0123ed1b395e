"""One trial of `Study.optimize(executor=...)`, where it runs: in a worker, which may die at any moment.

A trial is asked for here and not by whoever calls `optimize`, so that what waits in the queue of an executor holds nothing, and what
runs is given to others when its worker dies. The trial is marked with the run of `optimize` and the task that it is of: engines
give tasks to another worker without a word, and a task whose trial has ended must not begin a second one.
"""

from __future__ import annotations

import os as _os
import threading as _threading
from typing import NamedTuple as _NamedTuple

from lightcrest import _optimize
from lightcrest.exceptions import _LeaseLost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from lightcrest._protocol import StudyLike

# Where the mark of a trial is kept, beside its user attributes: "RUN/TASK".
MARK = "executor"
_FINISHED = ("complete", "pruned", "failed")


class Outcome(_NamedTuple):
    """What became of a task, for whoever called `optimize`."""

    # complete, pruned, failed, given_back, lost or exhausted, as it is said of a trial; ended: by an earlier try of this task;
    # begun: another worker is in the middle of it; raised: nothing is known of a trial; unread, unopened: there was none.
    word: str
    number: int | None = None
    values: Any = None
    reason: str | None = None
    # What was raised, pickled, with its traceback as text.
    error: bytes | None = None
    traceback: str = ""
    # Whether `optimize` ends with what was raised, and whether the objective asked it to stop.
    fatal: bool = False
    stop: bool = False


class Errand(_optimize.Run):
    """One trial, of which nothing is said here: what there is to say goes back."""

    def __init__(self, study: StudyLike, func: Any, catch: tuple[type[Exception], ...], collect: bool, mark: str | None) -> None:
        super().__init__(study, func, 1, None, catch, [], collect)
        self.mark = mark
        self.outcome = Outcome("raised")
        self.raised: BaseException | None = None

    def go(self) -> Outcome:
        """Runs the trial."""
        self.study._here.optimizing = True
        try:
            self.one_trial()
        except BaseException as error:
            fatal = self.outcome.word != "given_back"
            self.raised, self.outcome = error, self.outcome._replace(fatal=fatal)
        finally:
            self.study._here.optimizing = False
        outcome = self.outcome._replace(stop=self.study._stop.is_set() and self.outcome.word != "exhausted")
        if self.raised is not None:
            pickled, text = packed(self.raised)
            outcome = outcome._replace(error=pickled, traceback=text)
        return outcome

    def next(self) -> Any:
        trial = super().next()
        self.outcome = self.outcome._replace(number=trial.number)
        if self.mark is not None:
            self.study._trials.set_system(trial.number, MARK, self.mark, trial._token)
        return trial

    def lost(self, lost: _LeaseLost) -> None:
        self.outcome = self.outcome._replace(word="lost", reason=str(lost))

    def exhausted(self, end: Exception) -> None:
        self.outcome = Outcome("exhausted", reason=str(end))

    def pruned(self, number: int, why: str) -> None:
        self.outcome = Outcome("pruned", number, reason=why)

    def given_back(self, number: int) -> None:
        self.outcome = Outcome("given_back", number)

    def completed(self, trial: Any, values: list[float]) -> None:
        self.outcome = Outcome("complete", trial.number, values)

    def failed(self, trial: Any, reason: str | None, values: Any, error: BaseException | None) -> None:
        self.outcome = Outcome("failed", trial.number, repr(values), reason)
        self.raised = error


def run(study: bytes, work: bytes, key: str, task: int, careful: bool) -> Outcome:
    """A task in another process. `study`, `work`: pickled; `key`: of the run; `careful`: whether the task may have been tried before."""
    try:
        opened, func, catch, collect = _opened(study, work, key)
    except _Refused as refused:
        pickled, text = packed(refused.error)
        return Outcome(refused.word, error=pickled, traceback=text, fatal=True)
    mark = f"{key}/{task}"
    if careful:
        earlier = _earlier(opened, mark)
        if earlier is not None:
            return earlier
    return Errand(opened, func, catch, collect, mark).go()


def run_in_thread(study: StudyLike, func: Any, catch: tuple[type[Exception], ...], collect: bool) -> Outcome:
    """A task in a thread of the process that called `optimize`."""
    return Errand(study, func, catch, collect, None).go()


def _earlier(study: StudyLike, mark: str) -> Outcome | None:
    """What is known of an earlier try of a task; None: nothing, or that its worker is gone."""
    study._engine.synchronize()
    for number, state, _, found in study._engine.marked(MARK, mark):
        if found == mark and state in _FINISHED:
            return Outcome("ended", number)
        if found == mark and state == "running" and number not in study._engine.abandoned():
            return Outcome("begun", number)
    return None


class _Refused(Exception):
    """What was sent cannot be used here."""

    def __init__(self, word: str, error: BaseException) -> None:
        self.word, self.error = word, error


# What this process has opened for the latest runs, by process (one may be forked off) and run.
_KEPT = 4
_open: dict[tuple[int, str], tuple[Any, ...]] = {}
_lock = _threading.Lock()


def _opened(study: bytes, work: bytes, key: str) -> tuple[Any, ...]:
    place = (_os.getpid(), key)
    with _lock:
        if place not in _open:
            found = _unpacked("unopened", study)
            # What is written in Python would draw the same in each worker.
            found._sampler.reseed_rng()
            _open[place] = (found, *_unpacked("unread", work))
            for old in list(_open)[:-_KEPT]:
                del _open[old]
        return _open[place]


def _unpacked(word: str, sent: bytes) -> Any:
    import pickle

    try:
        return pickle.loads(sent)
    except Exception as error:
        raise _Refused(word, error) from error


def dump() -> Callable[[Any], bytes]:
    """What pickles: with cloudpickle also functions that have no name in a module."""
    import pickle
    import sys

    try:
        from cloudpickle import dumps
    except ImportError:
        if "ray" not in sys.modules:
            return pickle.dumps
        from ray.cloudpickle import dumps
    return dumps  # type: ignore[no-any-return]


def packed(error: BaseException) -> tuple[bytes, str]:
    """An exception, or one with the same message if it cannot travel, and where it was raised."""
    import pickle
    import traceback

    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    # A constructor may take something else than `args`.
    ways = (lambda: error, lambda: _Parts(type(error), error.args, dict(error.__dict__)))
    for way in ways:
        try:
            pickled = dump()(way())
            pickle.loads(pickled)
        except Exception:
            continue
        return pickled, text
    return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}")), text


class _Parts(_NamedTuple):
    kind: type[BaseException]
    args: tuple[Any, ...]
    attributes: dict[str, Any]


def unpacked(outcome: Outcome) -> BaseException | None:
    """What was raised where the task ran."""
    import pickle

    if outcome.error is None:
        return None
    try:
        error = pickle.loads(outcome.error)
        if isinstance(error, _Parts):
            kind, args, attributes = error
            error = kind.__new__(kind, *args)
            error.args = args
            error.__dict__.update(attributes)
    except Exception as unreadable:
        error = RuntimeError(f"what a worker raised cannot be read here ({type(unreadable).__name__}: {unreadable})")
    error.__cause__ = _FromWorker(outcome.traceback)
    return error  # type: ignore[no-any-return]


class _FromWorker(Exception):
    """Where an exception was raised in a worker."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'
