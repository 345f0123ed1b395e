"""The executors that `Study.optimize(executor=...)` takes, and how they differ."""

from __future__ import annotations

import time as _time
from concurrent.futures import Executor as _Executor
from concurrent.futures import ProcessPoolExecutor as _ProcessPoolExecutor
from concurrent.futures import ThreadPoolExecutor as _ThreadPoolExecutor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Clusters grow and shrink: how many seconds their size is good for.
_ROUND = 5.0


class Pool:
    """An executor that was given, or that is made, and made anew when it breaks."""

    def __init__(self, given: Any) -> None:
        self._make: Callable[[], Any] | None = None
        if not _is_executor(given):
            if not callable(given):
                raise TypeError(
                    "`executor` must be a concurrent.futures.Executor, a client of Dask, a lightcrest.ray.RayExecutor or a function "
                    f"that makes one, but got {given!r}"
                )
            self._make = given
            given = given()
            if not _is_executor(given):
                raise TypeError(f"the function that was given as `executor` made no executor, but {given!r}")
        self.executor = _resolved(given)
        self._counted: tuple[float, int] | None = None

    @property
    def shares_memory(self) -> bool:
        """Whether tasks run in this process."""
        return isinstance(self.executor, _ThreadPoolExecutor)

    @property
    def repeats(self) -> bool:
        """Whether a task may be tried again without a word."""
        return not isinstance(self.executor, (_ThreadPoolExecutor, _ProcessPoolExecutor))

    def workers(self, n_jobs: int) -> int:
        """How many tasks it is given at once."""
        if n_jobs > 1:
            return n_jobs
        now = _time.monotonic()
        if self._counted is None or now - self._counted[0] > _ROUND:
            self._counted = (now, _count(self.executor))
        return self._counted[1]

    def renew(self, error: BaseException) -> None:
        """Makes another one in place of one that broke."""
        # Its workers end before their trials are looked for.
        self.executor.shutdown(wait=True)
        if self._make is None:
            raise RuntimeError(
                f"the executor is broken ({type(error).__name__}: {error}): give a function that makes one, such as `executor=lambda: "
                "ProcessPoolExecutor(4)`, and it is made anew. Trials that were running wait in the study to be run again"
            ) from error
        self.executor = _resolved(self._make())
        self._counted = None

    def close(self, now: bool) -> None:
        """Ends an executor that was made here. `now`: with what it runs."""
        if self._make is None:
            return
        processes = list((getattr(self.executor, "_processes", None) or {}).values())
        if not now:
            self.executor.shutdown(wait=True)
            return
        try:
            self.executor.shutdown(wait=False, cancel_futures=True)
        except TypeError:  # loky's
            self.executor.shutdown(wait=False)
        for process in processes:
            process.terminate()


def _is_executor(given: Any) -> bool:
    return (isinstance(given, _Executor) and not isinstance(given, type)) or hasattr(given, "get_executor")


def _resolved(given: Any) -> Any:
    """The executor of a client of Dask, or what was given."""
    # `pure`: equal tasks would be one. Dead workers' trials are run again by us.
    return given.get_executor(pure=False, retries=0) if hasattr(given, "get_executor") else given


def _count(executor: Any) -> int:
    client = getattr(executor, "_client", None)
    if hasattr(client, "nthreads"):  # Dask's
        return max(1, sum(client.nthreads().values()))
    found = getattr(executor, "_max_workers", None) or getattr(executor, "num_workers", None)
    if not found:
        raise ValueError(f"how many workers {type(executor).__name__} has is not known: say with `n_jobs` how many trials run at once")
    return int(found)
