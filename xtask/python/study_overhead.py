"""What a study costs beside its objective: Lightcrest, Optuna and Rustuna in turn, each run in a process of its own.

An objective asks for 10 parameters (4 floats, 2 floats on a log scale, 2 whole numbers, 2 choices) and takes no time itself. A figure
is the median over the rounds: CPU time of the process (user and system, all threads) and wall time, a trial.
"""

import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

PACKAGES = ("lightcrest", "rustuna", "optuna")
# Sampler, where the study lives, trials.
CASES = {
    "random, memory": ("RandomSampler", "memory", 5000),
    "TPE, memory": ("TPESampler", "memory", 1000),
    "random, SQLite": ("RandomSampler", "sqlite", 200),
}


def objective(trial):
    y = sum((trial.suggest_float(f"x{i}", -5.0, 5.0) - 1) ** 2 for i in range(4))
    y += sum(trial.suggest_float(f"l{i}", 1e-5, 1.0, log=True) for i in range(2))
    y += abs(trial.suggest_int("i0", 1, 20) - 7) + abs(trial.suggest_int("i1", 1, 1024, log=True) - 64) / 64
    y += trial.suggest_categorical("c0", ["a", "b", "c", "d"]) == "a"
    return y + (trial.suggest_categorical("c1", ["u", "v", "w"]) == "v")


def storage(package, kind, folder):
    if kind == "memory":
        return None
    path = os.path.join(folder, "study.db")
    if package.__name__ == "rustuna":
        return package.storages.SQLite3Storage(path, create_database=True)
    return f"sqlite:///{path}"


def one(name, case):
    """CPU and wall time of one study, in ms a trial."""
    sampler, kind, trials = CASES[case]
    package = importlib.import_module(name)
    if hasattr(package, "logging"):
        package.logging.set_verbosity(package.logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        study = package.create_study(
            storage=storage(package, kind, folder), sampler=getattr(package.samplers, sampler)(seed=1)
        )
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        study.optimize(objective, n_trials=trials)
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
        if len(study.trials) != trials:
            raise RuntimeError(f"{name} kept {len(study.trials)} of {trials} trials")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu": 1e3 * cpu / trials, "wall": 1e3 * wall / trials}


def fresh(*arguments):
    command = [sys.executable, "-W", "ignore", __file__, *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def started(code):
    """Wall time of a Python that does only this, in ms."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return 1e3 * (time.perf_counter() - start)


def main(rounds):
    versions = {name: importlib.import_module(name) for name in PACKAGES}
    named = [f"{name} {getattr(module, '__version__', '')}".strip() for name, module in versions.items()]
    print(f"{', '.join(named)}; median of {rounds} rounds")
    print(f"{'':16} " + " ".join(f"{name:>22}" for name in PACKAGES))
    for case in CASES:
        seen = {name: [] for name in PACKAGES}
        for _ in range(rounds):
            for name in PACKAGES:
                seen[name].append(fresh(name, case))
        for clock in ("cpu", "wall"):
            medians = [statistics.median(run[clock] for run in seen[name]) for name in PACKAGES]
            cells = [f"{median:9.4f} ms ({median / medians[0]:5.1f}x)" for median in medians]
            print(f"{case:15} {clock:4} " + " ".join(f"{cell:>22}" for cell in cells), flush=True)
    codes = {"": "pass"} | {name: f"import {name}" for name in PACKAGES}
    times = {name: [] for name in codes}
    for _ in range(4 * rounds):
        for name, code in codes.items():
            times[name].append(started(code))
    bare = statistics.median(times[""])
    cells = [f"{statistics.median(times[name]) - bare:.0f} ms above bare" for name in PACKAGES]
    print(f"{'import':15} wall " + " ".join(f"{cell:>22}" for cell in cells))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(one(*sys.argv[1:])))
    else:
        main(int(sys.argv[1]))
