"""`Study.optimize(executor=...)`: trials that the pools of others run, and what is left when their workers die."""

import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import lightcrest
import pytest
from lightcrest.trial import TrialState

loky = pytest.importorskip("loky")

COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL


def spawned(workers=2):
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def forked(workers=2):
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork"))


def loky_pool():
    return loky.get_reusable_executor(max_workers=2)


POOLS = {"spawn": spawned, "fork": forked, "loky": loky_pool, "threads": lambda: ThreadPoolExecutor(2)}


@pytest.fixture
def study(tmp_path):
    return lightcrest.create_study(study_name="s", storage=f"sqlite:///{tmp_path / 'study.db'}", sampler="random", seed=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request, tmp_path):
    """A study in each database; in PostgreSQL a worker that is gone has its trial for two more seconds."""
    if request.param == "sqlite":
        return request.getfixturevalue("study")
    url = request.getfixturevalue("postgresql")() + "?lease=2"
    return lightcrest.create_study(study_name="s", storage=url, sampler="random", seed=1)


def states(study):
    trials = study.get_trials()
    assert [trial.number for trial in trials] == list(range(len(trials)))
    return [trial.state for trial in trials]


class Boom(Exception):
    def __init__(self, number, why):
        super().__init__(f"{why} in {number}")
        self.number = number


def everything(trial):
    """Ends in each of the ways in which trials end, by its number."""
    x = trial.suggest_float("x", 0, 1)
    trial.report(x, 0)
    trial.set_user_attr("pid", os.getpid())
    kind = trial.number % 4
    if kind == 1:
        raise lightcrest.TrialPruned
    if kind == 2:
        raise Boom(trial.number, "boom")
    return float("nan") if kind == 3 else x


@pytest.mark.parametrize("pool", POOLS)
def test_trials_end_as_they_do_without_an_executor(shared, pool):
    study, seen = shared, []
    study.optimize(everything, 8, executor=POOLS[pool], catch=Boom, callbacks=[lambda study, trial: seen.append(trial)])
    assert states(study) == [COMPLETE, PRUNED, FAIL, FAIL] * 2
    assert sorted(trial.number for trial in seen) == list(range(8))
    assert all(trial == study.trials[trial.number] for trial in seen)
    assert {"x"} == study.trials[0].params.keys() and study.trials[0].values == [study.trials[0].params["x"]]
    here = {trial.user_attrs["pid"] == os.getpid() for trial in study.trials}
    assert here == {pool == "threads"}
    assert "executor" in study.trials[0].system_attrs or pool == "threads"


def test_an_executor_that_is_given_is_left_open(study):
    with spawned() as pool:
        study.optimize(everything, 1, executor=pool)
        assert pool.submit(abs, -1).result() == 1
        study.optimize(everything, 1, executor=pool, catch=Exception)
    assert states(study) == [COMPLETE, PRUNED]


def test_functions_without_a_name_in_a_module_are_sent_with_cloudpickle(study):
    add = 2
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + add, 2, executor=spawned)
    assert all(trial.value == trial.params["x"] + 2 for trial in study.trials)
    lock = threading.Lock()
    with pytest.raises(TypeError, match="the objective cannot be sent to the workers .*lock.*: something that it uses cannot be pickled"):
        study.optimize(lambda trial: lock and 1.0, 2, executor=spawned)


def test_without_cloudpickle_it_is_said_what_to_do(study, monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    study.optimize(everything, 1, executor=forked)
    with pytest.raises(TypeError, match="define it at the top of a module and not inside a function, or install cloudpickle"):
        study.optimize(lambda trial: 1.0, 2, executor=forked)
    assert states(study) == [COMPLETE]


def test_an_exception_comes_back_unchanged_and_ends_the_run(study):
    # Its constructor takes something else than what `pickle` calls it with.
    with pytest.raises(Boom, match="boom in 2") as raised:
        study.optimize(everything, 20, executor=spawned)
    assert raised.value.number == 2
    assert study.trials[2].state is FAIL and len(study.trials) < 6
    assert "in everything" in str(raised.value.__cause__), "the worker's traceback"


def test_threads_share_a_study_in_memory_and_other_workers_refuse_it():
    study = lightcrest.create_study(sampler="random")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 5, executor=lambda: ThreadPoolExecutor(2))
    assert states(study) == [COMPLETE] * 5
    with pytest.raises(ValueError, match=r"do not see a study in memory: give create_study a `storage`, 'sqlite:///study.db' if"):
        study.optimize(everything, 1, executor=spawned)


def test_what_cannot_be_is_said(study):
    with pytest.raises(TypeError, match="`executor` must be a concurrent.futures.Executor, a client of Dask, .* but got 4"):
        study.optimize(everything, 1, executor=4)
    with pytest.raises(TypeError, match="made no executor, but None"):
        study.optimize(everything, 1, executor=lambda: None)

    class Unknown(Executor):
        def submit(self, function, *arguments):
            future = Future()
            future.set_result(function(*arguments))
            return future

    with pytest.raises(ValueError, match="how many workers Unknown has is not known: say with `n_jobs`"):
        study.optimize(everything, 1, executor=Unknown())
    study.optimize(everything, 1, executor=Unknown(), n_jobs=2)
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool = ThreadPoolExecutor(1)
        pool.shutdown()
        study.optimize(everything, 1, executor=pool)


def slow(trial):
    pathlib.Path(os.environ["PIDS"], str(os.getpid())).touch()
    x = trial.suggest_float("x", 0, 1)
    for step in range(4):
        time.sleep(0.1)
        trial.report(x, step)
    return x


@pytest.mark.parametrize("pool", ["spawn", "fork", "loky"])
def test_killed_workers_lose_and_double_nothing(shared, pool, tmp_path, monkeypatch):
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))
    (tmp_path / "pids").mkdir()
    study, ended, kills = shared, [], []

    def murder():
        while len(kills) < 3 and not over.wait(0.7):
            for pid in list((tmp_path / "pids").iterdir()):
                pid.unlink()
                try:
                    os.kill(int(pid.name), signal.SIGKILL)
                    kills.append(pid.name)
                    break
                except ProcessLookupError:
                    continue

    over = threading.Event()
    if pool == "loky":  # its workers live on, without the variable
        loky.get_reusable_executor().shutdown(wait=True)
    murderer = threading.Thread(target=murder)
    murderer.start()
    try:
        study.optimize(slow, 12, executor=POOLS[pool], callbacks=[lambda _, trial: ended.append(trial.number)])
    finally:
        over.set()
        murderer.join()
    assert len(kills) >= 2
    assert sorted(ended) == list(range(12)), "each once"
    assert all(state in (COMPLETE, FAIL) for state in states(study)) and len(study.trials) == 12
    assert all(len(trial.intermediate_values) == 4 for trial in study.get_trials(states=[COMPLETE]))


def suicidal(trial):
    trial.suggest_float("x", 0, 1)
    if trial.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return 1.0


def test_a_trial_that_kills_its_worker_fails_when_it_was_run_too_often(tmp_path):
    storage = lightcrest.storages.RDBStorage(f"sqlite:///{tmp_path / 'study.db'}", retries=1)
    study = lightcrest.create_study(study_name="s", storage=storage, sampler="random")
    ended = []
    study.optimize(suicidal, 4, executor=lambda: forked(1), callbacks=[lambda _, trial: ended.append(trial.number)])
    assert states(study) == [COMPLETE, FAIL, COMPLETE, COMPLETE] and sorted(ended) == [0, 1, 2, 3]


def test_heartbeats_of_optuna_mean_what_they_mean_there(tmp_path):
    failed = []
    with pytest.warns(lightcrest.exceptions.ExperimentalWarning):
        storage = lightcrest.storages.RDBStorage(f"sqlite:///{tmp_path / 'study.db'}", heartbeat_interval=1)
    study = lightcrest.create_study(study_name="s", storage=storage, sampler="random")
    study.optimize(suicidal, 3, executor=lambda: forked(1), callbacks=[lambda _, trial: failed.append(trial.state)])
    assert states(study) == [COMPLETE, FAIL, COMPLETE] and sorted(failed) == sorted([COMPLETE, FAIL, COMPLETE])


def test_a_pool_that_cannot_be_made_anew_says_what_to_give(study):
    with forked(1) as pool, pytest.raises(RuntimeError, match="give a function that makes one, such as `executor=lambda: ProcessPool"):
        study.optimize(suicidal, 4, executor=pool)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 3, executor=lambda: forked(1))
    assert states(study) == [COMPLETE] * 4, "what was running was run again"


def dies_at_once():
    os.kill(os.getpid(), signal.SIGKILL)


def test_workers_that_never_begin_end_the_run(study):
    made = []

    def pool():
        made.append(0)
        return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork"), initializer=dies_at_once)

    with pytest.raises(RuntimeError, match="workers were lost 11 times while no trial ended, at last to BrokenProcessPool"):
        study.optimize(everything, 1, executor=pool)
    assert len(made) == 11 and len(study.trials) == 0


def test_pruning_is_live(tmp_path):
    pruner = lightcrest.pruners.MedianPruner(n_startup_trials=2)
    study = lightcrest.create_study(
        study_name="s", storage=f"sqlite:///{tmp_path / 'study.db'}", sampler="random", pruner=pruner
    )

    def objective(trial):
        for step in range(5):
            trial.report(trial.number, step)
            if trial.should_prune():
                raise lightcrest.TrialPruned
        return trial.number

    study.optimize(objective, 6, executor=lambda: spawned(1))
    assert states(study) == [COMPLETE] * 2 + [PRUNED] * 4
    assert [len(trial.intermediate_values) for trial in study.trials] == [5, 5, 1, 1, 1, 1]


def test_a_timeout_begins_no_further_trial(study):
    begin = time.monotonic()
    study.optimize(lambda trial: time.sleep(0.2) or 1.0, timeout=1.0, executor=lambda: forked(2))
    assert 1.0 <= time.monotonic() - begin < 20
    assert 2 <= len(study.trials) <= 12 and set(states(study)) == {COMPLETE}


def stops(trial):
    if trial.number == 3:
        trial.study.stop()
    return 1.0


def test_objectives_callbacks_and_samplers_end_a_run(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = lightcrest.create_study(study_name="a", storage=url, sampler="random")
    study.optimize(stops, 50, executor=lambda: spawned(2))
    assert 4 <= len(study.trials) <= 7 and set(states(study)) == {COMPLETE}
    study.optimize(everything, 50, executor=lambda: forked(2), catch=Boom, callbacks=[lambda study, _: study.stop()])
    assert len(study.trials) <= 10
    grid = lightcrest.create_study(study_name="b", storage=url, sampler=lightcrest.samplers.GridSampler({"x": [1, 2, 3]}))
    grid.optimize(lambda trial: trial.suggest_categorical("x", [1, 2, 3]), 50, executor=lambda: spawned(2))
    assert {trial.value for trial in grid.trials} == {1, 2, 3}


def test_a_relative_file_is_found_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = lightcrest.create_study(study_name="s", storage="sqlite:///study.db", sampler="random")

    def elsewhere():
        return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=os.chdir, initargs=("/",))

    study.optimize(everything, 1, executor=elsewhere)
    assert states(study) == [COMPLETE]


def test_what_workers_cannot_load_is_said(study, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def objective(trial):\n    return 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import only_here

    def bare():
        return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=forget, initargs=(str(tmp_path),))

    with pytest.raises(RuntimeError, match="a worker cannot load the objective .ModuleNotFoundError.*must be installed where workers run"):
        study.optimize(only_here.objective, 1, executor=bare)
    # As a file on another machine is to a worker.
    (tmp_path / "study.db").rename(tmp_path / "gone.db")
    with pytest.raises(RuntimeError, match="a worker cannot open the study in .*PostgreSQL for several"):
        study.optimize(everything, 1, executor=spawned)


def forget(folder):
    sys.path.remove(folder)


def test_a_task_that_an_engine_tries_again_begins_no_second_trial(study):
    class Eager(Executor):
        """Runs each task twice, as an engine does that lost the first result."""

        _max_workers = 1

        def submit(self, function, *arguments):
            future = Future()
            first, second = function(*arguments), function(*arguments)
            assert (first.word, second.word, first.number) == ("complete", "ended", second.number)
            future.set_result(second)
            return future

    ended = []
    study.optimize(stops, 3, executor=Eager(), callbacks=[lambda _, trial: ended.append(trial.number)])
    assert states(study) == [COMPLETE] * 3 and ended == [0, 1, 2]


SCRIPT = """
import sys, time, lightcrest
from concurrent.futures import ProcessPoolExecutor

def objective(trial):
    sys.stdout.write("begun\\n")
    sys.stdout.flush()
    time.sleep(60 if trial.number < 2 else 0)
    return 1.0

if __name__ == "__main__":
    study = lightcrest.create_study(study_name="s", storage=sys.argv[1], load_if_exists=True, sampler="random")
    study.optimize(objective, 4, executor=lambda: ProcessPoolExecutor(2))
"""


def test_ctrl_c_gives_back_what_runs(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    url = f"sqlite:///{tmp_path / 'study.db'}"
    command = ["env", "--default-signal=INT,QUIT", sys.executable, str(tmp_path / "script.py"), url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert [process.stdout.readline() for _ in range(2)] == ["begun\n"] * 2
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, errors = process.communicate(timeout=30)
    assert process.returncode not in (0, None) and "KeyboardInterrupt" in errors
    study = lightcrest.load_study(study_name="s", storage=url)
    study.optimize(lambda trial: 2.0, 2)
    assert states(study) == [COMPLETE] * 2, "what was given back was run, and nothing else"


def test_a_second_ctrl_c_does_not_wait(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT.replace("sys.stdout.write", "deaf()\n    sys.stdout.write").replace("def obj", DEAF))
    url = f"sqlite:///{tmp_path / 'study.db'}"
    command = ["env", "--default-signal=INT,QUIT", sys.executable, str(tmp_path / "script.py"), url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert [process.stdout.readline() for _ in range(2)] == ["begun\n"] * 2
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1.5)  # for what runs
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    study = lightcrest.load_study(study_name="s", storage=url)
    study.optimize(lambda trial: 2.0, 2)
    assert states(study) == [COMPLETE] * 2, "what was ended with its workers was run again"


DEAF = """def deaf():
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)

def obj"""
