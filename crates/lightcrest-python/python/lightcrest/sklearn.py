"""Tables with scikit-learn's interface: from rows to a light model, without people.

    from lightcrest.sklearn import LightcrestClassifier

    model = LightcrestClassifier(time=60).fit(X_train, y_train)
    model.predict_proba(X_test)
    model.front_                      # quality against bytes: one row a model
    model.choose(trial=7).save("model.lightcrest")

X is a data frame of pandas or polars, a table of Arrow, or an array. What a column is follows from its type, and of columns of
text from their fields, by the rules of `lightcrest fit`: numbers, categories, dates, text, names of rows. Missing values are
values. y is what scikit-learn takes. Needs scikit-learn (`pip install scikit-learn`), 1.6 or newer.
"""

from __future__ import annotations

import copy
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, column_or_1d, validate_data

from lightcrest._engine import TableModel, table_fit
from lightcrest._files import write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Self

__all__ = ["LightcrestClassifier", "LightcrestRegressor"]

_LEAST = 10


class _Columns:
    """The columns of a table: names, what their types say, and their values as the engine takes them."""

    def __init__(self) -> None:
        self.rows = 0
        self.names: list[str] = []
        self.numbers: list[str] = []
        self.categories: list[str] = []
        self.values: list[bytes | list[str | None]] = []

    def add(self, name: str, kind: str | None, values: Sequence[Any]) -> None:
        self.rows = len(values)
        self.names.append(name)
        if kind == "number":
            self.numbers.append(name)
        elif kind == "category":
            self.categories.append(name)
        exact = kind == "number" and not any(type(value) is int and abs(value) > _EXACT for value in values)
        self.values.append(_numbers(values) if exact else _words(values))

    def free(self, name: str) -> str:
        """A name that no column has."""
        while name in self.names:
            name += "_"
        return name

    def all(self, beside: dict[str, bytes | list[str | None]] | None = None) -> list[tuple[str, bytes | list[str | None]]]:
        return [*zip(self.names, self.values, strict=True), *(beside or {}).items()]


# Whole numbers beyond it are not exact as floats.
_EXACT = 2**53


def _numbers(values: Sequence[Any]) -> bytes:
    numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    _check_finite(numbers)
    return numbers.tobytes()


def _words(values: Iterable[Any]) -> list[str | None]:
    return [_word(value) for value in values]


def _word(value: Any) -> str | None:
    if type(value) is float:
        return None if value != value else repr(value)
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    if text in {"nan", "<NA>", "NaT", "None"}:
        return None
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _check_finite(values: np.ndarray) -> None:
    if np.isinf(values).any():
        raise ValueError("Input X contains infinity or a value too large for dtype('float64').")


def _columns(X: Any) -> _Columns | None:
    """The columns of a data frame; None of anything else."""
    library = type(X).__module__.split(".")[0]
    if library == "pyarrow" and hasattr(X, "column_names"):
        found = _of_arrow(X)
    elif library == "polars" and hasattr(X, "get_columns"):
        found = _of_polars(X)
    elif hasattr(X, "iloc") and hasattr(X, "dtypes"):
        found = _of_pandas(X)
    else:
        return None
    columns = _Columns()
    for column in found:
        columns.add(*column)
    return columns


def _of_arrow(X: Any) -> Iterator[tuple[str, str | None, Sequence[Any]]]:
    import pyarrow.types as types

    for field in X.schema:
        number = types.is_integer(field.type) or types.is_floating(field.type)
        kind = "number" if number else "category" if types.is_dictionary(field.type) else None
        yield field.name, kind, X.column(field.name).to_pylist()


def _of_polars(X: Any) -> Iterator[tuple[str, str | None, Sequence[Any]]]:
    for series in X.get_columns():
        category = str(series.dtype).startswith(("Categorical", "Enum"))
        yield series.name, "number" if series.dtype.is_numeric() else "category" if category else None, series.to_list()


def _of_pandas(X: Any) -> Iterator[tuple[str, str | None, Sequence[Any]]]:
    for place, name in enumerate(X.columns):
        series = X.iloc[:, place]
        of = getattr(series.dtype, "kind", "O")
        if of == "c":
            raise ValueError("Complex data not supported")
        kind = "number" if of in "iuf" else "category" if str(series.dtype) == "category" else None
        yield str(name), kind, series.astype(object).where(series.notna(), None).tolist()


def _of_array(X: np.ndarray) -> _Columns:
    columns = _Columns()
    for place in range(X.shape[1]):
        columns.add(f"x{place}", "number" if X.dtype.kind in "iuf" else None, X[:, place].tolist())
    return columns


class _Table(BaseEstimator):
    """What both estimators are."""

    def __init__(
        self,
        *,
        time: float | None = 60.0,
        n_trials: int | None = None,
        metric: str | None = None,
        folds: int = 5,
        max_bytes: int | None = None,
        max_latency_us: float | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.time = time
        self.n_trials = n_trials
        self.metric = metric
        self.folds = folds
        self.max_bytes = max_bytes
        self.max_latency_us = max_latency_us
        self.n_jobs = n_jobs
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def _check_budget(self) -> None:
        if self.time is None and self.n_trials is None:
            raise ValueError("a fit without end: give `time` in seconds, `n_trials`, or both")

    def _table(self, X: Any, *, reset: bool) -> _Columns:
        columns = _columns(X)
        if columns is None:
            arrays = {"dtype": None, "ensure_all_finite": "allow-nan", "reset": reset}
            X = validate_data(self, X, **arrays)
            if X.dtype.kind == "O":
                X = _plain(X)
            return _of_array(X)
        if len(columns.names) == 0 or columns.rows == 0:
            # scikit-learn's own words for what is empty.
            check_array(np.empty((columns.rows, len(columns.names))))
        validate_data(self, X, skip_check_array=True, reset=reset)
        return columns

    def _search(self, X: Any, target: np.ndarray, task: str, groups: Any) -> Self:
        columns = self._table(X, reset=True)
        rows = columns.rows
        check_consistent_length(range(rows), target)
        if rows < _LEAST:
            raise ValueError(f"n_samples={rows}: at least {_LEAST} rows are needed to judge a model")
        name, group = columns.free("target"), None
        beside: dict[str, bytes | list[str | None]] = {name: target.tobytes() if task == "regression" else target.tolist()}
        if groups is not None:
            check_consistent_length(range(rows), groups)
            group = columns.free("group")
            beside[group] = [f"g{_word(value) or ''}" for value in groups]
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31 - 1)
        threads = self.n_jobs if self.n_jobs is not None and self.n_jobs > 0 else None
        asked = {
            "target": name,
            "task": task,
            "metric": self.metric,
            "folds": self.folds,
            "seed": int(seed),
            "trials": self.n_trials,
            "time": self.time,
            "max_bytes": self.max_bytes,
            "max_latency_us": self.max_latency_us,
            "threads": threads,
            "group": group,
            "numbers": columns.numbers,
            "categories": columns.categories,
        }
        found, models = table_fit(columns.all(beside), json.dumps(asked))
        found = json.loads(found)
        self.metric_ = found["metric"]
        self.columns_ = [column for column in found["columns"] if column["name"] not in beside]
        self.warnings_ = found["warnings"]
        self.n_trials_ = found["trials"]
        self.front_ = [
            {"trial": model["trial"], **model["metrics"], "configuration": model["configuration"]} for model in found["models"]
        ]
        self._models = models
        self.model_ = TableModel(models[0])
        self.trial_ = self.front_[0]["trial"]
        return self

    def choose(self, trial: int) -> Self:
        """The same estimator with another model of the front: that of a trial of `front_`."""
        check_is_fitted(self)
        trials = [row["trial"] for row in self.front_]
        if trial not in trials:
            raise ValueError(f"trial {trial} is not on the front; these are: {', '.join(map(str, trials))}")
        chosen = copy.copy(self)
        chosen.model_ = TableModel(self._models[trials.index(trial)])
        chosen.trial_ = trial
        return chosen

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model as one data file, whole or not at all, which `lightcrest.sklearn` loads with `TableModel`."""
        write(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """The model as one data file."""
        check_is_fitted(self)
        return self.model_.to_bytes()

    def to_onnx(self) -> bytes:
        """The whole pipeline as an ONNX file: named inputs, one a column, of shape (rows, 1)."""
        check_is_fitted(self)
        return self.model_.to_onnx()

    def _predict(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return np.frombuffer(self.model_.predict(self._table(X, reset=False).all()), dtype=np.float64)


def _plain(X: np.ndarray) -> np.ndarray:
    """An array of objects, as floats where all of them are numbers."""
    for value in X.flat:
        if isinstance(value, dict | list | tuple | set):
            raise TypeError(f"argument must be a string or a number, not '{type(value).__name__}'")
    try:
        numbers = X.astype(np.float64)
    except (TypeError, ValueError):
        return X
    _check_finite(numbers)
    return numbers


class LightcrestClassifier(ClassifierMixin, _Table):
    """Finds a light model for classes.

    | parameter | what it is |
    |---|---|
    | `time` | seconds of the whole fit; None for no limit, then `n_trials` is needed |
    | `n_trials` | trials at most; with `time=None` one seed gives one answer |
    | `metric` | `log_loss` unless given; `auc`, `average_precision`, `f1`, `accuracy`, `brier` |
    | `folds` | of the cross-validation inside |
    | `max_bytes`, `max_latency_us` | what every model must keep |
    | `n_jobs` | threads; all cores unless given |
    | `random_state` | a seed |

    After `fit`: `classes_`, `front_` (one dictionary a model, the best first), `model_`, `columns_` (what each column was taken
    for and why), `warnings_`, `metric_`, `n_trials_`.
    """

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Finds models. Rows of equal `groups` are never both learnt from and judged."""
        if y is None:
            raise ValueError(f"requires y to be passed, but the target y is None: {type(self).__name__} learns from classes")
        self._check_budget()
        y = column_or_1d(y, warn=True)
        check_array(y, ensure_2d=False, dtype=None)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class only ({self.classes_[0]!r}): at least 2 are needed to learn what tells them apart")
        return self._search(X, np.array([f"k{code:08d}" for code in codes]), "classification", groups)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities, of shape (rows, classes), in the order of `classes_`."""
        return self._predict(X).reshape(-1, len(self.classes_)).copy()

    def predict(self, X: Any) -> np.ndarray:
        """The class of each row; with two classes by the threshold that serves the metric best."""
        probabilities = self._predict(X)
        return self.classes_[np.array(self.model_.labels(probabilities.tolist()), dtype=np.intp)]


class LightcrestRegressor(RegressorMixin, _Table):
    """Finds a light model for numbers.

    Parameters and attributes are those of `LightcrestClassifier`, without classes; `metric` is `rmse` unless given, or `mae`,
    `r2`, `pinball`.
    """

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Finds models. Rows of equal `groups` are never both learnt from and judged."""
        if y is None:
            raise ValueError(f"requires y to be passed, but the target y is None: {type(self).__name__} learns from numbers")
        self._check_budget()
        y = check_array(column_or_1d(y, warn=True), ensure_2d=False, dtype=np.float64)
        return self._search(X, y, "regression", groups)

    def predict(self, X: Any) -> np.ndarray:
        """A number a row."""
        return self._predict(X).copy()
