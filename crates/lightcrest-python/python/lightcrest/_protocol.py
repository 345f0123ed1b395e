"""What the parts of a study need of it, so that they need not know the class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Container, Sequence
    from typing import Union

    from lightcrest import _engine
    from lightcrest._direction import StudyDirection
    from lightcrest._trials import Trials
    from lightcrest.samplers import BaseSampler
    from lightcrest.trial import FrozenTrial, Trial, TrialState

    ObjectiveFuncType = Callable[[Trial], Union[float, Sequence[float]]]
    CallbackType = Callable[[Any, FrozenTrial], None]


class StudyLike(Protocol):
    """A study, as what runs, ends and tabulates its trials sees it."""

    _engine: _engine.Study
    _trials: Trials
    _sampler: BaseSampler
    # Whether the engine's sampler proposes; otherwise a sampler that is written in Python does.
    _propose: bool
    # What a sampler that is written in Python chose together for running trials: the space, and the values.
    _together: dict[int, tuple[dict[str, Any], dict[str, Any]]]
    _stop: threading.Event
    _here: Any

    @property
    def directions(self) -> list[StudyDirection]: ...
    @property
    def metric_names(self) -> list[str] | None: ...
    @property
    def _storage(self) -> Any: ...
    def ask(self) -> Trial: ...
    def _ask(self, fixed_distributions: Any = None, *, lease: bool) -> Trial: ...
    def get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]: ...
