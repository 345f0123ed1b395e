"""The manifests of examples/clusters are ones that their systems take, as far as can be told without them."""

import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

FOLDER = pathlib.Path(__file__).parents[3] / "examples/clusters"


def test_each_has_its_place_in_the_documentation():
    text = (FOLDER.parents[1] / "docs/clusters.md").read_text()
    for path in FOLDER.iterdir():
        if path.name != "__pycache__":
            assert f"](../examples/clusters/{path.name})" in text, path.name


def test_the_scripts_of_python_are_ones():
    for path in FOLDER.glob("*.py"):
        compile(path.read_text(), path.name, "exec")


def test_the_array_of_slurm(tmp_path):
    script = FOLDER / "slurm_array.sh"
    text = script.read_text()
    assert re.search(r"^#SBATCH --array=1-8$", text, re.M) and "--requeue" in text
    assert text.rstrip().splitlines()[-1].startswith("exec lightcrest worker"), "the worker gets Slurm's signals"
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0
    # It says what is missing before it begins.
    run = subprocess.run(["bash", str(script), "a", "b"], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert run.returncode != 0 and "LIGHTCREST_STORAGE: names no storage" in run.stderr


def test_the_unit_of_systemd(tmp_path):
    text = (FOLDER / "lightcrest-worker@.service").read_text()
    assert "KillMode=mixed" in text and "Restart=on-failure" in text
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    # What it begins must exist; what is wrong is said and not counted.
    unit = tmp_path / "lightcrest-worker@.service"
    unit.write_text(text.replace("/usr/local/bin/lightcrest", "/bin/true"))
    checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert checked.returncode == 0 and "lightcrest-worker" not in checked.stderr, checked.stderr
    unit.write_text(unit.read_text().replace("RestartSec=10", "RestartSec=abc"))
    assert "lightcrest-worker" in subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True).stderr


def test_the_manifest_of_kubernetes():
    documents = {document["kind"]: document for document in yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())}
    assert set(documents) == {"Service", "StatefulSet", "PersistentVolumeClaim", "Job"}
    job = documents["Job"]["spec"]
    assert job["completionMode"] == "Indexed" and job["completions"] == job["parallelism"]
    assert job["podReplacementPolicy"] == "Failed", "the default runs two at once"
    pod = job["template"]["spec"]
    assert pod["restartPolicy"] == "Never" and pod["terminationGracePeriodSeconds"] >= 30
    (worker,) = pod["containers"]
    assert worker["args"][:2] == ["lightcrest", "worker"] and not any("://" in argument for argument in worker["args"])
    assert worker["env"][0]["name"] == "LIGHTCREST_STORAGE" and "secretKeyRef" in worker["env"][0]["valueFrom"]
    claims = {volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume}
    assert claims == {documents["PersistentVolumeClaim"]["metadata"]["name"]}
    assert {mount["name"] for mount in worker["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    database = documents["StatefulSet"]["spec"]
    assert database["selector"]["matchLabels"] == database["template"]["metadata"]["labels"] == documents["Service"]["spec"]["selector"]
