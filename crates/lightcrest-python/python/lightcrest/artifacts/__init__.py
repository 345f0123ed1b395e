"""Files that belong to trials and studies: models, plots, logs."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass

from lightcrest._study import Study
from lightcrest._warn import once_positional as _once_positional
from lightcrest.artifacts import exceptions
from lightcrest.artifacts._backoff import Backoff
from lightcrest.artifacts._clouds import Boto3ArtifactStore, GCSArtifactStore
from lightcrest.artifacts._protocol import ArtifactStore
from lightcrest.artifacts._store import FileSystemArtifactStore
from lightcrest.trial import FrozenTrial, Trial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lightcrest.storages import BaseStorage


__all__ = [
    "ArtifactMeta",
    "ArtifactStore",
    "Backoff",
    "Boto3ArtifactStore",
    "FileSystemArtifactStore",
    "GCSArtifactStore",
    "download_artifact",
    "exceptions",
    "get_all_artifact_meta",
    "upload_artifact",
]

_PREFIX = "artifacts:"


@dataclass
class ArtifactMeta:
    """What is known of an artifact."""

    artifact_id: str
    filename: str
    mimetype: str
    encoding: str | None


@_once_positional("study_or_trial", "file_path", "artifact_store")
def upload_artifact(
    *,
    artifact_store: ArtifactStore,
    file_path: str,
    study_or_trial: Trial | FrozenTrial | Study,
    storage: BaseStorage | None = None,
    mimetype: str | None = None,
    encoding: str | None = None,
) -> str:
    """Copies a file into a store, and notes with a study or an unfinished trial that it is there; its id.

    storage: where the study of a FrozenTrial lives, which does not say it itself.
    """
    import mimetypes
    import uuid

    place = _storage(study_or_trial, storage)
    filename = os.path.basename(file_path)
    guessed, guessed_encoding = mimetypes.guess_type(filename)
    identity = str(uuid.uuid4())
    meta = ArtifactMeta(
        identity, filename, mimetype or guessed or "application/octet-stream", encoding or guessed_encoding
    )
    with open(file_path, "rb") as file:
        artifact_store.write(identity, file)
    key, value = _PREFIX + identity, json.dumps(asdict(meta))
    if isinstance(study_or_trial, Study):
        place.set_study_system_attr(study_or_trial._study_id, key, value)
    else:
        place.set_trial_system_attr(study_or_trial._trial_id, key, value)
    return identity


def get_all_artifact_meta(
    study_or_trial: Trial | FrozenTrial | Study, *, storage: BaseStorage | None = None
) -> list[ArtifactMeta]:
    """What is known of the artifacts of a study or a trial. storage: as upload_artifact takes it; what a FrozenTrial knows itself unless given."""
    if isinstance(study_or_trial, FrozenTrial) and storage is None:
        system = study_or_trial.system_attrs
    elif isinstance(study_or_trial, Study):
        system = _storage(study_or_trial, storage).get_study_system_attrs(study_or_trial._study_id)
    else:
        system = _storage(study_or_trial, storage).get_trial_system_attrs(study_or_trial._trial_id)
    return [ArtifactMeta(**json.loads(value)) for key, value in system.items() if key.startswith(_PREFIX)]


def _storage(study_or_trial: Trial | FrozenTrial | Study, storage: BaseStorage | None) -> BaseStorage:
    """Where a study, or that of a trial, lives."""
    if storage is not None:
        return storage
    if isinstance(study_or_trial, Study):
        return study_or_trial._storage
    if isinstance(study_or_trial, Trial):
        return study_or_trial.storage
    raise ValueError("a FrozenTrial does not say where its study lives: give the storage as `storage`")


def download_artifact(*, artifact_store: ArtifactStore, file_path: str, artifact_id: str) -> None:
    """Copies an artifact to a file, which must not exist yet."""
    with artifact_store.open_reader(artifact_id) as source:
        try:
            target = open(file_path, "xb")
        except FileExistsError:
            raise FileExistsError(f"{file_path} exists already: take another path, or remove it first") from None
        try:
            with target:
                shutil.copyfileobj(source, target)
        except BaseException:  # half of an artifact is none
            os.remove(file_path)
            raise
