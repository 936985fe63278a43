"""Why a target is missed: benches/README.md says it beside the figure.

By bench, target (of the comparison: workload) and set (of the comparison: work); an empty name
stands for all. A reason may stay here when its target is met: the next run may miss it again.
"""

AHEAD = "ahead of DuckDB, by less than is aimed at"

REASONS = {
    ("codec", "decode", "ec2 value"): (
        "a quarter of its 4,032 rows is no whole vector of 1,024, and read as a stream of bits"
    ),
    ("codec", "decode", "sensor, f32"): (
        "deltas are summed up one by one, of four bytes at the pace of eight"
    ),
    ("codec", "size", "i % 100"): (
        "each block of 65,536 rows decodes alone, and holds the hundred values once more"
    ),
    ("codec", "size, zstd 19", ""): (
        "`size` takes it of numbers that mostly repeat, as it writes others at 1 to 7 MB/s; of "
        "text level 16; and a block of 65,536 rows decodes alone"
    ),
    ("compare", "uniform", "read all to a DataFrame"): (
        "ipc maps one file and hands out views, of which nothing is read; "
        "ours compares each block with its checksum and hands out one array a column"
    ),
    ("compare", "uniform", "filter value1 > 90 to a DataFrame"): (
        "rows that match lie in every vector: nothing is skipped, and all columns are read"
    ),
    ("compare", "days", "write"): (
        "packed files: a third of the work is encoding noise; LMDB: each of 31 batches is a synced "
        "transaction, Chronostore's are one"
    ),
    ("compare", "days", "read all to a DataFrame"): (
        "320 MB are read and as many written, at the pace of memory; the peer takes a sixth of the "
        "1.29 s that the target was set by"
    ),
    ("compare", "days", "filter value1 > 90 to a DataFrame"): (
        "the rows are gone through twice: for the column asked for, and for those that match"
    ),
    ("compare", "days", "size on disk"): (
        "the file has a hole; without it 0.65. Runs after compare-20261129-0943 count blocks"
    ),
    ("compare", "sensor", "write"): AHEAD,
    ("compare", "sensor", "full scan to Arrow"): AHEAD,
    ("compare", "sensor", "1 h buckets, 4 aggregates"): AHEAD,
    ("compare", "sensor", "filter temp > 40 to Arrow"): (
        "rows that match lie in many vectors, of which all columns are decoded"
    ),
    ("compare", "sensor", "1 % range to Arrow"): (
        "3 to 4 ms of a call, on a machine that others use too: 0.28 in compare-20261128-0600"
    ),
    ("compare", "rows", "append rows"): (
        "the machine's noise: 2.02 M rows/s in compare-20261128-0600"
    ),
    ("compare", "sensor", "last row"): "of a call from Python; the machine's noise is as much",
}


def reason(bench: str, target: str, name: str) -> str:
    """The nearest one that is known."""
    for key in ((bench, target, name), (bench, target, "")):
        if key in REASONS:
            return REASONS[key]
    return "not known yet"
