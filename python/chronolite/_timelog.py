"""``Timelog``: a multimap from time to Python objects, in memory.

The rows are in the kernel (``chronolite._core._TimelogBase``); here are options and their checks,
presets, arrays, and files.
"""

from __future__ import annotations

import atexit
import math
import operator
import weakref
from collections.abc import Iterator
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self, TypeAlias

from chronolite._core import _TimelogBase
from chronolite._errors import TimelogBusyError, TimelogError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["TL_TS_MAX", "TL_TS_MIN", "Record", "RecordIter", "Timelog"]

TL_TS_MIN = -(2**63)
TL_TS_MAX = 2**63 - 1

Record: TypeAlias = tuple[int, object]
RecordIter: TypeAlias = Iterator[Record]

UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
MODES = ("background", "disabled")
POLICIES = ("raise", "silent", "flush")

COMPACTION = {
    "target_bytes": "compaction_target_bytes",
    "max_inputs": "max_compaction_inputs",
    "max_windows": "max_compaction_windows",
}
# In the order in which the kernel takes them.
ADAPTIVE = (
    "target_records",
    "min_window",
    "max_window",
    "hysteresis_pct",
    "window_quantum",
    "alpha",
    "warmup_flushes",
    "stale_flushes",
    "failure_backoff_threshold",
    "failure_backoff_pct",
)

SIZES = (
    "memtable_max_bytes",
    "target_page_bytes",
    "sealed_max_runs",
    "ooo_budget_bytes",
    "max_delta_segments",
    "compaction_target_bytes",
    "max_compaction_inputs",
    "max_compaction_windows",
)
SHORT = ("sealed_wait_ms", "maintenance_wakeup_ms", "drain_batch_limit")

UNCHANGED: Any = object()

# By identity: a subclass may compare as it likes.
with_worker: weakref.WeakValueDictionary[int, Timelog] = weakref.WeakValueDictionary()


@atexit.register
def _stop_workers() -> None:
    """A worker may not wait for an interpreter that has ended."""
    _TimelogBase._no_more_workers()
    for log in list(with_worker.values()):
        log._stop()


def _choice(name: str, label: str, value: Any, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {type(value).__name__}")
    if value not in choices:
        expected = ", ".join(map(repr, choices))
        raise ValueError(f"Invalid {label}: {value!r} (expected one of {expected})")
    return value


def _whole(name: str, value: Any, most: int | None = None) -> int:
    number = operator.index(value)
    if most is not None and not 0 <= number <= most:
        raise ValueError(f"{name} must be 0-{most}, not {number}")
    if number < 0:
        raise ValueError(f"{name} must be >= 0, not {number}")
    return number


def _share(name: str, value: Any) -> float:
    if isinstance(value, str):
        raise TypeError(f"{name} must be a real number, not str")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, not {number}")
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"{name} must be in [0.0, 1.0], not {number}")
    return number


def _spread(name: str, given: object, keys: dict[str, str], options: dict[str, Any]) -> None:
    """Puts the entries of a dict of options beside the options of the same meaning."""
    if given is None:
        return
    if not isinstance(given, dict):
        raise TypeError(f"{name} must be a dict or None, not {type(given).__name__}")
    for key, value in given.items():
        if not isinstance(key, str):
            raise TypeError(f"{name} keys must be str, not {type(key).__name__}")
        if key not in keys:
            raise ValueError(f"Unknown key {key!r} in {name} dict; it takes {', '.join(keys)}")
        if options.get(keys[key]) is not None:
            raise ValueError(f"Cannot specify both {keys[key]} and {name}={{{key!r}: ...}}")
        options[keys[key]] = value


def _kernel_options(options: dict[str, Any]) -> dict[str, Any]:
    """Options of tuning as the kernel takes them; the checked ones of a log are not among them."""
    _spread("compaction", options.pop("compaction"), COMPACTION, options)
    adaptive = {key: f"adaptive_{key}" for key in ADAPTIVE}
    _spread("adaptive", options.pop("adaptive"), adaptive, options)
    options = {name: 0 if value is None else value for name, value in options.items()}
    out: dict[str, Any] = {name: _whole(name, options[name]) for name in SIZES}
    out |= {name: _whole(name, options[name], 2**32 - 1) for name in SHORT}
    out["window_origin"] = operator.index(options["window_origin"])
    out["window_size"] = operator.index(options["window_size"])
    if out["window_size"] < 0:
        raise ValueError(f"window_size must be in [0, INT64_MAX], not {out['window_size']}")
    out["delete_debt_threshold"] = _share("delete_debt_threshold", options["delete_debt_threshold"])
    out["adaptive"] = _adaptive({key: options[name] for key, name in adaptive.items()})
    return out


def _adaptive(given: dict[str, Any]) -> tuple[float, ...] | None:
    numbers: dict[str, float] = {
        key: _share("adaptive_alpha", value) if key == "alpha" else _whole(f"adaptive_{key}", value)
        for key, value in given.items()
    }
    if numbers["max_window"] and numbers["min_window"] > numbers["max_window"]:
        raise ValueError(
            f"adaptive_min_window ({numbers['min_window']}) must be <= adaptive_max_window "
            f"({numbers['max_window']})"
        )
    # Without a target windows are as they were set.
    return tuple(numbers[key] for key in ADAPTIVE) if numbers["target_records"] else None


class Timelog(_TimelogBase):
    """An in-memory multimap from time to Python objects: rows ``(ts, obj)``, sorted by time,
    those of one time in the order of arrival.

    Times are int64 in ``time_unit``, and nothing else is a time: a bool or a float is a
    ``TypeError``, an integer past int64 an ``OverflowError``. Ranges are half-open. Readers see one
    moment, however long they take; several threads may read and write at once.

    >>> log = cl.Timelog(time_unit="ms")
    >>> log[1_700_000_000_000] = {"event": "boot"}
    >>> log.extend([(1_700_000_000_050, "tick"), (1_700_000_000_020, "late")])
    >>> [obj for ts, obj in log[1_700_000_000_000:1_700_000_000_050]]
    [{'event': 'boot'}, 'late']
    >>> del log[:1_700_000_000_020]
    >>> len(log)
    2
    >>> log.close()

    Args:
        time_unit: of the times: ``"s"``, ``"ms"``, ``"us"``, ``"ns"``.
        maintenance: ``"background"`` (a thread flushes and compacts) or ``"disabled"`` (``flush``,
            ``maint_step``).
        busy_policy: what a write does when memtables fill faster than they are flushed: ``"raise"``
            a ``TimelogBusyError`` (the write is in all the same), ``"silent"``, or ``"flush"``.
        min_ts: rows below it are refused with a ``ValueError``.
        mostly_ordered_default: taken and reported; whether rows come in order is seen from them.
        memtable_max_bytes: of a memtable before it is sealed, 24 bytes a row (default 1 MiB).
        target_page_bytes: of a page that ``views`` hands out, 16 bytes a row (default: whole
            segments).
        sealed_max_runs: sealed memtables that may wait for being flushed (default 4).
        drain_batch_limit: objects that one call lets go of, at most (default: all).
        ooo_budget_bytes: of late rows in a memtable before it is sealed (default: an eighth of it).
        sealed_wait_ms: how long a write waits for the worker under pressure (default 100).
        maintenance_wakeup_ms: how often the worker looks, unasked (default 100).
        max_delta_segments: L0 segments that are compacted unasked (default 8).
        window_size, window_origin: where L1 segments are cut, in units of time (default: by rows).
        delete_debt_threshold: the share of an L1 segment's time that may be deleted before it is
            rewritten unasked (default 0: any).
        compaction: a dict of ``target_bytes`` (of an L1 segment, default 1 MiB), ``max_inputs`` (L0
            segments a step), ``max_windows`` (segments made of the rows between two others).
        adaptive: a dict for windows that follow the density of the rows: ``target_records``
            (0: they do not), ``min_window``, ``max_window``, ``hysteresis_pct``,
            ``window_quantum``, ``alpha``, ``warmup_flushes``, ``stale_flushes``,
            ``failure_backoff_threshold``, ``failure_backoff_pct``.

    Numbers of 0 leave an option to the engine, but for ``sealed_wait_ms``: there it is no wait.
    Source: the PyPI package timelog-lib, whose names these are.
    """

    __slots__ = ("_config",)

    _config: dict[str, Any]

    def __init__(
        self,
        time_unit: str = "ms",
        maintenance: str = "background",
        busy_policy: str = "raise",
        min_ts: int | None = None,
        mostly_ordered_default: bool | None = None,
        *,
        memtable_max_bytes: int = 0,
        target_page_bytes: int = 0,
        sealed_max_runs: int = 0,
        drain_batch_limit: int = 0,
        ooo_budget_bytes: int = 0,
        sealed_wait_ms: int = 100,
        maintenance_wakeup_ms: int = 0,
        max_delta_segments: int = 0,
        window_size: int = 0,
        window_origin: int = 0,
        delete_debt_threshold: float = 0.0,
        compaction: dict[str, int] | None = None,
        adaptive: dict[str, float] | None = None,
        compaction_target_bytes: int | None = None,
        max_compaction_inputs: int | None = None,
        max_compaction_windows: int | None = None,
        adaptive_target_records: int | None = None,
        adaptive_min_window: int | None = None,
        adaptive_max_window: int | None = None,
        adaptive_hysteresis_pct: int | None = None,
        adaptive_window_quantum: int | None = None,
        adaptive_alpha: float | None = None,
        adaptive_warmup_flushes: int | None = None,
        adaptive_stale_flushes: int | None = None,
        adaptive_failure_backoff_threshold: int | None = None,
        adaptive_failure_backoff_pct: int | None = None,
    ) -> None:
        options = {name: value for name, value in locals().items() if name in TUNING}
        if not self.closed:
            raise TypeError(f"{type(self).__name__} already initialized")
        _choice("time_unit", "time_unit", time_unit, tuple(UNITS))
        _choice("maintenance", "maintenance mode", maintenance, MODES)
        _choice("busy_policy", "busy_policy", busy_policy, POLICIES)
        ordered: Any = True if mostly_ordered_default is None else mostly_ordered_default
        if type(ordered) is not bool:
            kind = type(ordered).__name__
            raise TypeError(f"mostly_ordered_default must be bool or None, not {kind}")
        opened = self._open(
            unit=UNITS[time_unit],
            floor=min_ts,
            background=maintenance == "background",
            busy_policy=busy_policy,
            **_kernel_options(options),
        )
        if not opened:  # another thread was first
            raise TypeError(f"{type(self).__name__} already initialized")
        self._config = {
            "time_unit": time_unit,
            "maintenance": maintenance,
            "busy_policy": busy_policy,
            "min_ts": self.min_ts_floor,
            "mostly_ordered_default": ordered,
        }
        if maintenance == "background":
            with_worker[id(self)] = self

    @classmethod
    def for_streaming(cls, **options: Any) -> Self:
        """A log for rows that keep coming: a worker, and a flush under pressure.

        >>> log = cl.Timelog.for_streaming(time_unit="us")
        >>> log.append("tick")
        >>> len(log)
        1
        >>> log.close()
        """
        return cls(**{"maintenance": "background", "busy_policy": "flush", **options})

    @classmethod
    def for_bulk_ingest(cls, **options: Any) -> Self:
        """A log for much at once: no worker, memtables of 16 MiB, a flush under pressure.

        >>> log = cl.Timelog.for_bulk_ingest()
        >>> log.extend(range(1000), range(1000))
        >>> log.flush()
        """
        preset: dict[str, Any] = {
            "maintenance": "disabled",
            "busy_policy": "flush",
            "memtable_max_bytes": 16 << 20,
        }
        return cls(**(preset | options))

    @classmethod
    def for_low_latency(cls, **options: Any) -> Self:
        """A log whose writes never wait: a worker, memtables of 256 KiB, an error under pressure.

        >>> log = cl.Timelog.for_low_latency()
        >>> log.append(5, "now")
        >>> log.close()
        """
        preset: dict[str, Any] = {
            "maintenance": "background",
            "busy_policy": "raise",
            "memtable_max_bytes": 256 << 10,
            "sealed_wait_ms": 0,
        }
        return cls(**(preset | options))

    @property
    def time_unit(self) -> str:
        """The unit of times.

        >>> cl.Timelog(maintenance="disabled").time_unit
        'ms'
        """
        return str(self._config["time_unit"])

    @property
    def maintenance_mode(self) -> str:
        """``"background"`` or ``"disabled"``.

        >>> cl.Timelog(maintenance="disabled").maintenance_mode
        'disabled'
        """
        return str(self._config["maintenance"])

    @property
    def busy_policy(self) -> str:
        """What a write does under pressure.

        >>> cl.Timelog(maintenance="disabled").busy_policy
        'raise'
        """
        return str(self._config["busy_policy"])

    def maint_step(self) -> bool:
        """Flushes one sealed memtable, or else compacts once if that is due or was asked for; False
        if there was nothing to do. Only without a worker.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.append(1, "a")
        >>> log.flush()
        >>> log.compact()
        >>> log.maint_step(), log.maint_step()
        (True, False)
        """
        self._stand_open()
        if self.maintenance_mode == "background":
            raise TimelogError("maint_step: invalid state: a worker does this (maintenance)")
        return self._step()

    def start_maintenance(self) -> None:
        """Starts the worker, if it does not run.

        >>> log = cl.Timelog(maintenance="background")
        >>> log.start_maintenance()
        >>> log.close()
        """
        self._stand_open()
        if self.maintenance_mode != "background":
            raise TimelogError("start_maintenance requires maintenance='background'")
        self._start()

    def stop_maintenance(self) -> None:
        """Stops the worker, if it runs, and waits until it has ended.

        >>> log = cl.Timelog()
        >>> log.stop_maintenance()
        >>> log.close()
        """
        self._stand_open()
        self._stop()

    def stats(self) -> dict[str, dict[str, Any]]:
        """What the log holds and what happened since it was opened, as plain numbers.

        ``storage`` (segments of L0 and L1, their pages, ``records_estimate``: the rows shown,
        exactly; the least and greatest time, tombstones included), ``memtable``, ``operational``,
        ``compaction_selection``, ``adaptive``, ``config``.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend([(1, "a"), (3, "c"), (2, "b")])
        >>> log.stats()["memtable"]
        {'active_records': 2, 'ooo_records': 1, 'sealed_runs': 0}
        """
        return {**self._stats(), "config": dict(self._config)}

    def to_numpy(
        self,
        t1: int | None = None,
        t2: int | None = None,
        *,
        dtype: Any = None,
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Times as int64 and objects as numbers (float64, or ``dtype``), in fresh arrays.

        Objects are converted as NumPy converts them; one that cannot be is an error that says in
        which row.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend([(1, 0.5), (2, 3)])
        >>> log.to_numpy()
        (array([1, 2]), array([0.5, 3. ]))
        """
        import numpy as np  # noqa: PLC0415  (not before it is wanted)

        kind = np.dtype(float if dtype is None else dtype)
        if kind.kind not in "iuf":
            raise TypeError(
                "to_numpy() dtype must be a scalar numeric dtype (integer or float), "
                f"not dtype({str(kind)!r})"
            )
        ts, objects = self._columns(t1, t2)
        try:
            values = np.fromiter(objects, kind, len(objects))
        except Exception as error:
            row = _first_refused(objects, np.empty(1, kind))
            error.add_note(f"to_numpy(): raised at row {row} of {len(objects)}")
            raise
        return np.frombuffer(ts, np.int64).copy(), values

    def reopen(
        self,
        *,
        min_ts: int | None = UNCHANGED,
        mostly_ordered_default: bool | None = UNCHANGED,
        **options: Any,
    ) -> None:
        """Opens a closed log again, empty. ``min_ts`` and ``mostly_ordered_default`` stay unless
        they are given, other options begin from their defaults.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.append(1, "a")
        >>> log.close()
        >>> log.reopen(maintenance="disabled")
        >>> len(log)
        0
        """
        if not self.closed:
            raise TimelogError("Timelog must be closed to reopen")
        if min_ts is UNCHANGED:
            min_ts = self._config["min_ts"]
        if mostly_ordered_default is UNCHANGED:
            mostly_ordered_default = self._config["mostly_ordered_default"]
        Timelog.__init__(
            self, min_ts=min_ts, mostly_ordered_default=mostly_ordered_default, **options
        )

    def configure(
        self,
        *,
        min_ts: int | None = UNCHANGED,
        mostly_ordered_default: bool | None = UNCHANGED,
        **options: Any,
    ) -> None:
        """The same as ``reopen``.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.close()
        >>> log.configure(time_unit="ns", maintenance="disabled")
        >>> log.time_unit
        'ns'
        """
        self.reopen(min_ts=min_ts, mostly_ordered_default=mostly_ordered_default, **options)

    def save(self, path: str | PathLike[str]) -> None:
        """Writes all rows to a file, a chronolite database with a table ``timelog``; what was there
        is replaced once the new file is whole.

        Objects are None, bool, int, float, str, bytes, NumPy's numbers, and lists and dicts (with
        text for keys) of these. Another one is a ``TypeError`` that names its time.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend([(1, {"event": "boot"}), (2, b"raw")])
        >>> log.save(path.with_name("log.chl"))
        >>> list(cl.Timelog.load(path.with_name("log.chl"), maintenance="disabled"))
        [(1, {'event': 'boot'}), (2, b'raw')]
        """
        from chronolite import _timelog_file  # noqa: PLC0415  (nor what it needs)

        self._stand_open()
        _timelog_file.save(self.all(), self.time_unit, path)

    @classmethod
    def load(cls, path: str | PathLike[str], **options: Any) -> Self:
        """A new log of the rows that ``save`` wrote, in their unit of time; other options as for a
        new one. A database without such a table is an ``InvalidInputError``.

        >>> log = cl.Timelog(time_unit="us", maintenance="disabled")
        >>> log.append(1, "a")
        >>> log.save(path)
        >>> with cl.Timelog.load(path) as loaded:
        ...     print(loaded)
        <Timelog len~1 time_unit='us' [1..1]>
        """
        from chronolite import _timelog_file  # noqa: PLC0415

        unit, columns = _timelog_file.load(path)
        if options.setdefault("time_unit", unit) != unit:
            raise ValueError(f"the file is in {unit!r}, not in {options['time_unit']!r}")
        log = cls(**options)
        try:
            for times, objects in columns:
                try:
                    log.bulk_append(times, objects)
                except TimelogBusyError:  # they are in
                    log.flush()
        except BaseException:
            log.close()
            raise
        return log

    def _stand_open(self) -> None:
        if self.closed:
            self.min_ts()  # which says why

    def __enter__(self) -> Self:
        self._stand_open()
        return self

    def __exit__(self, *_exception: object) -> Literal[False]:
        self.close()
        return False

    def __reversed__(self) -> NoReturn:
        raise TypeError(
            "Timelog does not support reversed(); go back from one time to the one before with "
            "prev_ts(ts)"
        )

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    def __repr__(self) -> str:
        name = type(self).__name__
        try:
            first, last, rows = self.min_ts(), self.max_ts(), len(self)
        except TimelogError:
            return f"<{name} closed>"
        ends = "" if first is None else f" [{first}..{last}]"
        return f"<{name} len~{rows} time_unit={self.time_unit!r}{ends}>"


TUNING = frozenset(
    {*SIZES, *SHORT, "window_size", "window_origin", "delete_debt_threshold", "compaction"}
    | {"adaptive", *(f"adaptive_{key}" for key in ADAPTIVE)}
)


def _first_refused(objects: list[object], place: np.ndarray[Any, Any]) -> int:
    for row, value in enumerate(objects):
        try:
            place[0] = value
        except Exception:  # noqa: BLE001  (whatever it was that was raised before)
            return row
    return len(objects)
