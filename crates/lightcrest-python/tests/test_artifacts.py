"""Artifacts: files that are copied whole or not at all."""

import io

import lightcrest
import pytest
from lightcrest.artifacts import FileSystemArtifactStore, download_artifact, upload_artifact


def test_a_download_writes_no_file_that_exists(tmp_path):
    store, path = FileSystemArtifactStore(tmp_path), tmp_path / "model.txt"
    path.write_text("weights")
    identity = upload_artifact(artifact_store=store, file_path=str(path), study_or_trial=lightcrest.create_study())
    with pytest.raises(FileExistsError, match="model.txt exists already"):
        download_artifact(artifact_store=store, file_path=str(path), artifact_id=identity)
    download_artifact(artifact_store=store, file_path=str(tmp_path / "again.txt"), artifact_id=identity)
    assert (tmp_path / "again.txt").read_text() == "weights"


def test_a_download_that_breaks_off_leaves_nothing(tmp_path):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError("the connection is lost")

    class Store:
        def open_reader(self, artifact_id):
            return Broken()

    with pytest.raises(OSError, match="the connection is lost"):
        download_artifact(artifact_store=Store(), file_path=str(tmp_path / "model.txt"), artifact_id="a")
    assert list(tmp_path.iterdir()) == []
