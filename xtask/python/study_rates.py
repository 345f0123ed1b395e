"""How many trials a second several workers make, with the default samplers: threads of one process, processes on one SQLite file.

The objective asks for 10 parameters (as that of study_overhead.py) and sleeps 20 ms, so that n workers could make 50 n trials a second.
"""

import importlib
import os
import subprocess
import sys
import tempfile
import time

from study_overhead import objective

SLEEP = 0.02
# Workers, trials of all together, and whether the workers are processes.
CASES = {"8 threads, memory": (8, 300, False), "4 processes, SQLite": (4, 300, True)}


def slow(trial):
    value = objective(trial)
    time.sleep(SLEEP)
    return value


def made(package, path):
    """The study that all workers share."""
    return package.create_study(storage=path and f"sqlite:///{path}", study_name="rates", load_if_exists=True)


def quiet(name):
    package = importlib.import_module(name)
    package.logging.set_verbosity(package.logging.ERROR)
    return package


def rate(name, case):
    """Trials a second, from the moment when every worker is ready."""
    workers, trials, processes = CASES[case]
    package = quiet(name)
    if not processes:
        study = made(package, None)
        start = time.perf_counter()
        study.optimize(slow, n_trials=trials, n_jobs=workers)
        wall = time.perf_counter() - start
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "study.db")
            study = made(package, path)
            command = [sys.executable, "-W", "ignore", __file__, "work", name, path, str(trials // workers)]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            crew = [subprocess.Popen(command, **pipes) for _ in range(workers)]
            for process in crew:
                process.stdout.readline()
            start = time.perf_counter()
            for process in crew:
                process.stdin.close()
            if any([process.wait() for process in crew]):
                raise RuntimeError(f"a worker of {name} failed")
            wall = time.perf_counter() - start
            if len(study.trials) != trials:
                raise RuntimeError(f"{name} kept {len(study.trials)} of {trials} trials")
    points = {tuple(sorted(trial.params.items())) for trial in study.trials}
    return trials / wall, trials - len(points)


def work(name, path, trials):
    study = made(quiet(name), path)
    print("ready", flush=True)
    sys.stdin.read()
    study.optimize(slow, n_trials=trials)


def main(names):
    print(f"{'trials a second':20} " + " ".join(f"{name:>12}" for name in names))
    for case in CASES:
        rates = [rate(name, case) for name in names]
        cells = [f"{made:12.1f}" + (f" ({twice} twice)" if twice else "") for made, twice in rates]
        print(f"{case:20} " + " ".join(cells), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main(sys.argv[1:] or ["lightcrest", "optuna"])
