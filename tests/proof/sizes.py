"""How much is done, from which seed, and where the figures go.

`CHRONOLITE_PROOF` is the share of the full size: unset is the short form that runs in `make test`,
1 is the full form, 0.01 a hundredth of it. `CHRONOLITE_PROOF_SEED` is the seed.
`CHRONOLITE_PROOF_RESULTS` is a folder that takes a file of figures a test.
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARE = float(os.environ.get("CHRONOLITE_PROOF", "0"))
SEED = int(os.environ.get("CHRONOLITE_PROOF_SEED", "20130101"))

_lines: list[str] = []


def size(short: int, full: int) -> int:
    """How many: `short` in `make test`, else a share of `full`."""
    return short if SHARE == 0 else max(short, round(full * SHARE))


def figures(name: str, text: str) -> None:
    """Keep the figures of a test that passed: for the last lines of the run, and for its file."""
    line = f"{name}: {text}"
    _lines.append(line)
    folder = os.environ.get("CHRONOLITE_PROOF_RESULTS")
    if not folder:
        return
    facts = {
        "figures": text,
        "command": os.environ.get("CHRONOLITE_PROOF_COMMAND", "pytest tests/proof"),
        "seed": SEED,
        "size": "full" if SHARE == 1 else f"{SHARE:g} of full" if SHARE else "short",
        "commit": _commit(),
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    words = "".join(f"{fact}: {value}\n" for fact, value in facts.items())
    Path(folder, f"{name}.txt").write_text(words, encoding="utf-8")


def lines() -> list[str]:
    """The figures of this run, a line a test."""
    return _lines


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    # The results themselves are the one change that a run makes.
    changed = git("status", "--porcelain", "--", ".", ":!tests/proof/results")
    return (git("rev-parse", "HEAD") or "unknown") + (" with changes" if changed else "")
