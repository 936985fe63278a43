"""On what the figures were taken: no names of hosts, users or folders."""

import os
import platform
import sqlite3
import subprocess
import tomllib
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "chronolite",
    "arcticdb",
    "duckdb",
    "nanots-db",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pylance",
)
CRATES = ("alp", "fastlanes", "pco", "zstd", "zstd-sys")


def describe(scratch: Path) -> dict[str, str]:
    """A line for each thing that a figure may hang on."""
    versions = {name: version(name) for name in PACKAGES}
    versions["SQLite"] = sqlite3.sqlite_version
    return {
        **hardware(scratch),
        "Python": platform.python_version(),
        "packages": listed(versions),
        "load when it began": load(),
    }


def of_kernel(scratch: Path) -> dict[str, str]:
    """The same for the benches in Rust."""
    locked = tomllib.loads((PROJECT / "Cargo.lock").read_text())["package"]
    versions = {crate["name"]: crate["version"] for crate in locked if crate["name"] in CRATES}
    return {
        **hardware(scratch),
        "Rust": answer(["rustc", "--version"]).removeprefix("rustc "),
        "crates": listed(versions),
        "load when it began": load(),
    }


def hardware(scratch: Path) -> dict[str, str]:
    """When, of what, and on what."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "memory": f"{memory_gib():.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "file system": file_system(scratch),
    }


def listed(versions: dict[str, str]) -> str:
    """Names and versions."""
    return ", ".join(f"{name} {found}" for name, found in versions.items())


def answer(command: list[str]) -> str:
    """What it prints; empty if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def version(package: str) -> str:
    """As installed here."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def commit() -> str:
    """Of this work tree, and whether it was changed since."""
    git = ["git", "-C", str(PROJECT)]
    found = answer([*git, "rev-parse", "HEAD"]) or "unknown"
    sources = ["src", "python", "Cargo.toml", "Cargo.lock"]
    changed = answer([*git, "status", "--porcelain", "--", *sources])
    return f"{found}, with changes in the sources" if changed else found


def processor() -> str:
    """The model, as the kernel names it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def memory_gib() -> float:
    """Of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def file_system(folder: Path) -> str:
    """The type of the one that holds the files of the measurements."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, found, *_ = line.split()
        if folder.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, found
    return kind


def load() -> str:
    """Processes that ran or waited, over 1, 5 and 15 minutes."""
    return ", ".join(f"{value:.2f}" for value in os.getloadavg())


def remark(before: str, after: str) -> str:
    """What has to be said of the figures if others used the processor; empty if nobody did.

    The comparison itself keeps about as many processes running as there are cores.
    """
    most = max(float(value) for loads in (before, after) for value in loads.split(", "))
    if most <= (os.cpu_count() or 1) + 1:
        return ""
    return (
        f"OTHERS USED THE MACHINE (load up to {most:g}): figures and ratios are rough; a call that "
        "sleeps, as a durable commit by one thread does, is slowed down the most."
    )
