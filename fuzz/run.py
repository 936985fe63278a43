"""The fuzz targets for so many seconds each, under AddressSanitizer: `make fuzz` calls it.

It builds the targets, lets libFuzzer work on each, beginning with the seeds of `tests/fuzz/seeds`
and what earlier runs found, and writes a file of figures a target to `tests/proof/results`. It ends
at the first target that fails; the input is then in `fuzz/artifacts`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "tests/proof/results"
# The hour of PROOF.md.
FULL = 3600
# A database is some 20 KB; of the rest all that matters is in a few kilobytes.
LONGEST = 1 << 16
SMALL = 1 << 13
LARGE_TARGETS = {"open", "log", "salvage"}
# PROOF.md's limit for the longest input, in MiB; what all inputs together may leave behind is less
# than twice libFuzzer's own limit. The bodies count for themselves, input by input.
MALLOC_LIMIT = (4 * LONGEST + 64_000_000) // (1 << 20) + 1
RSS_LIMIT = 2048


def main() -> int:
    """Run the targets that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=FULL, help="for each target")
    parser.add_argument("--seed", type=int, default=20130101)
    parser.add_argument("--toolchain", default="nightly")
    parser.add_argument("targets", nargs="*", help="all of them if none is named")
    options = parser.parse_args()
    known = sorted(path.stem for path in (ROOT / "fuzz/fuzz_targets").glob("*.rs"))
    if unknown := set(options.targets) - set(known):
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    cargo_fuzz(options.toolchain, "build")
    for target in options.targets or known:
        if not fuzz(target, options):
            return 1
    return 0


def cargo_fuzz(toolchain: str, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call cargo-fuzz; `build` shows what it does, `run` is read."""
    tools = ROOT / "target/tools/bin"
    environment = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"}
    words = ["cargo", f"+{toolchain}", "fuzz", command, "--target-dir", "target/fuzz", *arguments]
    return subprocess.run(
        words,
        cwd=ROOT,
        env=environment,
        check=command == "build",
        stderr=subprocess.PIPE if command == "run" else None,
        text=True,
        errors="replace",
    )


def fuzz(target: str, options: argparse.Namespace) -> bool:
    """Run a target; true, and figures are kept, if it found nothing."""
    corpus = ROOT / "fuzz/corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    (ROOT / "fuzz/artifacts" / target).mkdir(parents=True, exist_ok=True)
    length = LONGEST if target in LARGE_TARGETS else SMALL
    done = cargo_fuzz(
        options.toolchain,
        "run",
        target,
        str(corpus),
        str(ROOT / "tests/fuzz/seeds" / target),
        "--",
        f"-max_total_time={options.seconds}",
        f"-seed={options.seed}",
        f"-max_len={length}",
        f"-malloc_limit_mb={MALLOC_LIMIT}",
        f"-rss_limit_mb={RSS_LIMIT}",
        "-timeout=20",
        "-print_final_stats=1",
        "-verbosity=1",
    )
    if done.returncode != 0:
        sys.stderr.write(done.stderr[-8000:])
        print(f"{target}: failed")
        return False
    figures = read_figures(done.stderr)
    print(f"{target}: {figures}", flush=True)
    facts = {
        "figures": figures,
        "command": f"make fuzz TARGETS={target} SECONDS={options.seconds} SEED={options.seed}",
        "seed": options.seed,
        "size": "full" if options.seconds >= FULL else f"{options.seconds} s of {FULL}",
        "commit": commit(),
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    words = "".join(f"{fact}: {value}\n" for fact, value in facts.items())
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"fuzz_{target}.txt").write_text(words, encoding="utf-8")
    return True


def read_figures(log: str) -> str:
    """Read what libFuzzer says at its end."""
    stats = dict(re.findall(r"stat::(\w+):\s+(\d+)", log))
    covered = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", log)
    edges, features, inputs = (int(number) for number in covered[-1])
    runs, seconds = re.findall(r"Done (\d+) runs in (\d+) second", log)[-1]
    return (
        f"{int(runs):,} executions in {int(seconds):,} s, {edges:,} edges and {features:,} "
        f"features covered, {inputs:,} inputs kept, peak {stats['peak_rss_mb']} MB resident "
        "under ASan, 0 crashes"
    )


def commit() -> str:
    """Name what was tested."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607 - the one on the path
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip()

    # The results themselves are the one change that a run makes.
    changed = git("status", "--porcelain", "--", ".", ":!tests/proof/results")
    return (git("rev-parse", "HEAD") or "unknown") + (" with changes" if changed else "")


if __name__ == "__main__":
    sys.exit(main())
