"""What the benches of single faces share: the library that is asked for, and where figures go."""

from __future__ import annotations

import importlib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from comparison import page
from comparison.options import RESULTS

BENCHES = Path(__file__).resolve().parents[1]


def library(name: str) -> Any:
    """A module, though a bench may have its name."""
    kept = sys.path
    sys.path = [folder for folder in kept if Path(folder or ".").resolve() != BENCHES]
    try:
        return importlib.import_module(name)
    finally:
        sys.path = kept


def keep(bench: str, about: dict[str, str], tables: list[str]) -> None:
    """Puts what was printed beside the results of the other benches, and makes their page again."""
    command = " ".join([f"make bench-{bench}", *sys.argv[1:]])
    facts = "".join(f"{name}: {value}\n" for name, value in {**about, "command": command}.items())
    path = RESULTS / f"{bench}-{datetime.now(UTC):%Y%m%d-%H%M}.txt"
    path.write_text("\n".join([facts, *tables]), encoding="utf-8")
    page.write()
    print(f"{path.name} is in {path.parent}")
