"""Tasks of Ray behind the interface of concurrent.futures."""

from __future__ import annotations

import threading as _threading
from concurrent.futures import Executor, Future, wait as _wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Arguments of more bytes are kept in Ray's store and not sent with each task.
_LARGE = 100_000
_KEPT = 4


def _call(function: Callable[..., Any], kwargs: dict[str, Any], *args: Any) -> Any:
    return function(*args, **kwargs)


class _RayFuture(Future):  # type: ignore[type-arg]
    """A future of a task of Ray. One that is cancelled is so there, too."""

    _ref: Any = None

    def cancel(self) -> bool:
        cancelled = super().cancel()
        if cancelled and self._ref is not None:
            import ray

            ray.cancel(self._ref)
        return cancelled


class RayExecutor(Executor):
    """Runs calls as tasks of Ray, for `Study.optimize(executor=...)` and whoever else takes an executor.

    A Ray that is not connected yet is started or joined, as `ray.init()` does. Tasks that fail are not tried again: a study does that.
    """

    def __init__(self, max_workers: int | None = None, **options: Any) -> None:
        """max_workers: how many tasks run at once; as many as the cluster has room for unless given, also while it grows.
        options: those of a task of Ray: `num_cpus` (1 unless given), `num_gpus`, `resources`, `runtime_env`, ..."""
        try:
            import ray
        except ImportError as error:
            raise ImportError("RayExecutor needs Ray: pip install ray") from error
        if max_workers is not None and max_workers < 1:
            raise ValueError(f"`max_workers` must be 1 or more, but got {max_workers}")
        if not ray.is_initialized():
            ray.init()
        self._given = max_workers
        self._options = {"num_cpus": 1, **options, "max_retries": 0}
        self._task = ray.remote(_call).options(**self._options)
        self._sent: dict[int, tuple[bytes, Any]] = {}
        self._futures: set[_RayFuture] = set()
        self._lock = _threading.Lock()
        self._closed = False

    @property
    def _max_workers(self) -> int:
        """How many tasks the cluster has room for."""
        if self._given is not None:
            return self._given
        import ray

        found = ray.cluster_resources()
        needed = {"CPU": self._options.get("num_cpus"), "GPU": self._options.get("num_gpus")}
        needed.update(self._options.get("resources") or {})
        room = [int(found.get(name, 0) / amount) for name, amount in needed.items() if amount]
        return max(1, min(room, default=int(found.get("CPU", 1))))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Begins fn(*args, **kwargs) somewhere."""
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future = _RayFuture()
        future._ref = self._task.remote(fn, kwargs, *map(self._stored, args))
        with self._lock:
            self._futures.add(future)

        def landed(found: Future[Any]) -> None:
            with self._lock:
                self._futures.discard(future)
            if not future.set_running_or_notify_cancel():
                return
            error = found.exception()
            if error is None:
                future.set_result(found.result())
            else:
                future.set_exception(error)

        future._ref.future().add_done_callback(landed)
        return future

    def _stored(self, argument: Any) -> Any:
        """A large argument as Ray's store has it: it is the same for all tasks of a study."""
        if not isinstance(argument, bytes) or len(argument) <= _LARGE:
            return argument
        import ray

        # Holding the argument keeps its id from being given to another.
        if id(argument) not in self._sent:
            self._sent[id(argument)] = (argument, ray.put(argument))
            for old in list(self._sent)[:-_KEPT]:
                del self._sent[old]
        return self._sent[id(argument)][1]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls. Ray itself goes on."""
        self._closed = True
        with self._lock:
            futures = list(self._futures)
        if cancel_futures:
            for future in futures:
                future.cancel()
        if wait:
            _wait(futures)
