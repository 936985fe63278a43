"""benches/README.md, made from the results: the newest of the codecs and of the living store, and
the newest comparisons in full size. ``tests/python/test_bench_page.py`` compares it with them.
"""

import json
from pathlib import Path
from typing import Any

from comparison import workloads
from comparison.options import PROJECT, RESULTS
from comparison.reasons import reason
from comparison.report import figure, rank
from comparison.result import Result

PAGE = PROJECT / "benches" / "README.md"

HEAD = """\
# Benches

Made from the files in [results](results) by `benches/comparison/page.py`, each time that one of the
commands below has run; a test compares the two. Change it there.

| what | command | where its figures go |
| --- | --- | --- |
| [The codecs](#codecs) beside pco, zstd and ALP: bits a value, encoding, decoding (`codec.rs`) | \
`make bench-kernel ARGS=codec` | `codec-*.txt`, `.json`, `.svg` |
| [A living store](#a-living-store): late rows, deletes, commits, opening, last rows, packing \
(`living.rs`) | `make bench-kernel ARGS=living` | `living-*.txt` |
| [From C](#from-c) beside Rust: a row appended, points scanned (`capi.rs`, `capi/capi.c`) | \
`make bench-kernel ARGS=capi` | `capi-*.txt` |
| Appending a row, a flush, a scan, for those who change them (`spine.rs`) | \
`make bench-kernel ARGS=spine` | `spine-*.txt` |
| [chronolite from Python beside others](#beside-others) (`compare.py`, `comparison/`) | \
`make bench-peers` | `compare-*.txt`, `.json`, `.svg` |
| [Timelog](#timelog) beside timelog-lib, sortedcontainers and lists (`timelog.py`) | \
`make bench-timelog` | `timelog-*.txt` |
| [ChronoMap](#chronomap) beside chronomap (`chronomap.py`) | \
`make bench-chronomap` | `chronomap-*.txt` |

`make bench` is all of them. Figures are of one machine, which others may have used meanwhile:
compare those of one run.
"""

CODECS = """\
Of each set all rows, on one core, in cache. A cell is bits a value / MB of values decoded a second.
`flushed`, `balanced` and `size` are what chronolite chooses when it flushes and when it packs by
those policies, in blocks of 16,384 rows, in `size` of 65,536. `pco` (its own standalone format) and
`zstd` (of the bytes of the values) get all rows in one piece. `alp+fastlanes` is ALP as its paper
has it, by the crates of those names, which are compiled for any machine of the architecture where
ours look for AVX2 when they run. Gorilla is chronolite's own and chosen by nobody. Missing values
are left out. The text file has encoding too, and each of chronolite's codecs alone.
"""

OTHERS = """\
The text file says how it was measured, and why a figure is missing. Best first; a star marks those
that got fewer rows.
"""

# Columns of the table of codecs: kind and name in the JSON, and the title.
COLUMNS = (
    ("choice", "flushed"),
    ("choice", "balanced"),
    ("choice", "size"),
    ("peer", "pco 4"),
    ("peer", "pco 8"),
    ("peer", "alp+fastlanes"),
    ("peer", "zstd 3"),
    ("peer", "zstd 19"),
    ("codec", "gorilla"),
)


def write() -> None:
    """Makes it again."""
    PAGE.write_text(render(RESULTS), encoding="utf-8")


def render(results: Path) -> str:
    """All of it. What has no result yet is left out."""
    parts = [HEAD]
    if found := newest(results, "codec-*.json"):
        parts.append(codecs(found))
    if found := newest(results, "living-*.txt"):
        parts.append(living(found))
    if found := newest(results, "capi-*.txt"):
        parts.append(from_c(found))
    if runs := newest_of_each(results):
        parts.append("\n".join(["## Beside others\n", OTHERS]))
        parts += [beside_others(path, names) for path, names in runs]
    if found := newest(results, "timelog-*.txt"):
        parts.append(timelog(found))
    if found := newest(results, "chronomap-*.txt"):
        parts.append(chronomap(found))
    return "\n".join(parts)


def newest(results: Path, pattern: str) -> Path | None:
    """Names hold the time."""
    return max(results.glob(pattern), default=None)


def newest_of_each(results: Path) -> list[tuple[Path, list[str]]]:
    """The comparisons in full size, the newest first, and the workloads that no newer one has."""
    runs = []
    left = list(workloads.WORKLOADS)
    for path in sorted(results.glob("compare-*.json"), reverse=True):
        asked = json.loads(path.read_text(encoding="utf-8"))["options"]
        names = [name for name in left if asked["scale"] == 1 and name in asked["only"]]
        if names:
            runs.append((path, names))
        left = [name for name in left if name not in names]
    return runs


def of_run(path: Path, about: dict[str, str]) -> str:
    """Which file, and where it was measured."""
    left_out = ("packages", "file system", "scale", "remark")
    machine = "; ".join(f"{name}: {value}" for name, value in about.items() if name not in left_out)
    text = path.with_suffix(".txt").name
    remark = f"\n\n{about['remark']}" if "remark" in about else ""
    return f"From [{text}](results/{text}). {machine}.{remark}\n"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Cells as Markdown has them."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def codecs(path: Path) -> str:
    """The table, the plot and the targets."""
    run = json.loads(path.read_text(encoding="utf-8"))
    by_name = {(f["data"], f["kind"], f["who"]): f for f in run["figures"]}
    rows = []
    for data in run["sets"]:
        name = data["name"]
        cells = (by_name.get((name, kind, who)) for kind, who in COLUMNS)
        shown = [f"{bits(f['bits'])} / {f['decode']:,.0f}" if f else "-" for f in cells]
        rows.append([f"{name} ({data['type']}, {data['rows']:,})", *shown])
    return "\n".join(
        [
            "## Codecs\n",
            of_run(path, run["machine"]),
            CODECS,
            table(["set (type, rows)", *(who for _, who in COLUMNS)], rows),
            f"![Times smaller than raw against MB decoded a second](results/{path.stem}.svg)\n",
            codec_targets(run),
        ]
    )


def bits(value: float) -> str:
    """Two decimals, or what there is."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def codec_targets(run: dict[str, Any]) -> str:
    """How many are met, and why those are not that are not."""
    lines, missed = [], []
    for target in run["targets"]:
        of = [verdict for verdict in run["verdicts"] if verdict["target"] == target["name"]]
        met = sum(verdict["met"] for verdict in of)
        lines.append(f"- {target['text']}: met for {met} of {len(of)} sets.\n")
        missed += [verdict for verdict in of if not verdict["met"]]
    rows = [
        [
            verdict["target"],
            verdict["data"],
            f"{verdict['found']:,.4g}",
            f"{verdict['wanted']:,.4g} {verdict['of']}".strip(),
            reason("codec", verdict["target"], verdict["data"]),
        ]
        for verdict in missed
    ]
    return "".join(lines) + misses(["target", "set", "found", "wanted", "why"], rows)


def misses(head: list[str], rows: list[list[str]]) -> str:
    """A table of them, if there are any."""
    return f"\nMissed:\n\n{table(head, rows)}" if rows else ""


def living(path: Path) -> str:
    """A living store."""
    what = "The last column is the target, where there is one.\n"
    return as_printed("A living store", what, path)


def from_c(path: Path) -> str:
    """A call from C beside one from Rust."""
    what = "The C library is that of `make install-c`. The last column is the target.\n"
    return as_printed("From C", what, path)


def timelog(path: Path) -> str:
    """Objects in memory, beside peers."""
    what = (
        "Best of some rounds, all taking turns; `ratio` is that of chronolite to timelog-lib, "
        "`wanted` of that ratio or, with a unit, of chronolite's figure.\n"
    )
    return as_printed("Timelog", what, path)


def chronomap(path: Path) -> str:
    """A map with its history, beside a peer."""
    what = (
        "Best of some rounds, turn by turn; `ratio` is how many times as fast chronolite is, "
        "`wanted` of its own figure.\n"
    )
    return as_printed("ChronoMap", what, path)


def as_printed(title: str, what: str, path: Path) -> str:
    """What a bench printed, below where it ran."""
    head, _, text = path.read_text(encoding="utf-8").partition("\n\n")
    about = dict(line.split(": ", 1) for line in head.splitlines())
    printed = f"```text\n{text.strip()}\n```\n"
    return "\n".join([f"## {title}\n", of_run(path, about), what, printed])


def beside_others(path: Path, names: list[str]) -> str:
    """For each of some workloads of a run a table, and the targets."""
    run = json.loads(path.read_text(encoding="utf-8"))
    fields = Result.__dataclass_fields__
    results = [Result(**{k: v for k, v in one.items() if k in fields}) for one in run["results"]]
    targets = [target for target in run["targets"] if target["workload"] in names]
    parts = [of_run(path, run["machine"])]
    for workload in names:
        of = [result for result in results if result.workload == workload]
        parts.append(f"### {workloads.load(workload).TITLE}\n")
        works = dict.fromkeys(result.work for result in of)
        rows = [[work, *best([result for result in of if result.work == work])] for work in works]
        parts.append(table(["work", "chronolite", "others"], rows))
    parts.append(f"![A bar for each figure](results/{path.stem}.svg)\n")
    missed = [target for target in targets if target["met"] is False]
    met = sum(target["met"] is True for target in targets)
    rows = [
        [
            f"{target['workload']}: {target['work']}",
            target["who"],
            f"{target['found']:.3g}",
            target["wanted"],
            reason("compare", target["workload"], target["work"]),
        ]
        for target in missed
    ]
    parts.append(f"{met} of {len(targets)} targets are met.\n")
    return "\n".join(parts) + misses(["work", "who", "found", "wanted", "why"], rows)


def best(results: list[Result]) -> list[str]:
    """Chronolite's figures for a piece of work, and those of others."""
    ranked = sorted((result for result in results if result.best), key=rank)
    most = max((result.rows for result in results), default=0)
    whose: dict[bool, list[str]] = {True: [], False: []}
    for result in ranked:
        star = "\\*" if result.rows < most else ""
        text = f"{result.who}{star} {figure(result.best or 0.0)} {result.unit}"
        whose[result.peer.startswith("chronolite")].append(text)
    return ["; ".join(whose[ours]) or "-" for ours in (True, False)]
