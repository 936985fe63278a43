"""The kernel's own benches, their figures kept: ``python benches/kernel.py [codec living ...]``.

Runs ``cargo bench`` and leaves what it prints, with the machine's description, in
``benches/results``; of the codecs a JSON and a plot too. Then ``benches/README.md`` is made again.
Drawing takes the environment of ``compare.py``.
"""

import os
import subprocess
import sys

from compare import HERE, PYTHON, find_python, install_peers, make_environment


def main() -> int:
    """Makes the environment, and hands over to the package in it."""
    make_environment(find_python())
    install_peers()
    environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(PYTHON), "-m", "comparison.kernel", *sys.argv[1:]]
    return subprocess.call(command, env=environment)


if __name__ == "__main__":
    sys.exit(main())
