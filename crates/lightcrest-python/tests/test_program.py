"""Studies that the program `lightcrest` made, as the package finds them."""

import csv
import os
import subprocess

import lightcrest
import pytest

TUNE = """
[study]
name = "tuned"
seed = 5

[[objectives]]
metric = "loss"
direction = "minimize"

[[objectives]]
metric = "size"
direction = "minimize"

[[constraints]]
metric = "size"
max = 3

[command]
run = ["sh", "objective.sh", "{x}", "{size}"]

[parameters]
x = { low = -1.0, high = 1.0 }
size = [1, 2, 4]
[parameters.optimizer.sgd]
momentum = { low = 0.0, high = 0.9 }
[parameters.optimizer.adam]

[budget]
trials = 8

[workers]
count = 1
"""

SEARCH = """
[study]
name = "tiny"
seed = 3

[[objectives]]
metric = "validation_accuracy"

[[objectives]]
metric = "parameters"

[data]
source = "digits"
train_images = 200
validation_images = 100

[training]
epochs = 2
batch_size = [16, 32]
learning_rate = { low = 1e-2, high = 1e-1, log = true }

[training.optimizer.sgd]
momentum = { low = 0.5, high = 0.95 }
[training.optimizer.adam]

[[architecture.stages]]
name = "stem"
stride = 2
[architecture.stages.modules.Conv]
out_channels = [4, 8]
kernel = 3

[budget]
trials = 4
"""

FIT = """
[study]
name = "table"
seed = 1

[table]
path = "table.csv"
target = "y"

[budget]
trials = 4
"""

OBJECTIVE = """
echo "{\\"loss\\": $1, \\"epoch\\": 1, \\"size\\": $2}"
echo "{\\"loss\\": $1, \\"size\\": $2}"
"""


def run(folder, command, spec):
    """Runs a spec in a folder; the URL of the storage in which its study is then."""
    if not os.environ.get("LIGHTCREST"):
        pytest.skip("LIGHTCREST does not say which program to test")
    (folder / "spec.toml").write_text(spec)
    (folder / "objective.sh").write_text(OBJECTIVE)
    rows = [[i % 7, (i * 5) % 11, "ab"[i % 2], "yes" if i % 7 > 3 else "no"] for i in range(80)]
    with open(folder / "table.csv", "w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "c", "y"], *rows])
    program = os.path.abspath(os.environ["LIGHTCREST"])
    words = [program, command, "spec.toml", "--storage", "studies.db", "--out", "run"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return f"sqlite:///{folder / 'studies.db'}"


@pytest.mark.parametrize(
    ("command", "spec", "name", "metrics"),
    [
        ("tune", TUNE, "tuned", ["loss", "size"]),
        ("search", SEARCH, "tiny", ["validation_accuracy", "parameters"]),
        ("fit", FIT, "table", None),
    ],
)
def test_a_study_of_the_program_is_found_and_looked_at(tmp_path, command, spec, name, metrics):
    url = run(tmp_path, command, spec)
    study = lightcrest.load_study(study_name=name, storage=url)
    assert metrics is None or study.metric_names == metrics
    complete = study.get_trials(states=[lightcrest.trial.TrialState.COMPLETE])
    assert len(study.trials) >= 4 and complete and study.best_trials
    for trial in complete:
        assert trial.params.keys() == trial.distributions.keys() and len(trial.values) == len(study.directions)
    figures = lightcrest.visualization
    figures.plot_optimization_history(study, target=lambda trial: trial.values[0], target_name="first")
    figures.plot_slice(study, target=lambda trial: trial.values[0], target_name="first")
    if len(study.directions) == 2:
        figures.plot_pareto_front(study)
    again = lightcrest.create_study(
        study_name=name, storage=url, directions=study.directions, load_if_exists=True
    )
    assert again.trials == study.trials
    lightcrest.copy_study(from_study_name=name, from_storage=url, to_storage=f"sqlite:///{tmp_path / 'copy.db'}")
    copy = lightcrest.load_study(study_name=None, storage=f"sqlite:///{tmp_path / 'copy.db'}")
    assert copy.trials == study.trials and copy.metric_names == study.metric_names


def test_the_program_goes_on_with_what_python_added_to_its_study(tmp_path):
    url = run(tmp_path, "tune", TUNE)
    study = lightcrest.load_study(study_name="tuned", storage=url)
    assert all(trial.constraints == {"size": trial.values[1] - 3} for trial in study.trials if trial.values)
    study.enqueue_trial({"x": 0.25, "size": 1, "optimizer": "adam"})
    run(tmp_path, "tune", TUNE.replace("trials = 8", "trials = 9"))
    (last,) = lightcrest.load_study(study_name="tuned", storage=url).trials[8:]
    assert last.values == [0.25, 1.0] and last.params == {"x": 0.25, "size": 1, "optimizer": "adam"}
