//! Ranges, filters, buckets and a moment that stays: `cargo run --example ranges`.

use chronolite::{
    Aggregate, DataType, Db, DbOptions, DownsampleSpec, Fill, Predicate, STREAM_ROWS, ScanSpec,
    TableSpec,
};

const DAY: i64 = 86_400_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    for hour in (0..24 * 3).filter(|hour| hour / 24 != 1) {
        sensor.append_row(i64::from(hour) * DAY / 24, &[f64::from(hour % 24).into()])?;
    }

    // A range of time is half-open; a filter is text, or made in code.
    let warm = ScanSpec::range(0, DAY).filter(Predicate::parse("temp >= 20")?).reverse();
    for batch in sensor.scan(warm)?.stream(STREAM_ROWS, None)? {
        println!("{} warm hours of the first day, as Arrow", batch?.num_rows());
    }

    // Daily means; the day without rows is filled.
    let days = DownsampleSpec::new(DAY, [("temp", vec![Aggregate::Mean])]).fill(Fill::Previous);
    for piece in sensor.downsample(days)?.batches(STREAM_ROWS)? {
        let piece = piece?;
        for (start, mean) in piece[0].values::<i64>().iter().zip(piece[1].values::<f64>()) {
            println!("day {}: {mean}", start / DAY);
        }
    }

    // A snapshot shows its moment, whatever is written.
    let before = db.snapshot()?;
    sensor.delete(Some(0), Some(DAY), None)?;
    let then = before.table("sensor")?;
    println!("{} rows now, {} before", sensor.len()?, then.len()?);
    let newest = then.asof(DAY + DAY / 2, None)?;
    println!("before, as of noon of the second day: {} row", newest.count()?);
    db.close()?;
    Ok(())
}
