#!/bin/bash
# Workers on one study: sbatch slurm_array.sh spec.toml /shared/runs/mine
# The storage is that of the environment, LIGHTCREST_STORAGE=postgresql://ann@db/studies, and the password in ~/.pgpass.
#SBATCH --job-name=lightcrest
#SBATCH --array=1-8
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=12:00:00
#SBATCH --requeue
# A minute before the end the worker is told, and not what it runs: it gives back its trials.
#SBATCH --signal=B:TERM@60
#SBATCH --open-mode=append
#SBATCH --output=lightcrest-%A-%a.log
set -eu
: "${LIGHTCREST_STORAGE:?names no storage}"
# exec: the worker is what Slurm signals.
exec lightcrest worker "$1" --out "$2"
