"""Files that are written whole or not at all."""

from __future__ import annotations

import os as _os
import pathlib as _pathlib


def write(path: str | _os.PathLike[str], content: bytes) -> None:
    """Writes a file; whoever reads it meanwhile reads the old one, and a failure leaves that as it was."""
    path = _pathlib.Path(path)
    part = path.with_name(f".{path.name}.{_os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
