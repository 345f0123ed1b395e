"""What packages around Optuna import of the private modules of its storages."""

from __future__ import annotations


class _CachedStorage:
    """Nothing is one: storages here keep what has ended by themselves. PyTorch Lightning's callback asks for it before it prunes trials
    that several processes train together, which it does on Optuna's own databases only."""
