"""The engine of Lightcrest, compiled from Rust. Use the package lightcrest; this module may change."""

import builtins
import datetime
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, Union

import lightcrest.study
from lightcrest.distributions import BaseDistribution
from lightcrest.storages import BaseStorage

_Choice = Union[None, bool, int, float, str]
_Chosen = TypeVar("_Chosen")
_When = Mapping[str, Union[_Choice, Sequence[_Choice]]]
_Bound = Union[str, tuple[str, float], tuple[str, float, float]]
_Bounds = Union[_Bound, list[_Bound]]

class Space:
    """What may vary: parameters with their domains, and the conditions under which they exist.

    `when` maps parents to the value or the values under which the parameter exists; all of them must hold. Parents
    may be added later. `at_least` and `at_most` are bounds that depend on another parameter: its name, (name, factor) or
    (name, factor, offset) for factor * value + offset, or a list of such; they do not apply where that parameter does not
    exist. A space that cannot be is a ValueError where it is used.
    """

    def __init__(self) -> None: ...
    def float(
        self,
        name: str,
        low: builtins.float,
        high: builtins.float,
        *,
        step: builtins.float | None = None,
        log: bool = False,
        when: _When | None = None,
        at_least: _Bounds | None = None,
        at_most: _Bounds | None = None,
    ) -> Space:
        """Adds a real number in [low, high], and returns the space."""

    def int(
        self,
        name: str,
        low: builtins.int,
        high: builtins.int,
        *,
        step: builtins.int = 1,
        log: bool = False,
        when: _When | None = None,
        at_least: _Bounds | None = None,
        at_most: _Bounds | None = None,
    ) -> Space:
        """Adds a whole number from low to high, both included, and returns the space."""

    def categorical(
        self,
        name: str,
        choices: Sequence[_Choice],
        *,
        ordered: bool = False,
        when: _When | None = None,
        at_least: _Bounds | None = None,
        at_most: _Bounds | None = None,
    ) -> Space:
        """Adds one of the choices, and returns the space. `ordered`: the list is in an order that means something."""

    def sum(
        self,
        terms: Mapping[str, builtins.float],
        *,
        at_least: builtins.float | None = None,
        at_most: builtins.float | None = None,
        name: str | None = None,
    ) -> Space:
        """Demands that the sum of numeric parameters, each times its factor, is within limits, and returns the space.

        A parameter that does not exist adds nothing.
        """

    def constrain(self, name: str, function: Callable[[dict[str, Any]], Any]) -> Space:
        """Demands that a function of a dict of the parameters that exist returns something true, and returns the space.

        It is asked hundreds of times for one proposal and thousands of times at first: it must be quick, always say the
        same of the same dict, and not use the study. What it raises at first is raised; later it rejects the
        configuration, and sys.unraisablehook is told. JSON and databases keep its name only, so a study is loaded with
        `space=`.
        """

    def fix(self, name: str, value: _Choice) -> Space:
        """Gives a parameter one value for good, and returns the space: what cannot exist then is no part of it."""

    @property
    def names(self) -> list[str]:
        """The names of the parameters, in the order in which they were added."""

    def conditions(self, name: str) -> dict[str, list[_Choice]]:
        """The conditions of a parameter: {parent: [values]}; empty if it always exists."""

    def sample(self, seed: builtins.int) -> dict[str, Any]:
        """A configuration drawn at random from an integer seed: a dict of the parameters that exist there."""

    def validate(self, params: dict[str, Any]) -> None:
        """Raises a ValueError unless `params` gives every parameter that exists there a value and no other, and satisfies
        bounds and constraints."""

    def to_json(self) -> str:
        """The space as JSON: what spec files and databases hold. Of functions given to `constrain` it has the names only."""

    @staticmethod
    def from_json(text: str) -> Space:
        """A space from its JSON."""

    def __len__(self) -> builtins.int: ...
    def __contains__(self, name: str) -> bool: ...

class Trial:
    """A running trial: an objective asks it for the values of its parameters.

    Trials come from Study.ask and Study.optimize.
    """

    @property
    def _token(self) -> int | None:
        """Which run of the trial this is."""

    @property
    def number(self) -> int:
        """The number of the trial in its study: 0, 1, 2, ..."""

    @property
    def study(self) -> lightcrest.study.Study:
        """The study that the trial is of."""

    @property
    def relative_params(self) -> dict[str, Any]:
        """What was proposed for the trial when it began, by name: its parameters have these values where they fit."""

    @property
    def storage(self) -> BaseStorage:
        """Where the study lives."""

    @property
    def _trial_id(self) -> int: ...
    def __reduce__(self) -> tuple[Any, tuple[Any, int]]:
        """Another process opens the study again and goes on with the trial there."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A real number in [low, high]; with a step, one of low, low + step, ..."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number from low to high, both included."""

    def suggest_categorical(self, name: str, choices: Sequence[_Chosen]) -> _Chosen:
        """One of the choices, which are None, bools, ints, floats or strings; or, in memory, anything."""

    def suggest_uniform(self, name: str, low: float, high: float) -> float:
        """Deprecated: use suggest_float(name, low, high)."""

    def suggest_loguniform(self, name: str, low: float, high: float) -> float:
        """Deprecated: use suggest_float(name, low, high, log=True)."""

    def suggest_discrete_uniform(self, name: str, low: float, high: float, q: float) -> float:
        """Deprecated: use suggest_float(name, low, high, step=q)."""

    def _suggest(self, name: str, distribution: BaseDistribution) -> Any: ...
    def report(self, value: float | Sequence[float], step: int) -> None:
        """Reports an intermediate value, or of several objectives one for each of the first few. The first report of a step stands."""

    def should_prune(self) -> bool:
        """Whether the pruner would stop the trial at its last report. If so, raise TrialPruned."""

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keeps something with the trial: anything if the study lives in memory, else whatever JSON can say."""

    def set_constraint(self, key: str, value: float) -> None:
        """Sets a constraint, which is satisfied if its value is at most 0. The first value of a key stands."""

    @property
    def constraints(self) -> dict[str, float]:
        """What set_constraint set: {key: value}."""

    @property
    def params(self) -> dict[str, Any]:
        """The parameters so far, by name."""

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The distributions that the parameters so far are of, by name."""

    @property
    def user_attrs(self) -> dict[str, Any]:
        """What set_user_attr kept."""

    @property
    def datetime_start(self) -> datetime.datetime | None:
        """When the trial began."""

class Memory:
    """One study in memory: whoever opens it through this object sees the same trials."""

    def __init__(self) -> None: ...

class Database:
    """The studies of one database: a SQLite file, or one that a URL names."""

    def __init__(self, url: str) -> None: ...
    def place(self) -> str:
        """Where it is, without a password."""

    def absolute(self) -> str:
        """Its URL as it is seen from every folder."""

    def names(self) -> list[str]:
        """The names of the studies, in the order in which they were made."""

    def studies(self) -> list[tuple[int, str]]:
        """The ids and names of the studies, in the order in which they were made."""

    def directions(self, name: str) -> list[str] | None:
        """The directions of a study; None if there is no study of that name."""

    def delete(self, name: str) -> None:
        """Deletes a study with its trials."""

    def attributes(self, name: str) -> dict[str, Any]:
        """What was kept with a study."""

    def set_attribute(self, name: str, key: str, value: Any) -> None:
        """Keeps something with a study: whatever JSON can say."""

class Study:
    """The engine's study; the class lightcrest.Study wraps it."""

    def __init__(
        self,
        *,
        name: str,
        directions: Sequence[str],
        sampler: str,
        sampler_settings: dict[str, Any],
        seed: int | None,
        pruner: str,
        pruner_settings: dict[str, Any],
        space: Space | None,
        storage: Memory | Database,
        attributes: dict[int, dict[str, Any]] | None,
        new: bool = False,
        learn_from: Sequence[Study] = ...,
        retries: int | None = 3,
    ) -> None: ...
    def memory(self) -> list[tuple[str, int, int, float | None]]:
        """What the study learns from: name, complete trials, chosen ones and weight of each earlier study."""

    def objective_names(self) -> list[str] | None:
        """What the program that made the study calls its objectives; None if nobody named them."""

    def set_sampler(self, name: str, settings: dict[str, Any], seed: int | None) -> None:
        """Goes on with another sampler and its seed."""

    def set_pruner(self, name: str, settings: dict[str, Any]) -> None:
        """Goes on with another pruner."""

    def synchronize(self) -> None:
        """Takes over what others wrote to the storage."""

    def ask(
        self,
        study: Any,
        fixed: dict[str, BaseDistribution] | Space | None = None,
        propose: bool = True,
        independent: Callable[[int, str, BaseDistribution], Any] | None = None,
        prune: Callable[[int], bool] | None = None,
        lease: bool = False,
    ) -> Trial:
        """The next trial, now running; with what gives values and prunes where samplers and pruners are written in Python.

        `lease`: whether it goes back to waiting when this process dies.
        """

    def again(
        self,
        study: Any,
        number: int,
        independent: Callable[[int, str, BaseDistribution], Any] | None = None,
        prune: Callable[[int], bool] | None = None,
        token: int | None = None,
    ) -> Trial:
        """A running trial that was asked for elsewhere; `token`: which run of it is meant."""

    def proposed(self, number: int) -> dict[str, Any]:
        """The values that a running trial has got or will get if it asks for them, by name."""

    def tell(
        self,
        number: int,
        state: str,
        values: Sequence[float] | None,
        reason: str | None,
        token: int | None = None,
    ) -> None:
        """Ends a running trial; `token`: which run of it is meant."""

    def give_back(self, number: int, token: int | None = None) -> None:
        """Gives a running trial back: it waits to be run again, as it was before."""

    def abandoned(self) -> list[int]:
        """The numbers of the running trials whose processes died."""

    def reclaim(self) -> None:
        """Puts the trials of dead processes back to waiting, or fails those that were run again too often already."""

    def propose(self, number: int, name: str, value: Any) -> None:
        """Gives a running trial the value that it will be answered with."""

    def last_step(self, number: int) -> int | None:
        """The last step that a trial has reported; None if it has no reports."""

    def should_prune(self, number: int) -> bool:
        """Whether the engine's pruner would stop a running trial at its last report."""

    def set_attribute(self, number: int, key: str, value: Any, token: int | None = None) -> None:
        """Keeps something with a running trial; `token`: which run of it is meant."""

    def set_constraint(self, number: int, key: str, excess: float, token: int | None = None) -> bool:
        """Sets a constraint of a running trial; False if it is set already. `token`: which run of it is meant."""

    def marked(self, key: str, prefix: str, every: bool = False) -> list[tuple[int, str, bool, str | None]]:
        """The trials of which a text is kept by this key that begins so: number, state, whether it is leased, the text.

        `every`: also the running ones of which none is kept, with None.
        """

    def ped_anova(
        self, values: Sequence[tuple[int, float]], target: float, region: float, local: bool
    ) -> dict[str, float] | None:
        """Which parameters matter for numbers of trials of which larger is better; None if too few trials say it."""

    def fanova(
        self, values: Sequence[tuple[int, float]], trees: int, depth: int, seed: int
    ) -> dict[str, float] | None:
        """The share of the variance of numbers of trials that each parameter explains alone; None if too few trials say it."""

    def regret_bound(self) -> float | None:
        """How much better than the best trial the optimum may be, with high probability; None while too few trials say it."""

    def minimum_regret(self) -> float | None:
        """How much the best that is found may still get better, in standard deviations of the values; None while too few trials say
        it."""

    def add(
        self,
        state: str,
        params: dict[str, Any],
        distributions: dict[str, BaseDistribution],
        values: Sequence[float] | None,
        reports: Sequence[tuple[int, float]],
        constraints: Sequence[tuple[str, float]],
        attributes: dict[str, Any],
        started: int | None,
        finished: int | None,
    ) -> int:
        """Adds a trial that ran elsewhere or waits to be run; its number."""

    def replace(
        self,
        number: int,
        state: str,
        params: dict[str, Any],
        distributions: dict[str, BaseDistribution],
        values: Sequence[float] | None,
        reports: Sequence[tuple[int, float]],
        constraints: Sequence[tuple[str, float]],
        attributes: dict[str, Any],
        started: int | None,
        finished: int | None,
    ) -> None:
        """Puts a trial in place of the one of its number, which has not ended."""

    def owns(self, number: int) -> bool:
        """Whether a running trial was asked for by this study, and not by another one of its storage."""

    def observe(
        self,
        number: int,
        state: str,
        params: dict[str, Any],
        distributions: dict[str, BaseDistribution],
        values: Sequence[float] | None,
        reports: Sequence[tuple[int, float]],
        constraints: Sequence[tuple[str, float]],
    ) -> None:
        """Takes over a trial of another study, so that this one can propose for it."""

    def proposal(self, number: int) -> dict[str, Any]:
        """What the sampler proposes for a trial of another study."""

    def domains(self) -> dict[str, BaseDistribution]:
        """The distributions of the space, by name."""

    def state(self, number: int) -> str:
        """The state of a trial, as a word."""

    def count(self, state: str) -> int:
        """How many trials are in a state."""

    def __len__(self) -> int: ...
    def parts(self, numbers: Sequence[int]) -> list[tuple[Any, ...]]:
        """Trials: state, values, started, finished, params, distributions, attributes, intermediate_values, constraints."""

    def best(self) -> int | None:
        """The number of the best trial of a study of one objective."""

    def front(self) -> list[int]:
        """The numbers of the trials that no other dominates."""

    def space(self) -> Space:
        """The space: as it was declared, or as the finished trials show it."""

def draw(seed: int, number: int, name: str, distribution: BaseDistribution) -> Any:
    """A value of a distribution at random: the same for the same seed, trial and name."""

def complete(study: Study) -> tuple[list[int], list[list[float]], list[bool | None]]:
    """The complete trials of a study as columns: numbers, values by objective, feasibility (None without constraints)."""

def parameters(study: Study, numbers: Sequence[int]) -> dict[str, tuple[BaseDistribution, list[int], list[Any]]]:
    """The parameters of some trials as columns: {name: (distribution of the first trial that has it, positions of the trials that have
    it, its values there)}."""

def fronts(points: Sequence[Sequence[float]]) -> list[int]:
    """Which front each point is on: 0 for those that no other dominates; larger is better in every coordinate."""

def hypervolumes(points: Sequence[Sequence[float]], reference: Sequence[float]) -> list[float]:
    """The volume that the first point dominates above a reference point, that the first two do, and so on; larger is better in every
    coordinate."""

def survivors(
    name: str, settings: dict[str, Any], values: Sequence[Sequence[float]], violations: Sequence[float], seed: int
) -> list[int]:
    """Who survives of a pool of trials by NSGA-II ("nsga2") or NSGA-III ("nsga3") with these settings: their positions. `values`: a
    point for each, of which larger is better; `violations`: by how much each breaks its constraints, added up."""

def copy_study(
    from_: Memory | Database,
    name: str,
    to: Memory | Database,
    new: str,
    attributes: Mapping[int, Mapping[str, Any]] | None,
) -> None:
    """Copies a study as it is at one moment into a storage that has none of that name yet; what runs there waits here.

    `attributes`: those of its trials where they are Python's; in a database they are JSON.
    """

def random_seed() -> int:
    """A seed that nobody has chosen."""

__version__: str

_Model = Union[bytes, str, os.PathLike[str]]
_Array = tuple[str, str, Sequence[int], bytes]

def compress_cost(model: _Model, sizes: Mapping[str, int]) -> str:
    """What a model costs, as JSON."""

def compress_prune(
    model: _Model,
    *,
    ratio: float,
    macs: float | None,
    importance: str,
    global_: bool,
    round_to: int,
    keep: Sequence[str],
    steps: int,
) -> tuple[bytes, str]:
    """A model without some of its channels, and what was done, as JSON."""

def compress_decompose(
    model: _Model,
    *,
    method: str,
    rank: float | None,
    macs: float | None,
    layers: Sequence[str],
    keep: Sequence[str],
    allow_growth: bool,
    calibration: Sequence[_Array] | None,
) -> tuple[bytes, str]:
    """A model whose layers are chains of smaller ones, and what was done, as JSON."""

def compress_quantize(
    model: _Model,
    calibration: Sequence[_Array],
    *,
    method: str | None,
    per_channel: bool,
    weight_bits: str,
    exclude: Sequence[str],
    min_snr: float | None,
) -> tuple[bytes, str]:
    """A model of 8 bits, and what was done, as JSON."""

def table_fit(columns: Sequence[tuple[str, bytes | list[str | None]]], asked: str) -> tuple[str, list[bytes]]:
    """Fits a table, given as columns of f64 in native order or of words: what was found, as JSON, and the files of the front's models."""

class TableModel:
    """A whole model of a table: from fields to predictions."""

    def __new__(cls, bytes: bytes) -> TableModel:
        """Reads a model file."""

    def to_bytes(self) -> bytes:
        """The model file."""

    def to_onnx(self) -> bytes:
        """The whole pipeline as an ONNX file."""

    def columns(self) -> list[str]:
        """The names of the columns that it reads."""

    def predict(self, columns: Sequence[tuple[str, bytes | list[str | None]]]) -> bytes:
        """Predictions of all rows of a table, given as columns, as f64 in native order: probabilities of the classes, or numbers."""

    def labels(self, probabilities: Sequence[float]) -> list[int]:
        """The place of each row's class among the classes."""
