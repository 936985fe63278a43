"""Folders: what is in them, and that new ones survive power loss."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def names_in(path: Path) -> list[str]:
    """The folders in a folder; none if it is not there."""
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if _is_folder(entry)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads to itself.
        return False


def size_of(file: Path) -> int:
    """The bytes of a file; 0 if there is none."""
    try:
        found = file.stat()
    except OSError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def make(path: Path) -> None:
    """Makes a folder and those above it; their names survive power loss."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def sync(path: Path) -> None:
    """Makes the names in a folder survive power loss."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
