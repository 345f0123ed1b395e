"""Stores of artifacts in clouds, and what tries again."""

import io

import lightcrest
import pytest
from lightcrest.artifacts import Backoff, Boto3ArtifactStore, GCSArtifactStore
from lightcrest.artifacts.exceptions import ArtifactNotFound


class Flaky:
    """Fails so many times, reading what it is given all the same."""

    def __init__(self, failures):
        self.failures, self.kept = failures, {}

    def _try(self):
        self.failures -= 1
        if self.failures >= 0:
            raise OSError("try again")

    def open_reader(self, artifact_id):
        if artifact_id not in self.kept:
            raise ArtifactNotFound(artifact_id)
        self._try()
        return io.BytesIO(self.kept[artifact_id])

    def write(self, artifact_id, content_body):
        content = content_body.read()
        self._try()
        self.kept[artifact_id] = content

    def remove(self, artifact_id):
        self._try()
        del self.kept[artifact_id]


def test_what_fails_is_tried_again():
    flaky = Flaky(2)
    store = Backoff(flaky, min_delay=0.001, max_delay=0.002)
    store.write("a", io.BytesIO(b"whole"))
    flaky.failures = 1
    assert store.open_reader("a").read() == b"whole"
    flaky.failures = 1
    store.remove("a")
    assert flaky.kept == {}


def test_delays_grow_and_tries_end():
    store = Backoff(Flaky(99), max_retries=3, min_delay=0.001, multiplier=2, max_delay=0.003)
    assert [store._get_sleep_secs(n) for n in range(3)] == [0.001, 0.002, 0.003]
    with pytest.raises(OSError, match="try again"):
        store.write("a", io.BytesIO(b""))
    flaky = Flaky(5)
    with pytest.raises(ArtifactNotFound):
        Backoff(flaky).open_reader("none")
    assert flaky.failures == 5
    with pytest.raises(ValueError, match="max_delay"):
        Backoff(flaky, min_delay=2, max_delay=1)


class Bucket:
    """As boto3's client and Google's bucket, in memory."""

    def __init__(self):
        self.kept = {}

    def upload_fileobj(self, source, bucket, key):
        self.kept[key] = source.read()
        source.close()

    def get_object(self, Bucket, Key):
        from botocore.exceptions import ClientError

        if Key not in self.kept:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.kept[Key])}

    def delete_object(self, Bucket, Key):
        self.kept.pop(Key, None)

    def bucket(self, name):
        return self

    def get_blob(self, name):
        return self.blob(name) if name in self.kept else None

    def blob(self, name):
        kept = self.kept

        class Blob:
            def download_as_bytes(self):
                return kept[name]

            def upload_from_string(self, data):
                kept[name] = data

        return Blob()

    def delete_blob(self, name):
        del self.kept[name]


@pytest.mark.filterwarnings("ignore::lightcrest.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("kind, package", [(Boto3ArtifactStore, "boto3"), (GCSArtifactStore, "google.cloud.storage")])
def test_buckets(kind, package, monkeypatch):
    pytest.importorskip(package)
    store, content = kind("b", Bucket()), io.BytesIO(b"model")
    store.write("a", content)
    assert not content.closed and store.open_reader("a").read() == b"model"
    store.remove("a")
    with pytest.raises(ArtifactNotFound):
        store.open_reader("a")


def test_artifacts_of_trials_that_are_frozen(tmp_path):
    (tmp_path / "f.txt").write_text("f")
    store = lightcrest.artifacts.FileSystemArtifactStore(tmp_path)
    study = lightcrest.create_study()
    frozen = study._storage.get_trial(study.ask()._trial_id)
    upload = dict(artifact_store=store, file_path=str(tmp_path / "f.txt"), study_or_trial=frozen)
    with pytest.raises(ValueError, match="storage"):
        lightcrest.artifacts.upload_artifact(**upload)
    made = lightcrest.artifacts.upload_artifact(**upload, storage=study._storage)
    found = lightcrest.artifacts.get_all_artifact_meta(frozen, storage=study._storage)
    assert [meta.artifact_id for meta in found] == [made] and found[0].filename == "f.txt"


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "..", ".", ""])
def test_an_id_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    store = lightcrest.artifacts.FileSystemArtifactStore(tmp_path)
    for use in (store.open_reader, store.remove, lambda name: store.write(name, io.BytesIO(b""))):
        with pytest.raises(ValueError, match="Invalid artifact_id"):
            use(name)
