"""Trials as tasks of Dask: `python on_dask.py SCHEDULER [TRIALS]`, where `dask scheduler` and `dask worker SCHEDULER` run."""

import sys

from dask.distributed import Client
from study import objective, study

if __name__ == "__main__":
    client = Client(sys.argv[1])
    client.upload_file("study.py")  # workers import the objective
    mine = study()
    mine.optimize(objective, int(sys.argv[2]) if len(sys.argv) > 2 else 100, executor=client)
    print(f"{len(mine.trials)} trials, best {mine.best_value:.4g} at {mine.best_params}")
