"""Trials as a table of pandas."""

from __future__ import annotations

from lightcrest.trial import TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest._protocol import StudyLike
    from lightcrest.trial import FrozenTrial


def frame(study: StudyLike, attrs: tuple[str, ...], multi_index: bool) -> Any:
    """See Study.trials_dataframe."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError("trials_dataframe needs the package pandas: install it") from error
    trials = study.get_trials(deepcopy=False)
    if not trials:
        return pandas.DataFrame()
    if len(study.directions) > 1:
        attrs = tuple("values" if attr == "value" else attr for attr in attrs)
    names = study.metric_names
    found: dict[str, set[Any]] = {attr: set() for attr in attrs}
    rows = []
    for trial in trials:
        row: dict[tuple[str, Any], Any] = {}
        for attr in attrs:
            for key, value in _cells(trial, attr, names, len(study.directions)):
                row[attr.removeprefix("_"), key] = value
                found[attr].add(key)
        rows.append(row)
    columns = []
    for attr in attrs:
        keys = names if attr == "values" and names is not None else sorted(found[attr])
        columns += [(attr.removeprefix("_"), key) for key in keys]
    table = pandas.DataFrame(rows, columns=pandas.MultiIndex.from_tuples(columns))
    if not multi_index:
        table.columns = ["_".join(str(part) for part in column if part != "") for column in columns]
    return table


def _cells(trial: FrozenTrial, attr: str, names: list[str] | None, objectives: int) -> list[tuple[Any, Any]]:
    """The cells that an attribute of a trial fills: their keys within the attribute, and values."""
    value = getattr(trial, attr)
    if attr == "values":
        values = [None] * objectives if value is None else value
        return list(zip(range(objectives) if names is None else names, values))
    if attr == "value":
        return [("" if names is None else names[0], value)]
    if isinstance(value, TrialState):
        return [("", value.name)]
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list):
        return list(enumerate(value))
    return [("", value)]
