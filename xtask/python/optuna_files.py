"""Studies of Optuna and files of ours: what each reads of the other.

`optuna_files.py make FOLDER` writes, with whatever Optuna is installed, a database and a journal with everything that a study may
have, and beside each what this Optuna itself says of it, as JSON. So were made the files in crates/lightcrest/tests/data/optuna.

`optuna_files.py check PROGRAM FOLDER` does so in a folder, takes the studies over with the program `lightcrest`, writes them back
for Optuna, and compares what Optuna then says; and goes on with the study there.
"""

import json
import os
import shutil
import subprocess
import sys
import warnings

import optuna
from optuna.distributions import distribution_to_json
from optuna.trial import TrialState

NAME = "all \"kinds\""


def objective(trial):
    x = trial.suggest_float("x", 1e-5, 1.0, log=True)
    y = trial.suggest_float("y", -1.0, 1.0, step=0.25)
    n = trial.suggest_int("n", 1, 1024, log=True)
    m = trial.suggest_int("m", -3, 9, step=3)
    c = trial.suggest_categorical("c", [None, True, "a", 1.5, 2])
    for step in (0, 2, 5):
        trial.report(x / (step + 1), step)
    trial.set_user_attr("note", {"ü": [1, None, 2.5, "\n"], "nan": float("nan")})
    if trial.number == 3:
        raise optuna.TrialPruned()
    if trial.number == 4:
        return float("nan")
    if c == "a":
        return float("inf") if trial.number % 2 else float("-inf")
    return x + y + n + m


def constraints(trial):
    return [-1.0, float(trial.number) - 2.5]


def storages(folder):
    """Each with what opens it again."""
    url = f"sqlite:///{folder}/optuna.db"
    yield "optuna.db", optuna.storages.RDBStorage(url)
    journal = os.path.join(folder, "optuna.log")
    try:
        from optuna.storages.journal import JournalFileBackend
    except ImportError:
        from optuna.storages import JournalFileStorage as JournalFileBackend
    yield "optuna.log", optuna.storages.JournalStorage(JournalFileBackend(journal))


def fill(storage):
    sampler = optuna.samplers.TPESampler(seed=1, constraints_func=constraints, n_startup_trials=3)
    study = optuna.create_study(storage=storage, study_name=NAME, sampler=sampler)
    study.set_user_attr("why", {"a": [1, None], "inf": float("inf")})
    if hasattr(study, "set_metric_names"):
        study.set_metric_names(["loss"])
    study.enqueue_trial({"x": 0.5, "c": "a"}, user_attrs={"by": "hand"})
    study.optimize(objective, n_trials=7, catch=(ZeroDivisionError,))
    try:
        study.optimize(lambda trial: 1 / trial.suggest_int("z", 0, 0), n_trials=1)
    except ZeroDivisionError:
        pass
    study.ask().suggest_float("x", 1e-5, 1.0, log=True)
    study.enqueue_trial({"x": 0.25, "c": None, "m": 3})
    both = optuna.create_study(storage=storage, study_name="both", directions=["minimize", "maximize"])
    both.optimize(lambda trial: (trial.suggest_float("a", 0, 1), float("inf")), n_trials=2)


def value(found):
    """As text: NaN is unlike itself. The order of an object's entries says nothing."""
    return json.dumps(found, sort_keys=True)


def described(storage):
    """What Optuna says of all studies."""
    studies = {}
    for summary in optuna.get_all_study_summaries(storage=storage):
        study = optuna.load_study(study_name=summary.study_name, storage=storage)
        system = storage.get_study_system_attrs(study._study_id)
        studies[study.study_name] = {
            "directions": [direction.name for direction in study.directions],
            "user": value(study.user_attrs),
            "system": value(dict(system)),
            "trials": [
                {
                    "number": trial.number,
                    "state": trial.state.name,
                    "values": value(trial.values),
                    "start": str(trial.datetime_start),
                    "complete": str(trial.datetime_complete),
                    "params": value(list(trial.params.items())),
                    "distributions": {name: distribution_to_json(d) for name, d in trial.distributions.items()},
                    "reports": value(trial.intermediate_values),
                    "user": value(trial.user_attrs),
                    "system": value(trial.system_attrs),
                }
                for trial in study.get_trials(deepcopy=False)
            ],
        }
    return studies


def make(folder):
    os.makedirs(folder, exist_ok=True)
    for name, storage in storages(folder):
        fill(storage)
        with open(os.path.join(folder, f"{name}.json"), "w", encoding="utf-8") as file:
            json.dump(described(storage), file, indent=1, ensure_ascii=False, sort_keys=True)


def run(program, *arguments):
    subprocess.run([program, *arguments], check=True, stdout=subprocess.DEVNULL)


def compare(expected, found, what):
    if expected == found:
        return
    for name, study in expected.items():
        for key, there in study.items():
            here = found.get(name, {}).get(key)
            if key != "trials" and here != there:
                raise SystemExit(f"{what}: {key} of {name} is {here}, but should be {there}")
        for a, b in zip(study["trials"], found[name]["trials"]):
            for key, there in a.items():
                if b[key] != there:
                    raise SystemExit(f"{what}: {key} of trial {a['number']} of {name} is {b[key]}, but should be {there}")
    raise SystemExit(f"{what}: {len(found)} studies, but there should be {len(expected)}")


def go_on(storage):
    """The study is worked on as if Optuna had made it."""
    study = optuna.load_study(study_name=NAME, storage=storage, sampler=optuna.samplers.TPESampler(seed=2))
    before, best = len(study.trials), study.best_value
    waiting = [trial.number for trial in study.trials if trial.state == TrialState.WAITING]
    trial = study.ask()
    if [trial.number] != waiting:
        raise SystemExit(f"trial {trial.number} was asked for, but {waiting} wait")
    if trial.suggest_categorical("c", [None, True, "a", 1.5, 2]) is not None or trial.suggest_int("m", -3, 9, step=3) != 3:
        raise SystemExit("a trial that waited does not have what was enqueued")
    study.tell(trial, 1e9)
    study.optimize(objective, n_trials=3)
    if len(study.trials) != before + 3 or study.best_value > best:
        raise SystemExit("the study did not go on")


def dashboard(folder):
    """optuna-dashboard shows the file, where it is installed."""
    try:
        import optuna_dashboard
    except ImportError:
        return
    application = optuna_dashboard.wsgi(optuna.storages.RDBStorage(f"sqlite:///{folder}/back.db"))
    said = []

    def ask(path):
        environment = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "SERVER_NAME": "x", "SERVER_PORT": "1", "wsgi.url_scheme": "http"}
        import io

        environment |= {"wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr}
        body = b"".join(application(environment, lambda status, headers, *rest: said.append(status)))
        return json.loads(body)

    studies = ask("/api/studies")["study_summaries"]
    if sorted(study["study_name"] for study in studies) != sorted([NAME, "both"]):
        raise SystemExit(f"optuna-dashboard shows {studies}")
    detail = ask(f"/api/studies/{studies[0]['study_id']}")
    if not detail.get("trials") or not all(status.startswith("200") for status in said):
        raise SystemExit(f"optuna-dashboard does not show a study: {said}")


def check(program, folder):
    shutil.rmtree(folder, ignore_errors=True)
    make(folder)
    os.chdir(folder)
    for name in ("optuna.db", "optuna.log"):
        with open(f"{name}.json", encoding="utf-8") as file:
            expected = json.load(file)
        for left in ("ours.db", "back.db", "back.log"):
            if os.path.exists(left):
                os.remove(left)
        run(program, "studies", "import", name, "--to", "ours.db")
        run(program, "studies", "export", "ours.db", "--format", "optuna", "--out", "back.db")
        run(program, "studies", "export", "ours.db", "--format", "optuna-journal", "--out", "back.log")
        back = optuna.storages.RDBStorage("sqlite:///back.db")
        compare(expected, described(back), f"{name} as tables")
        from optuna.storages.journal import JournalFileBackend

        journal = optuna.storages.JournalStorage(JournalFileBackend("back.log"))
        compare(expected, described(journal), f"{name} as a journal")
        if name == "optuna.db":
            dashboard(os.getcwd())
        go_on(back)
        go_on(journal)
    print(f"Optuna {optuna.__version__} reads what is written for it, and is read")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    if sys.argv[1] == "make":
        make(sys.argv[2])
    else:
        check(os.path.abspath(sys.argv[2]), sys.argv[3])
