//! A database, a table, some rows, and what they come to: `cargo run --example basic`.

use chronolite::{Aggregate, AggregateSpec, DataType, Db, DbOptions, ScanSpec, TableSpec};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    let columns = [("site", DataType::Utf8), ("temp", DataType::F64)];
    let sensor = db.create_table("sensor", TableSpec::new(columns).key(&["site"])?)?;

    for second in 0..3600 {
        let temp = 20.0 + f64::from(second % 600) / 128.0;
        let ts = 1_704_067_200_000 + i64::from(second) * 1000;
        sensor.append_row(ts, &["roof".into(), temp.into()])?;
    }
    // One that comes late: it is read in its place.
    sensor.append_row(1_704_067_100_000, &["cellar".into(), 12.5.into()])?;

    let wanted = [("temp", vec![Aggregate::Mean, Aggregate::Max, Aggregate::Count])];
    let all = sensor.scan(ScanSpec::default())?;
    let summary = all.aggregate(&AggregateSpec::new(wanted))?;
    for aggregate in [Aggregate::Count, Aggregate::Mean, Aggregate::Max] {
        println!("{}: {:?}", aggregate.name(), summary.get("temp", aggregate));
    }
    let cellar = sensor.key(&["cellar".into()])?;
    println!("rows of the cellar: {}", sensor.scan(ScanSpec::default().key(cellar))?.count()?);

    // What was written survives power loss from here on; the log keeps it through a kill before.
    db.flush()?;
    println!("{} rows, first and last at {:?}", sensor.len()?, sensor.time_range()?);
    db.close()?;
    Ok(())
}
