"""Storages change single trials: for tools that look after trials themselves, such as dashboards."""

import datetime

import lightcrest
import pytest
from lightcrest.distributions import CategoricalDistribution, FloatDistribution
from lightcrest.exceptions import UpdateFinishedTrialError
from lightcrest.storages import InMemoryStorage, JournalFileBackend, JournalStorage, RDBStorage
from lightcrest.storages.journal import JournalFileOpenLock
from lightcrest.study import StudyDirection
from lightcrest.trial import TrialState, create_trial


OF_THE_ENGINE = ["memory", "sqlite", "journal"]


@pytest.fixture(params=[*OF_THE_ENGINE, "log"])
def storage(request, tmp_path):
    if request.param == "memory":
        return InMemoryStorage()
    if request.param == "sqlite":
        return RDBStorage(f"sqlite:///{tmp_path / 's.db'}")
    path = str(tmp_path / "s.log")
    return JournalStorage(JournalFileBackend(path, JournalFileOpenLock(path) if request.param == "log" else None))


def test_a_trial_is_made_filled_and_ended(storage):
    study = storage.create_new_study([StudyDirection.MINIMIZE], "s")
    trial = storage.create_new_trial(study)
    x, c = FloatDistribution(0.0, 1.0), CategoricalDistribution(("a", "b"))
    storage.set_trial_param(trial, "x", 0.25, x)
    storage.set_trial_param(trial, "c", 1, c)
    storage.set_trial_intermediate_value(trial, 3, 0.5)
    storage.set_trial_user_attr(trial, "note", {"by": ["me"]})
    storage.set_trial_system_attr(trial, "hidden", 7)
    found = storage.get_trial(trial)
    assert (found.state, found.number, found._trial_id) == (TrialState.RUNNING, 0, trial)
    assert list(found.params.items()) == [("x", 0.25), ("c", "b")] and found.distributions == {"x": x, "c": c}
    assert found.intermediate_values == {3: 0.5} and found.user_attrs == {"note": {"by": ["me"]}}
    assert storage.get_trial_system_attrs(trial) == {"hidden": 7}
    assert storage.get_trial_param(trial, "c") == 1
    assert storage.set_trial_state_values(trial, TrialState.COMPLETE, [2.0])
    assert storage.get_best_trial(study).value == 2.0 and storage.get_n_trials(study, TrialState.COMPLETE) == 1
    for change in (
        lambda: storage.set_trial_user_attr(trial, "note", 1),
        lambda: storage.set_trial_param(trial, "y", 0.5, x),
        lambda: storage.set_trial_state_values(trial, TrialState.FAIL),
    ):
        with pytest.raises(UpdateFinishedTrialError):
            change()
    assert storage.get_trial(trial).params == {"x": 0.25, "c": "b"}


def test_ids_are_of_one_trial_in_the_whole_storage(storage):
    first, second = (storage.create_new_study([StudyDirection.MINIMIZE], name) for name in ("a", "b"))
    trials = [storage.create_new_trial(study) for study in (first, second, first)]
    assert len(set(trials)) == 3 and [storage.get_trial_number_from_id(trial) for trial in trials] == [0, 0, 1]
    assert storage.get_trial_id_from_study_id_trial_number(first, 1) == trials[2]
    for missing in (lambda: storage.get_trial(trials[2] + 1), lambda: storage.create_new_trial(second + 1)):
        with pytest.raises(KeyError):
            missing()
    storage.delete_study(first)
    assert storage.get_study_name_from_id(second) == "b" and storage.get_trial(trials[1]).number == 0


def test_a_waiting_trial_is_run_by_who_says_so_first(storage):
    study = lightcrest.create_study(storage=storage)
    study.enqueue_trial({"x": 0.5})
    trial = study.trials[0]._trial_id
    assert storage.set_trial_state_values(trial, TrialState.RUNNING)
    assert not storage.set_trial_state_values(trial, TrialState.RUNNING)
    assert study.trials[0].state is TrialState.RUNNING and study.trials[0].datetime_start is not None
    assert study.ask().number == 1


@pytest.mark.parametrize("storage", OF_THE_ENGINE, indirect=True)
def test_what_a_study_is_doing_is_seen_and_added_to(storage):
    study = lightcrest.create_study(storage=storage, sampler=lightcrest.samplers.RandomSampler(1))
    trial = study.ask()
    x = trial.suggest_float("x", 0, 1)
    assert storage.get_trial(trial._trial_id).params == {"x": x}
    storage.set_trial_system_attr(trial._trial_id, "seconds", 3)
    storage.set_trial_user_attr(trial._trial_id, "note", "n")
    y = trial.suggest_float("y", 0, 1)
    trial.report(1.0, 0)
    study.tell(trial, x)
    found = study.trials[0]
    assert found.params == {"x": x, "y": y} and found.intermediate_values == {0: 1.0}
    assert (found.system_attrs, found.user_attrs) == ({"seconds": 3}, {"note": "n"})


@pytest.mark.parametrize("storage", OF_THE_ENGINE, indirect=True)
def test_constraints_among_system_attributes_count(storage):
    study = lightcrest.create_study(storage=storage)
    for excess, value in ((1.0, 0.0), (-1.0, 5.0)):
        trial = study.ask()
        storage.set_trial_system_attr(trial._trial_id, "constraints", [excess])
        study.tell(trial, value)
    assert study.best_trial.number == 1


def test_added_trials_keep_their_microseconds(storage):
    study = lightcrest.create_study(storage=storage)
    trial = create_trial(value=1.0)
    trial.datetime_start = datetime.datetime(2026, 1, 2, 3, 4, 5, 123456)
    trial.datetime_complete = datetime.datetime(2026, 1, 2, 3, 4, 6, 999999)
    study.add_trial(trial)
    found = study.trials[0]
    assert (found.datetime_start, found.datetime_complete) == (trial.datetime_start, trial.datetime_complete)
    assert found.system_attrs == {}
