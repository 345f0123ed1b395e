"""How many trials a second processes make on one study of Optuna or Rustuna: `storage_peer.py PACKAGE URL`.

The workload of crates/lightcrest/examples/storage_speed.rs: 10 parameters that are drawn at random, 10 reports, an objective that
takes no time. URL is of SQLAlchemy, or `journal:FILE`.
"""

import importlib
import subprocess
import sys
import time

# Trials of all processes together: what takes a few seconds at their speed.
TRIALS = 80


def quiet(name):
    package = importlib.import_module(name)
    if hasattr(package, "logging"):
        package.logging.set_verbosity(package.logging.ERROR)
    return package


def storage(package, url):
    if url.startswith("journal:"):
        backend = importlib.import_module("optuna.storages.journal").JournalFileBackend(url.removeprefix("journal:"))
        return package.storages.JournalStorage(backend)
    if package.__name__ == "rustuna":
        return package.storages.SQLite3Storage(url.removeprefix("sqlite:///"), create_database=True)
    return url


def study(package, url, name):
    sampler = package.samplers.RandomSampler()
    return package.create_study(storage=storage(package, url), study_name=name, load_if_exists=True, sampler=sampler)


def objective(trial):
    loss = sum(trial.suggest_float(f"x{i}", 0.0, 1.0) for i in range(10))
    for step in range(1, 1 + reports(trial)):
        trial.report(loss / step, step)
    return loss


def reports(trial):
    """Trials of Rustuna report nothing."""
    return 10 if hasattr(trial, "report") else 0


def work(name, url, study_name, trials):
    made = study(quiet(name), url, study_name)
    print("ready", flush=True)
    sys.stdin.read()
    made.optimize(objective, n_trials=trials)


def main(name, url):
    package = quiet(name)
    kind = url.partition(":")[0].partition("+")[0]
    print(f"{name} {getattr(package, '__version__', '')}, {kind}")
    count = reports(package.Trial)
    for processes in (1, 4, 8):
        study_name = f"rates-{processes}"
        study(package, url, study_name)
        command = [sys.executable, "-W", "ignore", __file__, "work", name, url, study_name, str(TRIALS // processes)]
        # What goes wrong is counted below.
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        crew = [subprocess.Popen(command, **pipes) for _ in range(processes)]
        for process in crew:
            process.stdout.readline()
        start = time.perf_counter()
        for process in crew:
            process.stdin.close()
        failed = sum(process.wait() != 0 for process in crew)
        wall = time.perf_counter() - start
        kept = len(study(package, url, study_name).trials)
        lost = f", {failed} processes failed, {TRIALS - kept} of {TRIALS} trials missing" if failed or kept != TRIALS else ""
        print(f"{count:2} reports, {processes} processes: {kept / wall:8.1f} trials/s{lost}", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "work":
        work(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
    else:
        main(sys.argv[1], sys.argv[2])
