"""Journals: Optuna's logs of what was done, and what is in their place."""

import json
import pickle
import types
from concurrent.futures import ThreadPoolExecutor

import lightcrest
import optuna as peer
import pytest
from lightcrest.storages import InMemoryStorage, JournalStorage
from lightcrest.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalFileSymlinkLock, JournalRedisBackend


def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    kind = trial.suggest_categorical("kind", ["a", None, 2])
    trial.report(x, 3)
    trial.set_user_attr("kind", [kind])
    return x


def told(study):
    return [
        (trial.number, trial.state.name, trial.values, trial.params, trial.intermediate_values, trial.user_attrs)
        for trial in study.trials
    ]


def journal(path, lock=JournalFileOpenLock):
    return JournalStorage(JournalFileBackend(str(path), lock(str(path))))


def test_both_packages_work_on_one_journal(tmp_path):
    peer.logging.set_verbosity(peer.logging.WARNING)
    path = tmp_path / "j.log"
    theirs = peer.create_study(
        study_name="s", storage=peer.storages.JournalStorage(peer.storages.journal.JournalFileBackend(str(path)))
    )
    theirs.set_user_attr("who", "both")
    theirs.enqueue_trial({"x": 0.5})
    theirs.optimize(objective, n_trials=3)
    theirs.enqueue_trial({"x": 0.25, "kind": None})
    ours = lightcrest.load_study(study_name="s", storage=JournalStorage(JournalFileBackend(str(path))))
    ours.optimize(objective, n_trials=6, n_jobs=2)
    ours.add_trial(lightcrest.create_trial(value=float("inf")))
    theirs.optimize(objective, n_trials=1)
    assert len(ours.trials) == 11 and told(ours) == told(theirs)
    assert ours.trials[3].params == {"x": 0.25, "kind": None} and ours.user_attrs == {"who": "both"}
    assert ours.best_value == theirs.best_value
    lightcrest.delete_study(study_name="s", storage=ours._storage)
    assert peer.get_all_study_names(theirs._storage) == []


def test_a_new_file_is_a_database_unless_its_lock_is_given(tmp_path):
    database = JournalStorage(JournalFileBackend(str(tmp_path / "d.db")))
    lightcrest.create_study(study_name="s", storage=database)
    assert (tmp_path / "d.db").read_bytes().startswith(b"SQLite format 3")
    for lock in (JournalFileOpenLock, JournalFileSymlinkLock):
        log = journal(tmp_path / "j.log", lock)
        lightcrest.create_study(study_name=lock.__name__, storage=log)
    assert json.loads((tmp_path / "j.log").read_text().splitlines()[0])["op_code"] == 0
    for storage in (database, log, pickle.loads(pickle.dumps(database)), pickle.loads(pickle.dumps(log))):
        assert isinstance(storage, JournalStorage) and len(storage.get_all_studies()) == (1 if storage._description.endswith(".db") else 2)
    with pytest.raises(lightcrest.exceptions.StorageInternalError, match="d.db is a SQLite database"):
        JournalFileBackend(str(tmp_path / "d.db")).append_logs([{}])
    with pytest.raises(TypeError, match="backend is needed"):
        JournalStorage(InMemoryStorage())


def test_each_trial_is_claimed_once(tmp_path):
    storage = journal(tmp_path / "j.log")
    study = lightcrest.create_study(study_name="s", storage=storage)
    for number in range(12):
        study.enqueue_trial({"x": number / 12})

    def work(_):
        mine = lightcrest.load_study(study_name="s", storage=journal(tmp_path / "j.log"))
        return [mine.ask().suggest_float("x", 0, 1) for _ in range(4)]

    with ThreadPoolExecutor(3) as pool:
        found = sorted(sum(pool.map(work, range(3)), []))
    assert found == [number / 12 for number in range(12)]
    assert not (tmp_path / "j.log.lock").exists()


def test_what_a_dead_process_began_to_write_is_dropped(tmp_path):
    path = tmp_path / "j.log"
    study = lightcrest.create_study(study_name="s", storage=journal(path))
    study.optimize(objective, n_trials=2)
    with path.open("ab") as file:
        file.write(b'{"op_code":0,"worker_id":"dead","study_n')
    again = lightcrest.load_study(study_name="s", storage=journal(path))
    again.optimize(objective, n_trials=1)
    assert told(again) == told(study) and len(study.trials) == 3
    with path.open("ab") as file:
        file.write(b"nonsense\n")
    lines = len(path.read_bytes().splitlines())
    with pytest.raises(lightcrest.exceptions.StorageInternalError, match=f"j.log, line {lines}: an entry"):
        journal(path)


@pytest.mark.parametrize("kind", [JournalFileOpenLock, JournalFileSymlinkLock])
def test_locks_are_held_by_one(tmp_path, kind):
    path = str(tmp_path / "j.log")
    count = [0]

    def add(_):
        lock = kind(path)
        lock.acquire()
        before = count[0]
        (tmp_path / "noise").write_text("x")
        count[0] = before + 1
        lock.release()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(40)))
    assert count == [40]
    with pytest.raises(RuntimeError, match="is not held"):
        kind(path).release()
    with pytest.raises(ValueError, match="grace_period"):
        kind(path, 0)
    kind(path).acquire()
    with pytest.warns(UserWarning, match="only slow"):
        patient = kind(path, 0.05)
    with pytest.warns(UserWarning, match="taken from its holder"):
        assert patient.acquire()


class Redis:
    """As much of Redis as a journal needs."""

    kept = {}

    @classmethod
    def from_url(cls, url):
        return cls()

    def get(self, key):
        return self.kept.get(key)

    def set(self, key, value):
        self.kept[key] = str(value).encode()

    def setnx(self, key, value):
        self.kept.setdefault(key, str(value).encode())

    def incr(self, key):
        self.set(key, int(self.kept[key]) + 1)
        return int(self.kept[key])

    def multi(self):
        pass

    def transaction(self, change, *keys):
        change(self)


@pytest.mark.parametrize("cluster", [False, True])
def test_journals_in_redis(monkeypatch, cluster):
    monkeypatch.setitem(__import__("sys").modules, "redis", types.SimpleNamespace(Redis=Redis))
    monkeypatch.setattr(Redis, "kept", {})
    with pytest.warns(lightcrest.exceptions.ExperimentalWarning):
        backend = JournalRedisBackend("redis://here", cluster, prefix="mine")
    study = lightcrest.create_study(study_name="s", storage=JournalStorage(backend))
    study.optimize(objective, n_trials=3)
    assert "mine:log:0" in Redis.kept and int(Redis.kept["mine:log_number"]) == len(Redis.kept) - 2
    again = lightcrest.load_study(study_name="s", storage=JournalStorage(pickle.loads(pickle.dumps(backend))))
    assert told(again) == told(study)
