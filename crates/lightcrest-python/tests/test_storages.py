"""Studies in files: found again, shared, told from elsewhere."""

import gc
import math
import os
import pickle
import subprocess
import sys

import lightcrest
import pytest
from lightcrest.storages import InMemoryStorage, JournalStorage, RDBStorage
from lightcrest.storages.journal import JournalFileBackend
from lightcrest.trial import TrialState


@pytest.fixture(autouse=True)
def quiet():
    lightcrest.logging.set_verbosity(lightcrest.logging.ERROR)
    yield
    lightcrest.logging.set_verbosity(lightcrest.logging.INFO)


@pytest.fixture(params=["url", "rdb", "journal", "memory"])
def storage(request, tmp_path):
    path = tmp_path / "study.db"
    return {
        "url": f"sqlite:///{path}",
        "rdb": RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 10}}),
        "journal": JournalStorage(JournalFileBackend(str(path))),
        "memory": InMemoryStorage(),
    }[request.param]


def objective(trial):
    x = trial.suggest_float("x", -1, 1)
    trial.report(math.nan if trial.number == 1 else x, 0)
    trial.set_user_attr("twice", {"x": [2 * x, None]})
    trial.set_constraint("c", x)
    return math.inf if trial.number == 2 else x


def told(study):
    return [
        (trial.number, trial.state, trial.values, trial.params, str(trial.intermediate_values), trial.user_attrs,
         trial.constraints, trial.distributions, trial.datetime_start, trial.datetime_complete)
        for trial in study.trials
    ]


def test_a_study_is_found_again_with_all_that_it_had(storage):
    study = lightcrest.create_study(study_name="a", storage=storage, direction="maximize", sampler="random", seed=0)
    study.set_user_attr("why", ["known", 1])
    study.set_metric_names(["size"])
    study.enqueue_trial({"x": 5.0})
    with pytest.warns(UserWarning, match="out of the range"):
        study.optimize(objective, n_trials=5)
    again = lightcrest.load_study(study_name="a", storage=storage)
    assert told(again) == told(study)
    assert again.trials[0].params == {"x": 5.0}
    assert again.user_attrs == {"why": ["known", 1]} and again.metric_names == ["size"]
    assert again.direction.name == "MAXIMIZE" and again.best_trial.number == study.best_trial.number
    again.optimize(objective, n_trials=2)
    assert len(study.trials) == 7, "what others did is seen"
    with pytest.raises(lightcrest.exceptions.DuplicatedStudyError, match="there is a study 'a' already"):
        lightcrest.create_study(study_name="a", storage=storage)
    more = lightcrest.create_study(study_name="a", storage=storage, load_if_exists=True)
    assert len(more.trials) == 7 and more.direction.name == "MAXIMIZE"


def test_several_studies_live_in_one_place_and_are_deleted_alone(storage):
    for name in ("a", "b"):
        study = lightcrest.create_study(study_name=name, storage=storage)
        study.optimize(lambda trial: trial.number, n_trials=2 if name == "a" else 3)
    assert lightcrest.get_all_study_names(storage) == ["a", "b"]
    assert [summary.n_trials for summary in lightcrest.get_all_study_summaries(storage)] == [2, 3]
    with pytest.raises(ValueError, match="the storage holds 2 studies"):
        lightcrest.load_study(study_name=None, storage=storage)
    lightcrest.delete_study(study_name="a", storage=storage)
    assert lightcrest.get_all_study_names(storage) == ["b"]
    for gone in (lightcrest.load_study, lightcrest.delete_study):
        with pytest.raises(KeyError, match="there is no study 'a'"):
            gone(study_name="a", storage=storage)
    memory = InMemoryStorage()
    lightcrest.copy_study(from_study_name="b", from_storage=storage, to_storage=memory, to_study_name="c")
    copy = lightcrest.load_study(study_name="c", storage=memory)
    assert [trial.value for trial in copy.trials] == [0, 1, 2]


def test_a_trial_is_told_by_another_handle(storage):
    study = lightcrest.create_study(study_name="a", storage=storage)
    trial = study.ask({"x": lightcrest.distributions.FloatDistribution(0, 1)})
    other = lightcrest.load_study(study_name="a", storage=storage)
    assert other.trials[0].state is TrialState.RUNNING
    assert other.ask().number == 1
    if not isinstance(storage, InMemoryStorage):  # what runs in memory is seen when it ends
        trial.report(0.5, 3)
        assert other.trials[0].params == trial.params and other.trials[0].intermediate_values == {3: 0.5}
    assert other.tell(0, 1.0).state is TrialState.COMPLETE
    with pytest.raises(ValueError, match="it is COMPLETE"):
        study.tell(trial, 2.0)


def test_another_process_goes_on_with_a_study(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    code = (
        "import lightcrest, sys\n"
        f"study = lightcrest.create_study(study_name='s', storage={url!r}, load_if_exists=True)\n"
        "if sys.argv[1] == 'ask':\n"
        "    print(study.ask({'x': lightcrest.distributions.FloatDistribution(0, 1)}).number)\n"
        "else:\n"
        "    study.tell(0, study.trials[0].params['x'])\n"
        "    study.optimize(lambda trial: trial.suggest_float('x', 0, 1), n_trials=20)\n"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.run([*run, "ask"], capture_output=True, text=True, check=True).stdout == "0\n"
    both = [subprocess.Popen([*run, "work"], stderr=subprocess.PIPE) for _ in range(1)]
    assert [process.wait() for process in both] == [0]
    study = lightcrest.load_study(study_name="s", storage=url)
    assert len(study.trials) == 21 and all(trial.state is TrialState.COMPLETE for trial in study.trials)


def test_a_study_in_a_file_can_be_pickled(tmp_path):
    study = lightcrest.create_study(storage=f"sqlite:///{tmp_path / 'study.db'}", study_name="s", sampler="random")
    study.optimize(objective, n_trials=1)
    twin = pickle.loads(pickle.dumps(study))
    twin.optimize(objective, n_trials=1)
    assert len(study.trials) == 2


def test_a_study_in_memory_is_pickled_with_its_trials():
    study = lightcrest.create_study(direction="maximize", sampler="random", seed=3)
    study.set_user_attr("data", "digits")
    study.enqueue_trial({"x": 0.5})
    study.optimize(objective, n_trials=3)
    study.enqueue_trial({"x": 0.25})
    twin = pickle.loads(pickle.dumps(study))
    assert repr(twin.trials) == repr(study.trials) and twin.user_attrs == study.user_attrs
    assert (twin.direction, twin.study_name) == (study.direction, study.study_name)
    twin.optimize(objective, n_trials=1)
    assert len(twin.trials) == len(study.trials) == 4 and twin.trials[3].params["x"] == 0.25


def test_stale_trials_are_failed_and_run_again(tmp_path):
    callback = lightcrest.storages.RetryHeartbeatStaleTrialCallback(max_retry=1)
    storage = RDBStorage(
        f"sqlite:///{tmp_path / 'study.db'}", heartbeat_interval=1, grace_period=1e-9, heartbeat_stale_trial_callback=callback
    )
    study = lightcrest.create_study(storage=storage)
    stale = study.ask()
    x = stale.suggest_float("x", 0, 1)
    lightcrest.storages.fail_stale_trials(study)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL, TrialState.WAITING]
    again = study.ask()
    assert again.suggest_float("x", 0, 1) == x
    assert callback.retried_trial_number(study.trials[1]) == 0 and callback.retry_history(study.trials[1]) == [0]
    lightcrest.storages.fail_stale_trials(study)
    assert len(study.trials) == 2, "once is enough"


def test_what_is_no_storage_is_refused(tmp_path):
    for url, message in [
        ("mysql://host/db", "the URL of a SQLite file such as"),
        ("study.db", "the URL of a SQLite file such as"),
        ("sqlite:///", "names no file"),
    ]:
        with pytest.raises(ValueError, match=message):
            lightcrest.create_study(storage=url)
    with pytest.raises(TypeError, match="a storage or a URL"):
        lightcrest.create_study(storage=3)
    assert lightcrest.create_study(storage="sqlite:///:memory:").trials == []
    letter = tmp_path / "letter.db"
    letter.write_text("This is a letter and no database. " * 40)
    with pytest.raises(lightcrest.exceptions.StorageInternalError, match="is not a database"):
        lightcrest.create_study(storage=f"sqlite:///{letter}")
    study = lightcrest.create_study(storage=f"sqlite:///{tmp_path / 'study.db'}")
    with pytest.raises(TypeError, match="attribute `model` must be something that JSON can say"):
        study.ask().set_user_attr("model", object())


def test_a_database_in_memory_goes_with_its_storage():
    storage = lightcrest.storages.RDBStorage("sqlite:///:memory:")
    study = lightcrest.create_study(study_name="short", storage=storage)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    assert len(lightcrest.load_study(study_name="short", storage=storage).trials) == 2
    path = storage._path
    assert os.path.exists(path)
    del storage, study
    gc.collect()
    assert not os.path.exists(path)
