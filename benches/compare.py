"""chronolite beside its peers, on the same data, in one run: ``python benches/compare.py``.

This file needs nothing but a Python. It makes an environment of its own (``benches/.env``) from
Python 3.12 or newer, installs the peers of ``requirements.txt`` and a release wheel of chronolite
there, and runs the package ``comparison`` in it, with the options it was given (``--help``).
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from comparison.options import parsed

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
ENVIRONMENT = HERE / ".env"
PYTHON = ENVIRONMENT / "bin" / "python"
REQUIREMENTS = HERE / "requirements.txt"
LEAST = (3, 12)
FACES = ("timelog", "chronomap")
# The peers that have to be there for a table to be made at all; any other one may be missing.
TOOLS = ("numpy", "pandas", "pyarrow", "rich", "matplotlib")


def main() -> int:
    """Makes the environment, and hands over to the package in it."""
    # The benches of single faces are files of their own, in the same environment.
    face = sys.argv[1] if sys.argv[1:2] and sys.argv[1] in FACES else None
    if face is None:
        # What cannot be asked is refused, and help given, before anything is installed.
        parsed()
    make_environment(find_python())
    install_peers()
    install_chronolite()
    environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    bench = ["-m", "comparison", *sys.argv[1:]]
    if face is not None:
        bench = [str(HERE / f"{face}.py"), *sys.argv[2:]]
    return subprocess.call([str(PYTHON), *bench], env=environment)


def version_of(python: str) -> tuple[int, ...]:
    """Its version; empty if it does not run (a shim of pyenv may be on PATH and refuse)."""
    show = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run([python, "-c", show], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(int(part) for part in answer.stdout.split())


def find_python() -> str:
    """The Python that runs this, if it is new enough; else one on PATH or of pyenv."""
    names = [f"python3.{minor}" for minor in (14, 13, 12)]
    of_pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [sys.executable, *filter(None, map(shutil.which, names))]
    candidates += map(str, sorted(of_pyenv.glob("3.*/bin/python")))
    for python in candidates:
        if version_of(python) >= LEAST:
            return python
    wanted = ".".join(map(str, LEAST))
    sys.exit(
        f"The comparison needs Python {wanted} or newer, because its peers do, and found none: "
        f"this is {sys.version.split()[0]}, and none of {', '.join(names)} on PATH runs. Install "
        "one, or run this file with it."
    )


def make_environment(python: str) -> None:
    """A venv; made again when the one that is there does not run or is too old."""
    if version_of(str(PYTHON)) >= LEAST:
        return
    say(f"making an environment from Python {'.'.join(map(str, version_of(python)))}")
    subprocess.run([python, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)


def pip(*arguments: str) -> bool:
    """Whether pip did it; what it says goes to standard error."""
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return subprocess.call([*command, *arguments]) == 0


def install_peers() -> None:
    """All at once; if that fails, one by one, so that a peer that has no wheel here stops no other.

    What is missing afterwards shows in the table, with the reason.
    """
    stamp = ENVIRONMENT / "requirements.sha256"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("installing the peers")
    if not pip("--requirement", str(REQUIREMENTS)):
        lines = (line.strip() for line in REQUIREMENTS.read_text().splitlines())
        pins = [line for line in lines if line and not line.startswith("#")]
        missing = [pin for pin in pins if not pip(pin)]
        tools = [pin for pin in missing if pin.split("==")[0] in TOOLS]
        if tools:
            sys.exit(
                f"Nothing can be compared without {', '.join(tools)}: see pip's message above."
            )
    stamp.write_text(wanted)


def install_chronolite() -> None:
    """The release wheel of this work tree. Cargo finds out what has to be built again."""
    say("building chronolite")
    if not (ENVIRONMENT / "bin" / "maturin").exists() and not pip("maturin>=1.9.4,<2"):
        sys.exit("maturin could not be installed: see pip's message above.")
    wheels = ENVIRONMENT / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    build = [str(ENVIRONMENT / "bin" / "maturin"), "build", "--release", "--locked", "--quiet"]
    build += ["--interpreter", str(PYTHON), "--out", str(wheels)]
    if subprocess.call(build, cwd=PROJECT) != 0:
        sys.exit("chronolite could not be built: see the messages above.")
    if not pip("--force-reinstall", "--no-deps", *map(str, wheels.glob("*.whl"))):
        sys.exit("chronolite's wheel could not be installed: see pip's message above.")
    if not pip("typer>=0.12"):
        say("typer could not be installed; only the command line of chronolite needs it")


def say(text: str) -> None:
    """To standard error: standard output is the table's."""
    print(f"compare: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
