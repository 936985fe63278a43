//! Many rows at once: columns of the kernel, and record batches of Arrow: `cargo run --example ingest`.

use std::sync::Arc;
use std::time::Instant;

use chronolite::arrow_array::{ArrayRef, Float64Array, RecordBatch, TimestampMillisecondArray};
use chronolite::{Batch, Column, DataType, Db, DbOptions, TableSpec};

const ROWS: i64 = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;

    // Plain vectors: times, and a column for each value column.
    let times: Vec<i64> = (0..ROWS).map(|i| i * 1000).collect();
    let temps: Vec<f64> = (0..ROWS).map(|i| 20.0 + (i % 700) as f64 / 100.0).collect();
    let began = Instant::now();
    let batch = Batch { ts: times.into(), columns: vec![Column::from_vec(temps)] };
    println!("{} rows as vectors", sensor.append(vec![batch])?);

    // Arrow: columns by name, in any order; nulls stay nulls.
    let ts = TimestampMillisecondArray::from_iter_values((ROWS..2 * ROWS).map(|i| i * 1000));
    let temp: Float64Array =
        (0..ROWS).map(|i| (i % 10 != 0).then_some((i % 300) as f64 / 10.0)).collect();
    let columns: [(&str, ArrayRef); 2] = [("temp", Arc::new(temp)), ("ts", Arc::new(ts))];
    println!("{} rows as Arrow", sensor.append_arrow(&[RecordBatch::try_from_iter(columns)?])?);
    db.flush()?;
    eprintln!("in {:?}", began.elapsed());

    // A row that does not fit is refused, with all that came with it.
    let wrong = Batch { ts: vec![1].into(), columns: vec![Column::from_texts(["warm"])] };
    println!("refused: {}", sensor.append(vec![wrong]).expect_err("text for a float"));
    println!("{} rows", sensor.len()?);
    db.close()?;
    Ok(())
}
