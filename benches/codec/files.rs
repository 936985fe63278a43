//! The sets of `../shared/data`, all of their rows; a file that is not there is passed over. Missing
//! values (`NA`) are left out, as the peers have none.

use std::path::PathBuf;

use chronolite::base::{Column, DataType, iso8601};

use crate::data::Data;

/// A file and what its sets are called; of the weather there are many.
const RAW: [&str; 2] = ["city_temperature_f_tw", "food_prices_tw"];
const CSV: [(&str, &str); 3] = [
    ("ec2_cpu_utilization_5f5533.csv", "ec2"),
    ("machine_temperature_system_failure.csv", "machine"),
    ("nyc_weather_2013.csv", "weather"),
];

pub(crate) fn sets() -> Vec<Data> {
    let raw = RAW.into_iter().filter_map(|name| {
        let bytes = std::fs::read(path(&format!("{name}.bin"))).ok()?;
        let values = bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
        Some(floats(name.into(), values))
    });
    let csv = CSV.into_iter().filter_map(|(file, name)| {
        let text = std::fs::read_to_string(path(file)).ok()?;
        Some(columns(name, &text))
    });
    raw.chain(csv.flatten()).collect()
}

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(file)
}

/// The columns that are times or numbers; none of the files has quotes.
fn columns(name: &str, text: &str) -> Vec<Data> {
    let mut lines = text.lines();
    let titles: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let column = |(index, title): (usize, &&str)| {
        let cells = rows.iter().filter_map(|row| row.get(index).copied());
        let cells: Vec<&str> = cells.filter(|cell| *cell != "NA").collect();
        of_cells(format!("{name} {title}"), &cells)
    };
    titles.iter().enumerate().filter_map(column).collect()
}

/// Integers, floats, or times in milliseconds, whichever all cells are.
fn of_cells(name: String, cells: &[&str]) -> Option<Data> {
    fn all<T>(cells: &[&str], parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
        cells.iter().map(|cell| parse(cell)).collect()
    }
    let milliseconds = |cell: &str| i64::try_from(iso8601::parse(cell).ok()? / 1_000_000).ok();
    if let Some(values) = all(cells, |cell| cell.parse().ok()) {
        return Some(integers(name, values));
    }
    if let Some(values) = all(cells, |cell| cell.parse().ok()) {
        return Some(floats(name, values));
    }
    all(cells, milliseconds).map(|values| integers(name, values))
}

fn integers(name: String, values: Vec<i64>) -> Data {
    Data { name, ty: DataType::I64, column: Column::from_vec(values), decimal: false }
}

fn floats(name: String, values: Vec<f64>) -> Data {
    Data { name, ty: DataType::F64, column: Column::from_vec(values), decimal: true }
}
