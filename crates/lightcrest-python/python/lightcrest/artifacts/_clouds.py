"""Artifacts in the object stores of clouds, through the clients that their makers give."""

from __future__ import annotations

import io
import shutil

from lightcrest._warn import experimental
from lightcrest.artifacts.exceptions import ArtifactNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO


class Boto3ArtifactStore:
    """Keeps artifacts in a bucket of S3, or of what speaks like it. Needs the package boto3."""

    def __init__(self, bucket_name: str, client: Any = None, *, avoid_buf_copy: bool = False) -> None:
        """client: of boto3; made by its defaults unless given. avoid_buf_copy: whether what is written is handed to boto3 itself, which may
        close it, instead of a copy in memory."""
        try:
            import boto3
            from botocore.exceptions import ClientError
        except ImportError as error:
            raise ImportError("Boto3ArtifactStore needs the package boto3: install it by `pip install boto3`") from error
        self.bucket = bucket_name
        self.client = boto3.client("s3") if client is None else client
        self._refusal = ClientError
        self._direct = avoid_buf_copy

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The artifact, to be read."""
        try:
            return self.client.get_object(Bucket=self.bucket, Key=artifact_id)["Body"]
        except self._refusal as error:
            answer = error.response
            missing = answer.get("Error", {}).get("Code") == "NoSuchKey"
            if missing or answer.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                raise ArtifactNotFound(f"there is no artifact {artifact_id!r} in the bucket {self.bucket}") from error
            raise

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keeps what can be read under this id."""
        source = content_body
        if not self._direct:
            source = io.BytesIO()
            shutil.copyfileobj(content_body, source)
            source.seek(0)
        self.client.upload_fileobj(source, self.bucket, artifact_id)

    def remove(self, artifact_id: str) -> None:
        """Forgets the artifact."""
        self.client.delete_object(Bucket=self.bucket, Key=artifact_id)


@experimental
class GCSArtifactStore:
    """Keeps artifacts in a bucket of Google Cloud Storage. Needs the package google-cloud-storage."""

    def __init__(self, bucket_name: str, client: Any = None) -> None:
        """client: a google.cloud.storage.Client; made by its defaults unless given."""
        try:
            import google.cloud.storage as storage
        except ImportError as error:
            raise ImportError(
                "GCSArtifactStore needs the package google-cloud-storage: install it by `pip install google-cloud-storage`"
            ) from error
        self.bucket_name = bucket_name
        self.client = storage.Client() if client is None else client
        self.bucket_obj = self.client.bucket(bucket_name)

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The artifact, to be read."""
        blob = self.bucket_obj.get_blob(artifact_id)
        if blob is None:
            raise ArtifactNotFound(f"there is no artifact {artifact_id!r} in the bucket {self.bucket_name}")
        return io.BytesIO(blob.download_as_bytes())

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keeps what can be read under this id."""
        self.bucket_obj.blob(artifact_id).upload_from_string(content_body.read())

    def remove(self, artifact_id: str) -> None:
        """Forgets the artifact."""
        self.bucket_obj.delete_blob(artifact_id)
