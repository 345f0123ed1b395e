"""What users do with a storage itself is the same under both packages: what is kept with a running trial, and the connections of databases."""

import math
import os
import pathlib
import pickle
import tempfile

import lightcrest
import optuna as peer
import pytest

from test_like_optuna import NAN, quiet, random_study, told  # noqa: F401: the fixture applies here too


def storages(optuna, folder):
    path = f"{folder}/study.log"
    journal = optuna.storages.journal
    return [
        optuna.storages.InMemoryStorage(), optuna.storages.RDBStorage(f"sqlite:///{folder}/study.db"),
        optuna.storages.JournalStorage(journal.JournalFileBackend(path, journal.JournalFileOpenLock(path))),
    ]


def what_objectives_keep_by_the_storage(optuna):
    seen = []

    def objective(trial):
        trial.set_user_attr("a", 0)
        trial.storage.set_trial_user_attr(trial._trial_id, "b", trial.number)
        trial.storage.set_trial_system_attr(trial._trial_id, "c", [1, None])
        trial.storage.set_trial_intermediate_value(trial._trial_id, 3, 0.5)
        seen.append(kept(trial.study.trials[-1]))
        return trial.suggest_int("x", 1, 1)

    def kept(trial):
        return sorted(trial.user_attrs.items()), sorted(trial.system_attrs.items()), sorted(trial.intermediate_values.items())

    with tempfile.TemporaryDirectory() as folder:
        for storage in storages(optuna, folder):
            study = random_study(optuna, storage=storage, study_name="s")
            study.optimize(objective, n_trials=2, callbacks=[lambda study, trial: seen.append(kept(trial))])
            seen += [kept(trial) for trial in [*study.trials, *optuna.load_study(study_name="s", storage=storage).trials]]
    return seen


def ranges_that_are_no_numbers(optuna):
    made = optuna.distributions.FloatDistribution
    return [told(lambda low=low, high=high: made(low, high).single()) for low, high in ((NAN, NAN), (0.0, NAN), (NAN, 1.0), (1.0, 0.0))]


def connections_of_a_database(optuna):
    def opened():
        return sum(os.readlink(f"/proc/self/fd/{fd}") == path for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}"))

    seen = []
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder).resolve() / "study.db")
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 10}})
        study = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "a")
        storage.create_new_trial(study)
        seen.append(opened() > 0)
        storage.engine.dispose()
        seen.append(opened())
        seen += [trial.state.name for trial in storage.get_all_trials(study)]
        seen += [storage.engine_kwargs, storage.skip_compatibility_check, storage.engine == storage.engine]
        again = pickle.loads(pickle.dumps(storage))
        seen += [again.engine_kwargs, again.url == storage.url, again.engine == storage.engine, len(again.get_all_studies())]
        seen += [storage.engine.url.drivername, storage.engine.url.database == path, str(storage.engine.url) == storage.url]
        for each in (storage, again):
            each.engine.dispose()
        return seen


SCENARIOS = [what_objectives_keep_by_the_storage, ranges_that_are_no_numbers, connections_of_a_database]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_both_packages_tell_the_same(scenario):
    assert str(scenario(lightcrest)) == str(scenario(peer))


def test_a_range_that_is_no_number_is_refused_when_it_is_asked_for():
    study = lightcrest.create_study()
    with pytest.raises(ValueError, match="bounds must be finite"):
        study.ask({"x": lightcrest.distributions.FloatDistribution(math.nan, math.nan)})


def test_a_storage_finds_its_file_again_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage = lightcrest.storages.RDBStorage("sqlite:///study.db")
    lightcrest.create_study(storage=storage, study_name="a")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert lightcrest.get_all_study_names(storage) == ["a"]


def test_the_url_of_a_server_is_shown_without_its_password():
    from lightcrest.storages._connections import Connections

    class Server:
        url = "postgresql+psycopg2://me:p%40ss@host:5432/studies"

    url = Connections(Server()).url
    assert url == ("postgresql+psycopg2", "me", "p@ss", "host", 5432, "studies")
    assert str(url) == "postgresql+psycopg2://me:***@host:5432/studies"
