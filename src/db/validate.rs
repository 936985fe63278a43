//! Whether a row or batch fits its table, told before anything is written.

use std::borrow::Cow;

use crate::base::batch::Batch;
use crate::base::schema::{ColumnDef, DataType, TableSpec};
use crate::base::value::Value;
use crate::db::options::MAX_RECORD_SIZE_VARIABLE;
use crate::error::{Error, Result};

/// Checks a row and converts what widens: integers to wider ones, integers to floats where exact.
/// `max_value` is the most bytes a text may have.
#[inline]
pub(crate) fn fit_row<'v, 'a>(
    spec: &TableSpec,
    values: &'v [Value<'a>],
    max_value: usize,
) -> Result<Cow<'v, [Value<'a>]>> {
    if values.len() != spec.columns.len() {
        return Err(wrong_count(spec, values.len()));
    }
    let mut pairs = spec.columns.iter().zip(values);
    if pairs.all(|(column, value)| is_fit(column.ty, *value, max_value)) {
        return Ok(Cow::Borrowed(values));
    }
    let pairs = spec.columns.iter().zip(values);
    pairs.map(|(column, value)| fit_value(column, *value, max_value)).collect()
}

/// True for what goes into a column as it is; most rows have nothing else.
#[inline]
fn is_fit(ty: DataType, value: Value<'_>, max_value: usize) -> bool {
    use DataType as T;
    match (value, ty) {
        (Value::Null, _)
        | (Value::Float(_), T::F64)
        | (Value::Int(_), T::I64)
        | (Value::UInt(_), T::U64)
        | (Value::Bool(_), T::Bool) => true,
        (Value::Float(v), T::F32) => fits_f32(v),
        (Value::UInt(v), T::U8) => u8::try_from(v).is_ok(),
        (Value::UInt(v), T::U16) => u16::try_from(v).is_ok(),
        (Value::UInt(v), T::U32) => u32::try_from(v).is_ok(),
        (Value::Str(v), T::Utf8) => v.len() <= max_value,
        (Value::Bytes(v), T::Binary) => v.len() <= max_value,
        _ => false,
    }
}

#[inline]
pub(crate) fn fit_value<'a>(
    column: &ColumnDef,
    value: Value<'a>,
    max_value: usize,
) -> Result<Value<'a>> {
    use DataType as T;
    let fitted = match (value, column.ty) {
        (Value::Float(_), T::F64) | (Value::Null, _) | (Value::Bool(_), T::Bool) => Some(value),
        (Value::Float(v), T::F32) => fits_f32(v).then_some(value),
        (Value::Int(v), T::F64) => {
            (v as f64 as i128 == i128::from(v)).then_some(Value::Float(v as f64))
        }
        (Value::UInt(v), T::F64) => {
            (v as f64 as u128 == u128::from(v)).then_some(Value::Float(v as f64))
        }
        (Value::Int(v), T::F32) => {
            (v as f32 as i128 == i128::from(v)).then_some(Value::Float(v as f64))
        }
        (Value::UInt(v), T::F32) => {
            (v as f32 as u128 == u128::from(v)).then_some(Value::Float(v as f64))
        }
        (Value::Int(v), ty) => fit_int(i128::from(v), ty),
        (Value::UInt(v), ty) => fit_int(i128::from(v), ty),
        (Value::Str(v), T::Utf8) if v.len() <= max_value => Some(value),
        (Value::Bytes(v), T::Binary) if v.len() <= max_value => Some(value),
        _ => None,
    };
    fitted.ok_or_else(|| misfit(column, value, max_value))
}

/// A float given for an f32 column is rounded to it, as callers may have no other kind to give, but
/// a finite one must not become infinite.
fn fits_f32(v: f64) -> bool {
    !v.is_finite() || (v as f32).is_finite()
}

fn fit_int<'a>(v: i128, ty: DataType) -> Option<Value<'a>> {
    let (signed, width) = (ty.is_signed_int(), ty.width()?);
    if ty.is_float() {
        return None;
    }
    let bits = width as u32 * 8;
    let (min, max) = match signed {
        true => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
        false => (0, (1i128 << bits) - 1),
    };
    if v < min || v > max {
        return None;
    }
    Some(if signed { Value::Int(v as i64) } else { Value::UInt(v as u64) })
}

#[cold]
fn wrong_count(spec: &TableSpec, given: usize) -> Error {
    let names: Vec<_> = spec.columns.iter().map(|c| c.name.as_str()).collect();
    let expected = names.len();
    Error::schema(format!("{given} values for {expected} columns ({})", names.join(", ")))
}

#[cold]
fn misfit(column: &ColumnDef, value: Value<'_>, max_value: usize) -> Error {
    let (name, ty) = (&column.name, column.ty);
    let text = match value {
        Value::Str(v) if ty == DataType::Utf8 => Some(v.len()),
        Value::Bytes(v) if ty == DataType::Binary => Some(v.len()),
        _ => None,
    };
    Error::schema(match (text, value) {
        (Some(len), _) => {
            format!("column {name:?}: a value of {len} bytes; {}", at_most(max_value))
        }
        (None, Value::Int(v)) => format!("column {name:?}: {v} does not fit {ty}"),
        (None, Value::UInt(v)) => format!("column {name:?}: {v} does not fit {ty}"),
        (None, Value::Float(v)) if ty.is_float() => {
            format!("column {name:?}: {v} does not fit {ty}")
        }
        (None, _) => format!("column {name:?} is {ty}, the value is {}", value.kind()),
    })
}

/// Checks that the columns of batches are as many and as long as they must be, and no row too
/// large.
pub(crate) fn check_batches(spec: &TableSpec, batches: &[Batch], max_row: usize) -> Result<()> {
    let mut first_row = 0;
    for batch in batches {
        if batch.columns.len() != spec.columns.len() {
            return Err(wrong_count(spec, batch.columns.len()));
        }
        for (column, def) in batch.columns.iter().zip(&spec.columns) {
            let (name, rows, len) = (&def.name, batch.rows(), column.len(def.ty));
            if !column.fits(def.ty) {
                return Err(Error::schema(format!("column {name:?} is not of type {}", def.ty)));
            }
            if len != rows {
                return Err(Error::schema(format!(
                    "column {name:?} has {len} values for {rows} rows"
                )));
            }
        }
        check_row_sizes(spec, batch, first_row, max_row)?;
        first_row += batch.rows();
    }
    Ok(())
}

/// Checks that no row of a batch whose columns fit is too large. Rows are looked at one by one only
/// if all the text of the batch would not fit one row.
fn check_row_sizes(
    spec: &TableSpec,
    batch: &Batch,
    first_row: usize,
    max_row: usize,
) -> Result<()> {
    let texts: Vec<_> = batch.columns.iter().zip(&spec.columns).collect();
    let (texts, fixed): (Vec<_>, Vec<_>) =
        texts.into_iter().partition(|(_, def)| def.ty.is_bytes());
    let fixed = fixed.len() * VALUE_BYTES;
    let all: usize = texts.iter().map(|(column, def)| column.byte_size(def.ty)).sum();
    if batch.rows() == 0 || fixed + all <= max_row {
        return Ok(());
    }
    for row in 0..batch.rows() {
        let text: usize = texts.iter().map(|(column, _)| column.bytes_at(row).len()).sum();
        if fixed + text > max_row {
            let row = first_row + row;
            let (size, at_most) = (fixed + text, at_most(max_row));
            return Err(Error::schema(format!("row {row}: a row of {size} bytes; {at_most}")));
        }
    }
    Ok(())
}

/// Checks that a row is not too large.
pub(crate) fn check_row_size(values: &[Value<'_>], max_row: usize) -> Result<()> {
    let sizes = values.iter().map(|value| match value {
        Value::Str(v) => v.len(),
        Value::Bytes(v) => v.len(),
        _ => VALUE_BYTES,
    });
    let size = sizes.sum::<usize>();
    if size > max_row {
        return Err(Error::schema(format!("a row of {size} bytes; {}", at_most(max_row))));
    }
    Ok(())
}

/// What a value other than text and bytes counts for in the size of a row.
const VALUE_BYTES: usize = 8;

#[cold]
fn at_most(bytes: usize) -> String {
    format!(
        "at most {bytes} are allowed ({MAX_RECORD_SIZE_VARIABLE} in the environment says how many)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::batch::Column;

    #[test]
    fn a_row_is_as_large_as_its_values_together() {
        let spec =
            TableSpec::new([("a", DataType::Utf8), ("b", DataType::F64), ("c", DataType::Binary)]);
        let row = [Value::Str("1234"), Value::Float(0.0), Value::Bytes(b"12")];
        assert!(check_row_size(&row, 14).is_ok());
        let error = check_row_size(&row, 13).unwrap_err().to_string();
        assert!(error.contains("14 bytes; at most 13") && error.contains("NANOTS_MAX_RECORD_SIZE"));
        let batch = |ts: Vec<i64>, texts: [&str; 2]| Batch {
            ts: ts.into(),
            columns: vec![
                Column::from_texts(texts),
                Column::from_vec(vec![0.0, 1.0]),
                Column::from_texts(["12", "12"]),
            ],
        };
        let batches = [batch(vec![1, 2], ["1", "1234"]), batch(vec![3, 4], ["12", "12345"])];
        assert!(check_batches(&spec, &batches, 15).is_ok());
        let error = check_batches(&spec, &batches, 14).unwrap_err().to_string();
        assert!(error.starts_with("row 3: a row of 15 bytes; at most 14"), "{error}");
        assert!(check_batches(&spec, &[batch(vec![], ["", ""])], 0).is_err());
    }

    /// The short way and the long one are of one mind.
    #[test]
    fn what_goes_in_as_it_is_is_not_changed() {
        let whole = [0, 127, 128, 255, 256, 1 << 15, 1 << 16, 1 << 31, 1 << 32, u64::MAX];
        let mut values: Vec<Value<'_>> = whole.into_iter().map(Value::UInt).collect();
        values.extend([i64::MIN, -129, -1, 0, 127, 128, 1 << 53].map(Value::Int));
        values.extend([0.5, f64::NAN, f64::INFINITY, 1e300, -0.0].map(Value::Float));
        values.extend([Value::Null, Value::Bool(true), Value::Str("1234"), Value::Str("12345")]);
        values.extend([Value::Bytes(b"1234"), Value::Bytes(b"12345")]);
        for ty in DataType::ALL {
            let spec = TableSpec::new([("v", ty)]);
            for value in values.iter().copied().filter(|value| is_fit(ty, *value, 4)) {
                let fitted = fit_value(&spec.columns[0], value, 4).unwrap();
                assert_eq!(format!("{fitted:?}"), format!("{value:?}"), "{ty}");
            }
        }
        assert!(is_fit(DataType::U8, Value::UInt(255), 4));
        assert!(!is_fit(DataType::Utf8, Value::Str("12345"), 4));
    }

    #[test]
    fn values_widen_and_never_narrow() {
        let fits = |ty, value: Value<'static>| {
            let spec = TableSpec::new([("v", ty)]);
            fit_row(&spec, &[value], 10).map(|row| row[0])
        };
        assert_eq!(fits(DataType::F64, Value::Int(3)).unwrap(), Value::Float(3.0));
        assert_eq!(fits(DataType::U8, Value::Int(255)).unwrap(), Value::UInt(255));
        assert_eq!(fits(DataType::I64, Value::Null).unwrap(), Value::Null);
        for (ty, value) in [
            (DataType::U8, Value::Int(256)),
            (DataType::U8, Value::Int(-1)),
            (DataType::I8, Value::Int(128)),
            (DataType::I64, Value::UInt(u64::MAX)),
            (DataType::F64, Value::Int((1 << 53) + 1)),
            (DataType::F32, Value::Int((1 << 24) + 1)),
            (DataType::F64, Value::Int(i64::MAX)),
            (DataType::F32, Value::Float(1e300)),
            (DataType::I64, Value::Float(1.0)),
            (DataType::Bool, Value::Int(1)),
            (DataType::I64, Value::Bool(true)),
            (DataType::F64, Value::Str("1")),
            (DataType::Utf8, Value::Str("elf zeichen")),
        ] {
            let error = fits(ty, value).unwrap_err().to_string();
            assert!(error.contains("\"v\""), "{error}");
        }
    }
}
