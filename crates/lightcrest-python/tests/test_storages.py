"""Studies in files: found again, shared, told from elsewhere."""

import _thread
import gc
import math
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

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


@pytest.mark.parametrize("to", ["memory", "file"])
def test_a_copy_has_all_of_a_study_and_runs_nothing(storage, to, tmp_path):
    space = lightcrest.Space().float("x", 0, 1)
    earlier = lightcrest.create_study(study_name="earlier")
    earlier.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=5)
    study = lightcrest.create_study(study_name="a", storage=storage, space=space, seed=3, learn_from=[earlier])
    study.set_user_attr("why", {"known": 1})
    study.optimize(lambda trial: trial.set_user_attr("n", trial.number) or trial.suggest_float("x", 0, 1), n_trials=2)
    running = study.ask()
    x = running.suggest_float("x", 0, 1)
    target = InMemoryStorage() if to == "memory" else f"sqlite:///{tmp_path / 'other.db'}"
    lightcrest.copy_study(from_study_name="a", from_storage=storage, to_storage=target, to_study_name="b")
    copy = lightcrest.load_study(study_name="b", storage=target)
    assert copy.user_attrs == study.user_attrs
    assert [trial.state for trial in copy.trials] == [TrialState.COMPLETE] * 2 + [TrialState.WAITING]
    assert told(copy)[:2] == told(study)[:2] and copy.trials[1].user_attrs == {"n": 1}
    assert [source["study_name"] for source in copy.memory] == ["earlier"]
    assert copy.ask().suggest_float("x", 0, 1) == x, "what ran is begun anew, with the same parameters"
    with pytest.raises(ValueError):
        copy.ask().suggest_float("x", 0, 2)  # the space is declared
    with pytest.raises(lightcrest.exceptions.DuplicatedStudyError):
        lightcrest.copy_study(from_study_name="a", from_storage=storage, to_storage=target, to_study_name="b")
    with pytest.raises(KeyError):
        lightcrest.copy_study(from_study_name="none", from_storage=storage, to_storage=target)
    assert study.trials[2].state is TrialState.RUNNING


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


def processes(code, *arguments):
    """Runs a script once for each argument, all at the same time; what they print."""
    code = "import lightcrest, sys, time\nlightcrest.logging.set_verbosity(lightcrest.logging.ERROR)\n" + code
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = [subprocess.Popen([sys.executable, "-c", code, str(argument)], **pipes) for argument in arguments]
    ended = [(process.communicate(), process.returncode) for process in started]
    assert all(code == 0 for _, code in ended), [errors for (_, errors), _ in ended]
    return [output for (output, _), _ in ended]


def test_other_processes_go_on_with_a_study(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    code = (
        f"study = lightcrest.create_study(study_name='s', storage={url!r}, load_if_exists=True)\n"
        "if sys.argv[1] == 'ask':\n"
        "    print(study.ask({'x': lightcrest.distributions.FloatDistribution(0, 1)}).number)\n"
        "elif sys.argv[1] == 'tell':\n"
        "    study.tell(0, study.trials[0].params['x'])\n"
        "else:\n"
        "    study.optimize(lambda trial: trial.suggest_float('x', 0, 1), n_trials=20)\n"
    )
    assert processes(code, "ask") == ["0\n"]
    processes(code, "tell")
    processes(code, "work", "work")
    study = lightcrest.load_study(study_name="s", storage=url)
    assert len(study.trials) == 41 and all(trial.state is TrialState.COMPLETE for trial in study.trials)
    assert len({trial.params["x"] for trial in study.trials}) == 41


def test_a_pruner_goes_by_what_other_processes_reported_meanwhile(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = lightcrest.create_study(study_name="s", storage=url, sampler="random", pruner=lightcrest.pruners.MedianPruner(5))
    trial = study.ask()
    processes(
        f"study = lightcrest.load_study(study_name='s', storage={url!r}, sampler='random')\n"
        "def objective(trial):\n"
        "    trial.report(0.1, 1)\n"
        "    return 0.1\n"
        "study.optimize(objective, n_trials=6)\n",
        "",
    )
    trial.report(5.0, 1)
    assert trial.should_prune()


@pytest.mark.parametrize("load", [True, False])
def test_of_processes_that_make_a_study_at_once_all_get_in_or_one(tmp_path, load):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    outputs = processes(
        "begin, load, seed = sys.argv[1].split()\n"
        "while time.time() < float(begin): pass\n"
        "try:\n"
        f"    study = lightcrest.create_study(study_name='s', storage={url!r}, load_if_exists=load == 'True',\n"
        "        direction=('minimize', 'maximize')[int(seed) % 2], seed=None if seed == '0' else int(seed))\n"
        "    study.optimize(lambda trial: trial.suggest_float('x', 0, 1), n_trials=2)\n"
        "    print('in')\n"
        "except lightcrest.exceptions.DuplicatedStudyError:\n"
        "    print('out')\n",
        *[f"{time.time() + 1.5} {load} {seed}" for seed in range(5)],
    )
    assert sorted(outputs) == (["in\n"] * 5 if load else ["in\n"] + ["out\n"] * 4)
    trials = lightcrest.load_study(study_name="s", storage=url).trials
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * (10 if load else 2)


class Locked:
    """Holds the lock of a file, as another process that writes."""

    def __init__(self, path):
        code = (
            "import sqlite3, sys\n"
            "holder = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "for line in sys.stdin:\n"
            "    holder.execute(line)\n"
            "    print('done', flush=True)\n"
        )
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([sys.executable, "-c", code, str(path)], **pipes)

    def say(self, command):
        print(command, file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "done\n"

    def __enter__(self):
        self.say("BEGIN IMMEDIATE")

    def __exit__(self, *error):
        self.say("ROLLBACK")

    def close(self):
        self.process.stdin.close()
        assert self.process.wait() == 0


def test_other_threads_run_while_a_file_is_locked(tmp_path):
    path = tmp_path / "study.db"
    url = f"sqlite:///{path}"
    study = lightcrest.create_study(study_name="s", storage=url, sampler="random")
    study.ask()
    lock = Locked(path)
    calls = [
        lambda: study.set_user_attr("a", 1),
        lambda: lightcrest.create_study(study_name="t", storage=url),
        lambda: study.ask(),
        lambda: study.tell(0, 1.0),
    ]
    with ThreadPoolExecutor(1) as pool:
        for call in calls:
            with lock:
                waiting = pool.submit(call)
                time.sleep(0.05)
                assert not waiting.done(), "it waits for the lock"
            waiting.result()
    # Ctrl-C ends the wait.
    with lock:
        threading.Timer(0.1, _thread.interrupt_main).start()
        with pytest.raises(KeyboardInterrupt):
            study.set_user_attr("a", 2)
    assert study.user_attrs == {"a": 1}
    lock.close()


def test_a_late_report_says_that_the_trial_has_ended(tmp_path):
    study = lightcrest.create_study(study_name="s", storage=f"sqlite:///{tmp_path / 'study.db'}", sampler="random")
    trial = study.ask()
    lightcrest.load_study(study_name="s", storage=study._storage).tell(trial.number, 1.0)
    with pytest.raises(lightcrest.exceptions.UpdateFinishedTrialError, match="trial 0 is complete"):
        trial.report(0.5, 1)
    with pytest.raises(ValueError, match="it is COMPLETE"):
        study.tell(trial, 2.0)


def test_a_damaged_file_is_said_to_be_damaged(tmp_path):
    path = tmp_path / "study.db"
    study = lightcrest.create_study(study_name="s", storage=f"sqlite:///{path}", sampler="random")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=4)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM trial WHERE number = 2")
    with pytest.raises(lightcrest.exceptions.StorageInternalError, match="damaged: trial 2 is missing"):
        lightcrest.load_study(study_name="s", storage=f"sqlite:///{path}")


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


def killed_at_work(url, work="time.sleep(60)", setup=""):
    """Kills a process in the middle of a trial of the study `s`; the parameter that the trial had."""
    code = (
        f"import lightcrest, os, time\n{setup}\n"
        "lightcrest.logging.set_verbosity(lightcrest.logging.ERROR)\n"
        "def objective(trial):\n"
        "    print(trial.suggest_float('x', 0, 1), flush=True)\n"
        "    trial.report(0.5, 1)\n"
        "    trial.set_user_attr('lost', True)\n"
        f"    {work}\n"
        f"storage = lightcrest.storages.RDBStorage({url!r}, heartbeat_interval=HEARTBEAT)\n"
        "lightcrest.load_study(study_name='s', storage=storage, sampler='random').optimize(objective, n_trials=1)\n"
    ).replace("HEARTBEAT", "1" if "heartbeat" in setup else "None")
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    x = float(worker.stdout.readline())
    time.sleep(0.2)  # what it reports is stored at once
    worker.kill()
    worker.wait()
    time.sleep(1.1)  # a study looks for the dead twice a second
    return x


def test_what_a_killed_process_ran_is_run_again(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = lightcrest.create_study(study_name="s", storage=url, sampler="random")
    study.enqueue_trial({"x": 0.25}, user_attrs={"why": "because"})
    assert killed_at_work(url) == 0.25
    # A child that the worker forked does not keep it alive.
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    x = killed_at_work(url, "os.fork() or (time.sleep(5), os._exit(0)); time.sleep(60)")
    study = lightcrest.load_study(study_name="s", storage=url, sampler="random")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    trials = study.trials
    assert [trial.value for trial in trials] == [0.25, x], "with the parameters that they had"
    assert trials[0].user_attrs == {"why": "because"} and trials[0].intermediate_values == {}
    for _ in range(2):
        killed_at_work(url)
    again = lightcrest.load_study(study_name="s", storage=RDBStorage(url, retries=1), sampler="random")
    assert again.trials[-1].state is TrialState.RUNNING, "who only looks changes nothing"
    again.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    states = [trial.state for trial in study.trials]
    assert states[2:] == [TrialState.FAIL, TrialState.COMPLETE], "what vanishes each time is given up"


def test_a_worker_that_was_taken_for_dead_is_told_and_goes_on(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = lightcrest.create_study(study_name="s", storage=url, sampler="random")
    late = []

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        if not late:
            with sqlite3.connect(tmp_path / "study.db") as connection:  # as if its process were gone
                connection.execute("UPDATE trial SET owner = 0 WHERE number = 0")
            other = lightcrest.load_study(study_name="s", storage=url, sampler="random")
            other.optimize(lambda trial: 2 * trial.suggest_float("x", 0, 1), n_trials=1)
            late.append(x)
            with pytest.raises(lightcrest.exceptions.UpdateFinishedTrialError):
                trial.report(0.5, 1)
        return x

    study.optimize(objective, n_trials=2)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 2
    assert study.trials[0].value == 2 * late[0], "whoever has it by then ends it"


def test_a_late_worker_sets_no_constraint_of_the_run_that_follows_its_own(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    others, taken = [], []

    def objective(trial):
        if not taken:
            with sqlite3.connect(tmp_path / "study.db") as connection:  # as if its process were gone
                connection.execute("UPDATE trial SET owner = 0 WHERE number = 0")
            others.append(lightcrest.load_study(study_name="s", storage=url, sampler="random"))
            taken.append(others[0]._ask(lease=True))
            study._engine.synchronize()
        return 1.0

    with pytest.warns(FutureWarning, match="constraints_func"):
        sampler = lightcrest.samplers.TPESampler(constraints_func=lambda trial: [1.0])
    study = lightcrest.create_study(study_name="s", storage=url, sampler=sampler)
    study.optimize(objective, n_trials=1)
    (other,) = others
    assert taken[0].number == 0 and taken[0].constraints == {}
    other._engine.synchronize()
    assert other.trials[0].state is TrialState.RUNNING and "constraints" not in other.trials[0].system_attrs
    with pytest.raises(lightcrest.exceptions.UpdateFinishedTrialError):
        other._engine.set_constraint(0, "c", 1.0, 12345)
    assert other._engine.set_constraint(0, "c", 1.0, taken[0]._token)


def test_a_forked_child_uses_the_study_of_its_parent(tmp_path):
    study = lightcrest.create_study(study_name="s", storage=f"sqlite:///{tmp_path / 'study.db'}", sampler="random")

    def objective(trial):
        return trial.suggest_float("x", 0, 1)

    study.optimize(objective, n_trials=2)
    running = study._ask(lease=True)
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                study.optimize(objective, n_trials=4)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    study.optimize(objective, n_trials=4)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    assert study.trials[running.number].state is TrialState.RUNNING, "its process lives"
    study.tell(running, 1.0)
    trials = lightcrest.load_study(study_name="s", storage=study._storage).trials
    assert [trial.number for trial in trials] == list(range(19))
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}


def test_ctrl_c_gives_back_what_runs(tmp_path):
    study = lightcrest.create_study(study_name="s", storage=f"sqlite:///{tmp_path / 'study.db'}", sampler="random")
    seen = []

    def objective(trial):
        seen.append(trial.suggest_float("x", 0, 1))
        if len(seen) == 1:
            raise KeyboardInterrupt
        return seen[-1]

    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=3)
    assert [trial.state for trial in study.trials] == [TrialState.WAITING]
    study.optimize(objective, n_trials=1)
    assert seen[0] == seen[1] == study.best_value and len(study.trials) == 1


def test_ctrl_c_ends_the_run_also_when_somebody_else_has_the_trial(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = lightcrest.create_study(study_name="s", storage=url, sampler="random")

    def objective(trial):
        trial.suggest_float("x", 0, 1)
        with sqlite3.connect(tmp_path / "study.db") as connection:  # as if its process were gone
            connection.execute("UPDATE trial SET owner = 0 WHERE number = 0")
        other = lightcrest.load_study(study_name="s", storage=url, sampler="random")
        other.optimize(lambda trial: 0.5, n_trials=1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=3)
    assert [(trial.state, trial.value) for trial in study.trials] == [(TrialState.COMPLETE, 0.5)]


def test_with_heartbeats_stale_trials_fail_and_the_callback_runs_them_again(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    callback = lightcrest.storages.RetryHeartbeatStaleTrialCallback(max_retry=1)
    storage = RDBStorage(url, heartbeat_interval=1, grace_period=1, heartbeat_stale_trial_callback=callback)
    study = lightcrest.create_study(study_name="s", storage=storage, sampler="random")
    x = killed_at_work(url, setup="heartbeat = 1")
    asked = study.ask()
    lightcrest.storages.fail_stale_trials(study)
    states = [TrialState.FAIL, TrialState.RUNNING, TrialState.WAITING]
    assert [trial.state for trial in study.trials] == states, "trials of `ask` are nobody's"
    assert callback.retried_trial_number(study.trials[2]) == 0 and callback.retry_history(study.trials[2]) == [0]
    lightcrest.storages.fail_stale_trials(study)
    assert len(study.trials) == 3, "once is enough"
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert study.trials[2].value == x
    # Of a trial of `ask`, heartbeats are recorded by hand.
    storage.record_heartbeat(asked._trial_id)
    assert storage._get_stale_trial_ids(study._study_id) == []
    storage._beats[asked._trial_id] -= 1.5
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert study.trials[1].state is TrialState.FAIL


def test_what_is_no_storage_is_refused(tmp_path):
    for url, message in [
        ("mysql://user:hunter2@host/db", "`mysql://` is no database that is known: [^2]*$"),
        ("study.db", "the URL of a database such as"),
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
