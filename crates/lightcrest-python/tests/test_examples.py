"""Every script of examples/python runs under Lightcrest and under Optuna, and does the same there."""

import pathlib
import runpy

import lightcrest
import optuna
import pytest

SCRIPTS = sorted(pathlib.Path(__file__).parents[3].glob("examples/python/*.py"))


def outcome(path, package, monkeypatch):
    monkeypatch.setenv("OPTUNA", package.__name__)
    monkeypatch.setenv("N_TRIALS", "12")
    package.logging.set_verbosity(package.logging.ERROR)
    names = runpy.run_path(str(path), run_name="__main__")
    package.logging.set_verbosity(package.logging.INFO)
    study = names["study"]
    seen = {
        "directions": [direction.name for direction in study.directions],
        "states": sorted({trial.state.name for trial in study.trials} - {"PRUNED", "FAIL"}),
        "parameters": sorted({name for trial in study.trials for name in trial.params}),
        "distributions": sorted({str(found) for trial in study.trials for found in trial.distributions.items()}),
        "attributes": sorted({name for trial in study.trials for name in trial.user_attrs}),
        "constraints": sorted({name for trial in study.trials for name in trial.constraints}),
        "steps": sorted({step for trial in study.trials for step in trial.intermediate_values}),
        "study attributes": sorted(study.user_attrs),
        "metrics": study.metric_names,
    }
    if path.stem != "callbacks":  # there, the number of failures is a matter of luck
        seen["trials"] = len(study.trials)
    if "table" in names:
        seen["table"] = [(name, str(kind)) for name, kind in names["table"].dtypes.items()]
        seen["importances"] = sorted(names["importances"])  # their order is a matter of luck after a dozen trials
    if "figures" in names:
        figures = names["figures"].items()
        seen["titles"] = [(name, figure.layout.title.text) for name, figure in figures]
        seen["axes"] = [(name, figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) for name, figure in figures]
        seen["kinds"] = [(name, figure.data[0].type) for name, figure in figures if name != "parallel_coordinate"]
    return seen


def test_there_are_a_dozen():
    assert len(SCRIPTS) == 12


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_does_the_same_under_both_packages(path, monkeypatch):
    assert outcome(path, lightcrest, monkeypatch) == outcome(path, optuna, monkeypatch)
