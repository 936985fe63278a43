"""What ``benches/compare.py`` can be asked; also read by it, before there is an environment."""

import argparse
from pathlib import Path

from comparison.peers import PEERS
from comparison.workloads import WORKLOADS

PROJECT = Path(__file__).resolve().parents[2]
RESULTS = PROJECT / "benches" / "results"
SCRATCH = PROJECT / "target"


def chosen(peer: str, options: argparse.Namespace) -> bool:
    """By its name, or by that of its family: ``chronolite`` is all of its storages."""
    family, _, _ = peer.partition("-")
    return not options.peers or peer in options.peers or family in options.peers


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options, checked."""
    parser = argparse.ArgumentParser(
        prog="benches/compare.py",
        description="chronolite beside its peers, on the same data, in one run.",
    )
    parser.add_argument(
        "--only",
        type=NameList(WORKLOADS),
        default=list(WORKLOADS),
        metavar="NAMES",
        help=f"workloads, with commas between them: {', '.join(WORKLOADS)}",
    )
    parser.add_argument(
        "--peers",
        type=NameList(tuple(PEERS)),
        default=[],
        metavar="NAMES",
        help=f"peers, with commas between them: {', '.join(PEERS)}",
    )
    parser.add_argument("--rounds", type=at_least_one, default=5, help="best of so many (5)")
    parser.add_argument("--scale", type=share, default=1.0, help="of the full size (1)")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="where the files go (benches/results)"
    )
    parser.add_argument(
        "--scratch",
        type=Path,
        default=SCRATCH,
        help="where data and files go for as long as it runs (target)",
    )
    return parser.parse_args(arguments)


class NameList:
    """Checks names as an option is parsed."""

    def __init__(self, known: tuple[str, ...]) -> None:
        self.known = known

    def __call__(self, text: str) -> list[str]:
        """Unknown names are refused before anything is run."""
        found = [name.strip() for name in text.split(",") if name.strip()]
        unknown = [name for name in found if name not in self.known]
        if unknown or not found:
            known = ", ".join(self.known)
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are: {known}")
        return found


def at_least_one(text: str) -> int:
    """A number of rounds."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("it takes one round at least")
    return value


def share(text: str) -> float:
    """Above 0, and at most 1."""
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError("above 0, and at most 1")
    return value
