"""The array of examples/clusters on a Slurm of one node, which this test starts: it needs root, and what Debian calls slurmctld, slurmd,
slurm-client and munge; and the program, which LIGHTCREST names."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

SCRIPT = pathlib.Path(__file__).parents[4] / "examples/clusters/slurm_array.sh"
NEEDED = ("slurmctld", "slurmd", "sbatch", "munged")
# Debian's daemons are where only root looks.
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
CONFIG = """
ClusterName=t
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/d.pid
SlurmctldLogFile={folder}/ctld.log
SlurmdLogFile={folder}/d.log
SlurmctldPort={port}
SlurmdPort={next}
ReturnToService=2
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerParameters=sched_interval=1,bf_interval=1
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=500 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES State=UP OverSubscribe=YES
"""


def until(happens, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if happens():
            return
        time.sleep(0.2)
    pytest.fail(f"nothing happened in {seconds} s")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """How to call Slurm's programs."""
    if os.geteuid() != 0 or not all(shutil.which(name, path=PATH) for name in NEEDED):
        pytest.skip("Slurm is not installed, or this is not root")
    if not os.environ.get("LIGHTCREST"):
        pytest.skip("LIGHTCREST does not name the program")
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir()
    (folder / "bin/lightcrest").symlink_to(pathlib.Path(os.environ["LIGHTCREST"]).resolve())
    free = socket.socket()
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    host = socket.gethostname().split(".")[0]
    configured = CONFIG.format(folder=folder, host=host, port=port, next=port + 1, cpus=os.cpu_count())
    (folder / "slurm.conf").write_text(configured)
    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": f"{folder}/bin:{PATH}"}
    environment["LIGHTCREST_STORAGE"] = f"sqlite:///{folder}/study.db"

    def call(*command):
        return subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True, text=True).stdout

    munge = pathlib.Path("/run/munge")
    own = not (munge / "munge.socket.2").exists()
    if own:
        call("install", "-d", "-o", "munge", "-g", "munge", "-m", "755", str(munge))
        call("runuser", "-u", "munge", "--", "munged")
    call("slurmctld", "-f", environment["SLURM_CONF"])
    call("slurmd", "-f", environment["SLURM_CONF"], "-N", host)
    until(lambda: "idle" in call("sinfo", "-h"))
    yield folder, call
    for pid in [folder / "d.pid", folder / "ctld.pid", *([munge / "munged.pid"] if own else [])]:
        os.kill(int(pid.read_text()), signal.SIGTERM)


SPEC = """
[study]
name = "NAME"
seed = 1
[[objectives]]
metric = "loss"
direction = "minimize"
[command]
run = ["PYTHON", "loss.py", "{x}"]
[parameters]
x = { low = 0.0, high = 1.0 }
[budget]
trials = 12
"""


def begin(slurm, name, workers):
    """Begins the array and waits until some trials have ended; its job."""
    folder, call = slurm
    (folder / f"{name}.toml").write_text(SPEC.replace("NAME", name).replace("PYTHON", sys.executable))
    (folder / "loss.py").write_text("import json, sys, time\ntime.sleep(0.5)\nprint(json.dumps({'loss': float(sys.argv[1])}))\n")
    size = ["--array", f"1-{workers}", "--cpus-per-task=1", "--mem=100M"]
    call("sbatch", "--test-only", *size, str(SCRIPT), f"{name}.toml", f"runs/{name}")
    job = call("sbatch", "--parsable", *size, str(SCRIPT), f"{name}.toml", f"runs/{name}").strip()
    until(lambda: (folder / "study.db").exists() and states(call, name).count("complete") >= 3)
    return job


def states(call, name):
    try:
        lines = call("lightcrest", "studies", "export", "-", name, "--format", "jsonl").splitlines()
    except subprocess.CalledProcessError:
        return []
    return [found["state"] for found in map(json.loads, lines) if "state" in found]


def test_what_a_killed_worker_of_the_array_ran_is_run_by_another(slurm):
    _, call = slurm
    begin(slurm, "killed", 2)
    listed = subprocess.run(["pgrep", "-f", "lightcrest worker killed.toml"], capture_output=True, text=True).stdout.split()
    os.kill(int(listed[0]), signal.SIGKILL)
    until(lambda: not call("squeue", "-h").strip())
    assert states(call, "killed") == ["complete"] * 12


def test_a_worker_that_is_told_to_end_gives_back_its_trials(slurm):
    _, call = slurm
    job = begin(slurm, "told", 1)
    call("scancel", "--batch", "--signal=TERM", f"{job}_1")
    until(lambda: not call("squeue", "-h").strip())
    assert set(states(call, "told")) == {"complete", "waiting"}
