"""What many configurations score on each table (example table_portfolio), and the list that does best on all of them.

Greedy: the next entry is the one that lowers most the mean over tables of what the best of the list so far loses against the
best of all. A configuration counts if every table had time for it. The list without one table, judged on that table, says
whether the choice carries over.

table_portfolio.py WHEELS FOLDER PROGRAM TABLE,... SECONDS
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from tables import read

LENGTH = 10


def choose(losses):
    """Places of the list, and the mean loss over the best of all after each entry."""
    regret = losses / losses.min(axis=1, keepdims=True) - 1
    best, chosen, means = np.full(len(losses), np.inf), [], []
    for _ in range(LENGTH):
        with_each = np.minimum(best[:, None], regret).mean(axis=0)
        at = int(with_each.argmin())
        best = np.minimum(best, regret[:, at])
        chosen.append(at)
        means.append(best.mean())
    return chosen, means


def main(wheels, folder, program, names, seconds):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = names.split(",")
    tables = []
    for name in names:
        frame, target = read(wheels, name)
        path = folder / f"{name}.csv"
        frame[frame[target].notna()].to_csv(path, index=False)
        lines = subprocess.run([program, path, target, seconds], check=True, capture_output=True, text=True).stdout.splitlines()
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
        tables.append([json.loads(line) for line in lines])
        best = min(tables[-1], key=lambda found: found["loss"])
        print(f"{name}: {len(tables[-1])} configurations; best {best['loss']:.5g}: {best['of']}, {best['rounds']} rounds", flush=True)
    common = set.intersection(*({found["at"] for found in table} for table in tables))
    kept = [[found for found in table if found["at"] in common] for table in tables]
    losses = np.array([[found["loss"] for found in table] for table in kept])
    chosen, means = choose(losses)
    print(f"\n{len(common)} configurations on all tables; the list:")
    for at, mean in zip(chosen, means):
        took = np.mean([table[at]["seconds"] for table in kept])
        print(f"{100 * mean:6.2f} % over the best, {took:.2f} s: {kept[0][at]['of']}")
    for out, name in enumerate(names):
        others, _ = choose(np.delete(losses, out, axis=0))
        regret = losses[out] / losses[out].min() - 1
        first = [f"{100 * regret[others[:n]].min():.2f}" for n in (1, 2, 4, 8)]
        print(f"{name}: the list of the others loses {', '.join(first)} % by its first 1, 2, 4, 8; at random {100 * np.median(regret):.2f} %")


main(*sys.argv[1:])
