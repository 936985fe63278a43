//! Figures as JSON, under the names that Python's dicts have.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::base::{Codec, TableSpec};
use crate::db::{
    ColumnStats, DbStats, MaintenanceStats, PackReport, Problem, SalvageReport, TableStats,
    VerifyReport,
};
use crate::nanots::Space;

/// What a pack did.
pub(super) fn packed(report: &PackReport) -> Value {
    json!({
        "segments_before": report.segments_before,
        "segments_after": report.segments_after,
        "rows_before": report.rows_before,
        "rows_after": report.rows_after,
        "bytes_before": report.bytes_before,
        "bytes_after": report.bytes_after,
    })
}

/// The statistics of the whole database.
pub(super) fn stats(stats: &DbStats) -> Value {
    let tables = stats.tables.iter().map(|of| (of.name.clone(), table(of)));
    json!({
        "path": shown(&stats.path),
        "file_bytes": stats.file_bytes,
        "log_bytes": stats.log_bytes,
        "generation": stats.generation,
        "epoch": stats.epoch,
        "next_seq": stats.next_seq,
        "readers": stats.readers,
        "kept_for_readers": stats.kept_for_readers,
        "write_amplification": stats.write_amplification,
        "maintenance": maintenance(&stats.maintenance),
        "tables": tables.collect::<Map<_, _>>(),
    })
}

/// What a table is made of, in the names that `create_table` takes.
pub(super) fn described(name: &str, spec: &TableSpec) -> Value {
    let columns = spec.columns.iter().map(|column| {
        json!({
            "name": column.name,
            "type": column.ty.name(),
            "codec": column.codec.map(Codec::name),
        })
    });
    json!({
        "name": name,
        "time_column": spec.time_column,
        "time_unit": spec.unit.name(),
        "time_codec": spec.time_codec.map(Codec::name),
        "columns": columns.collect::<Vec<_>>(),
        "key": spec.key.iter().map(|&at| &spec.columns[at].name).collect::<Vec<_>>(),
        "on_conflict": spec.on_conflict.name(),
        "storage": spec.storage.name(),
    })
}

fn maintenance(stats: &MaintenanceStats) -> Value {
    json!({
        "running": stats.running,
        "rounds": stats.rounds,
        "flushes": stats.flushes,
        "retention_runs": stats.retention_runs,
        "packs": stats.packs,
        "segments_before": stats.segments_before,
        "segments_after": stats.segments_after,
        "rows_packed": stats.rows_packed,
        "bytes_packed": stats.bytes_packed,
        "trims": stats.trims,
        "seconds": stats.seconds,
        "errors": stats.errors,
        "last_error": stats.last_error,
    })
}

fn table(stats: &TableStats) -> Value {
    let columns = stats.columns.iter().map(|of| (of.name.clone(), column(of)));
    let mut out = json!({
        "name": stats.name,
        "rows": stats.rows,
        "memtable_rows": stats.memtable_rows,
        "segments": stats.segments,
        "disk_bytes": stats.disk_bytes,
        "min_ts": stats.min_ts,
        "max_ts": stats.max_ts,
        "by_column": columns.collect::<Map<_, _>>(),
        "row_numbers": column(&stats.row_numbers),
    });
    let space = Space::of(stats);
    for (name, count) in space.counts() {
        out[name] = count.into();
    }
    for (name, ratio) in space.ratios() {
        out[name] = ratio.into();
    }
    out
}

fn column(stats: &ColumnStats) -> Value {
    json!({
        "type": stats.ty,
        "values": stats.values,
        "nulls": stats.nulls,
        "bytes": stats.bytes,
        "bits_per_value": stats.bits_per_value(),
        "codecs": stats.codecs,
    })
}

/// What a check of the whole file found.
pub(super) fn verified(report: &VerifyReport) -> Value {
    json!({
        "ok": report.ok(),
        "segments": report.segments,
        "blocks": report.blocks,
        "rows": report.rows,
        "bytes": report.bytes,
        "log_records": report.log_records,
        "log_bytes": report.log_bytes,
        "manifest_bytes": report.manifest_bytes,
        "free_bytes": report.free_bytes,
        "problems": problems(&report.problems),
    })
}

/// What a salvage kept and lost.
pub(super) fn salvaged(report: &SalvageReport) -> Value {
    let tables = report.tables.iter().map(|(name, of)| {
        let figures = json!({
            "rows": of.rows,
            "segments": of.segments,
            "lost_segments": of.lost_segments,
            "lost_rows": of.lost_rows,
            "log_rows": of.log_rows,
            "lost_values": of.lost_values,
        });
        (name.clone(), figures)
    });
    json!({
        "ok": report.ok(),
        "tables": tables.collect::<Map<_, _>>(),
        "problems": problems(&report.problems),
        "bytes_scanned": report.bytes_scanned,
    })
}

fn problems(found: &[Problem]) -> Value {
    let problems = found.iter().map(|problem| {
        json!({
            "file": shown(&problem.file),
            "offset": problem.offset,
            "message": problem.message,
        })
    });
    problems.collect()
}

/// A path as text; what is no UTF-8 in it is shown as �.
fn shown(path: &Path) -> Value {
    path.to_string_lossy().into()
}
