"""What proposes the next configuration: the engine's samplers, and the base of those that are written in Python."""

from __future__ import annotations

from lightcrest.samplers import nsgaii
from lightcrest.samplers._base import BaseSampler
from lightcrest.samplers._brute_force import BruteForceSampler
from lightcrest.samplers._engine import (
    AutoSampler,
    GPSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
    _resolve,
    _written_in_python,
)
from lightcrest.samplers._evolution import CmaEsSampler, EvolutionSampler, NSGAIIISampler, NSGAIISampler
from lightcrest.samplers._ga import BaseGASampler
from lightcrest.samplers._grid import GridSampler
from lightcrest.samplers._partial_fixed import PartialFixedSampler

__all__ = [
    "AutoSampler",
    "BaseGASampler",
    "BaseSampler",
    "BruteForceSampler",
    "CmaEsSampler",
    "EvolutionSampler",
    "GPSampler",
    "GridSampler",
    "NSGAIIISampler",
    "NSGAIISampler",
    "PartialFixedSampler",
    "QMCSampler",
    "RandomSampler",
    "TPESampler",
    "nsgaii",
]
