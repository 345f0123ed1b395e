"""Files that belong to trials and studies: models, plots, logs."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass

from lightcrest._study import Study
from lightcrest._warn import once_positional as _once_positional
from lightcrest.artifacts import exceptions
from lightcrest.artifacts._store import FileSystemArtifactStore
from lightcrest.trial import FrozenTrial, Trial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO, Protocol

    from lightcrest.storages import BaseStorage

    class ArtifactStore(Protocol):
        """Where artifacts are kept."""

        def open_reader(self, artifact_id: str) -> BinaryIO: ...
        def write(self, artifact_id: str, content_body: BinaryIO) -> None: ...
        def remove(self, artifact_id: str) -> None: ...


__all__ = [
    "ArtifactMeta",
    "FileSystemArtifactStore",
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
    """Copies a file into a store, and notes with a study or a running trial that it is there; its id."""
    import mimetypes
    import uuid

    if not isinstance(study_or_trial, (Trial, Study)):
        raise ValueError(f"artifacts are uploaded for a study or a running trial, but got {study_or_trial!r}")
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
        study_or_trial._storage._set(study_or_trial.study_name, "system", key, value)
    else:
        study_or_trial.study._set_system(study_or_trial.number, key, value)
    return identity


def get_all_artifact_meta(
    study_or_trial: Trial | FrozenTrial | Study, *, storage: BaseStorage | None = None
) -> list[ArtifactMeta]:
    """What is known of the artifacts of a study or a trial."""
    system: dict[str, Any]
    if isinstance(study_or_trial, Study):
        system = study_or_trial._storage._attributes(study_or_trial.study_name).get("system", {})
    elif isinstance(study_or_trial, Trial):
        system = study_or_trial.study._frozen(study_or_trial.number).system_attrs
    else:
        system = study_or_trial.system_attrs
    return [ArtifactMeta(**json.loads(value)) for key, value in system.items() if key.startswith(_PREFIX)]


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
