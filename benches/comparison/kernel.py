"""The kernel's own benches: what they print is kept, and of the codecs drawn."""

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime

from comparison import machine, page, plot
from comparison.options import PROJECT, RESULTS

BENCHES = ("capi", "codec", "living", "spine")
TARGET = PROJECT / "target"


def main() -> None:
    """Those that are asked for, one after the other."""
    parser = argparse.ArgumentParser(prog="benches/kernel.py")
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"of {', '.join(BENCHES)}")
    asked = parser.parse_args().benches or BENCHES
    unknown = [name for name in asked if name not in BENCHES]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are: {', '.join(BENCHES)}")
    for name in asked:
        run(name)
    page.write()


def run(name: str) -> None:
    """One of them."""
    TARGET.mkdir(exist_ok=True)
    began = machine.of_kernel(TARGET)
    began["command"] = f"make bench-kernel ARGS={name}"
    found = TARGET / "codec.json"
    text = output(name, ["--json", str(found)] if name == "codec" else [])
    began["load when it ended"] = machine.load()
    kept = RESULTS / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M}"
    head = "\n".join(f"{what}: {value}" for what, value in began.items())
    lines = (line.rstrip() for line in f"{head}\n\n{text}".splitlines())
    kept.with_suffix(".txt").write_text("\n".join(lines) + "\n")
    if name == "codec":
        figures = found.read_text()
        kept.with_suffix(".json").write_text(with_machine(began, figures))
        caption = f"{began['processor']}, {began['date']}, commit {began['commit'][:12]}"
        plot.scatter(kept.with_suffix(".svg"), json.loads(figures), caption)


def output(name: str, arguments: list[str]) -> str:
    """What it prints, shown as it comes."""
    features = []
    if name == "capi":
        # The library that `make install-c` installs.
        features = ["--features", "capi"]
        make = ["cargo", "rustc", "--locked", "--release", "--no-default-features", *features]
        make += ["--lib", "--crate-type", "cdylib,staticlib"]
        if subprocess.call(make, cwd=PROJECT) != 0:
            sys.exit("the C library was not built: see the messages above.")
    command = ["cargo", "bench", "--locked", *features, "--bench", name, "--", *arguments]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        lines = []
        for line in process.stdout or ():
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} failed: see the messages above.")
    return "".join(lines)


def with_machine(about: dict[str, str], figures: str) -> str:
    """The bench's JSON, an object a line as it is, with one more field."""
    return f'{{\n"machine": {json.dumps(about)},\n{figures.removeprefix("{").lstrip()}'


if __name__ == "__main__":
    main()
