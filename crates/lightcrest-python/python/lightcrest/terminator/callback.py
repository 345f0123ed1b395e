"""A terminator among the callbacks of Study.optimize."""

from __future__ import annotations

from lightcrest import logging
from lightcrest.study import Study
from lightcrest.terminator._common import deprecated
from lightcrest.terminator.terminator import BaseTerminator, Terminator
from lightcrest.trial import FrozenTrial

__all__ = ["TerminatorCallback"]


class TerminatorCallback:
    """Lets a terminator end Study.optimize."""

    def __init__(self, terminator: BaseTerminator | None = None) -> None:
        """terminator: a Terminator with its defaults unless given."""
        deprecated()
        self._terminator = terminator or Terminator()

    def __call__(self, study: Study, trial: FrozenTrial) -> None:
        """Stops the study if going on does not pay."""
        if self._terminator.should_terminate(study=study):
            logging._root.info("The study has been stopped by the terminator.")
            study.stop()
