//! What stands for a null: a number, or a value on a line between two others.

use arrow_buffer::{ArrowNativeType, NullBuffer};

use crate::base::batch::Column;
use crate::base::schema::DataType;
use crate::db::aggregate::{Aggregate, Input};
use crate::db::downsample::Fill;
use crate::db::plan::ScanColumn;
use crate::error::{Error, Result};

/// Refuses what does not fit the columns of the result.
pub(super) fn check(fill: Fill, inputs: &[Input]) -> Result<()> {
    for (aggregate, output) in inputs.iter().flat_map(|input| &input.outputs) {
        let numeric = output.stored().width().is_some();
        let time = matches!(output, ScanColumn::Time { .. });
        let fits = match fill {
            _ if *aggregate == Aggregate::Count => true,
            Fill::Null | Fill::Previous => true,
            Fill::Linear => numeric,
            Fill::Int(_) | Fill::Float(_) => !time && filler(fill, output.stored()).is_some(),
        };
        if !fits {
            let (name, ty) = (output.name(), output.stored());
            let ty = if time { "a time".into() } else { ty.to_string() };
            let what = match fill {
                Fill::Int(value) => value.to_string(),
                Fill::Float(value) => format!("{value:?}"),
                _ => "\"linear\", which is for numbers".into(),
            };
            return Err(Error::schema(format!(
                "column {name:?} of the result is {ty}; it cannot be filled with {what}"
            )));
        }
    }
    Ok(())
}

/// A column of one value that stands for nulls.
pub(super) fn filler(fill: Fill, ty: DataType) -> Option<Column> {
    macro_rules! int {
        ($t:ty, $value:expr) => {
            <$t>::try_from($value).ok().map(|value| Column::from_vec(vec![value]))
        };
    }
    match (fill, ty) {
        (Fill::Null | Fill::Previous | Fill::Linear, _) => Some(Column::nulls(ty, 1)),
        (Fill::Int(value), DataType::I8) => int!(i8, value),
        (Fill::Int(value), DataType::I16) => int!(i16, value),
        (Fill::Int(value), DataType::I32) => int!(i32, value),
        (Fill::Int(value), DataType::I64) => Some(Column::from_vec(vec![value])),
        (Fill::Int(value), DataType::U8) => int!(u8, value),
        (Fill::Int(value), DataType::U16) => int!(u16, value),
        (Fill::Int(value), DataType::U32) => int!(u32, value),
        (Fill::Int(value), DataType::U64) => int!(u64, value),
        (Fill::Int(value), DataType::F32 | DataType::F64) => {
            let exact = (value as f64) as i128 == i128::from(value);
            exact.then_some(value as f64).and_then(|value| filler(Fill::Float(value), ty))
        }
        (Fill::Float(value), DataType::F64) => Some(Column::from_vec(vec![value])),
        (Fill::Float(value), DataType::F32) => {
            let narrow = value as f32;
            let fits = narrow.is_finite() || !value.is_finite();
            fits.then(|| Column::from_vec(vec![narrow]))
        }
        _ => None,
    }
}

/// A value on a line: at which row of a piece, between which known rows, at what time.
pub(super) struct Point {
    pub(super) row: usize,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) ts: i64,
}

/// The known values of a column of type `ty`, and their times.
pub(super) struct Lines<'a> {
    pub(super) ty: DataType,
    pub(super) known: &'a Column,
    pub(super) times: &'a [i64],
}

impl Lines<'_> {
    /// `values` with these points in them.
    pub(super) fn draw(&self, values: &Column, points: &[Point]) -> Column {
        macro_rules! draw {
            ($t:ty, $line:expr) => {
                self.draw_as::<$t>(values, points, $line)
            };
        }
        macro_rules! ints {
            ($t:ty) => {
                draw!($t, |a, b, x, span| int_between(a.into(), b.into(), x, span) as $t)
            };
        }
        match self.ty {
            DataType::I8 => ints!(i8),
            DataType::I16 => ints!(i16),
            DataType::I32 => ints!(i32),
            DataType::I64 => ints!(i64),
            DataType::U8 => ints!(u8),
            DataType::U16 => ints!(u16),
            DataType::U32 => ints!(u32),
            DataType::U64 => ints!(u64),
            DataType::F32 => {
                draw!(f32, |a, b, x, span| float_between(a.into(), b.into(), x, span) as f32)
            }
            DataType::F64 => draw!(f64, float_between),
            DataType::Bool | DataType::Utf8 | DataType::Binary => values.clone(),
        }
    }

    fn draw_as<T: ArrowNativeType>(
        &self,
        values: &Column,
        points: &[Point],
        line: impl Fn(T, T, i128, i128) -> T,
    ) -> Column {
        let known = self.known.values::<T>();
        let mut drawn = values.values::<T>().to_vec();
        let mut valid: Vec<bool> = (0..drawn.len()).map(|row| values.is_valid(row)).collect();
        for point in points {
            let (from, to) = (point.from as usize, point.to as usize);
            let begin = i128::from(self.times[from]);
            let (x, span) = (i128::from(point.ts) - begin, i128::from(self.times[to]) - begin);
            drawn[point.row] = line(known[from], known[to], x, span);
            valid[point.row] = true;
        }
        Column::from_vec(drawn).with_validity(Some(NullBuffer::from(valid)))
    }
}

/// The value `x` of `span` on the way from `a` to `b`, rounded to the nearest, a half upwards.
fn int_between(a: i128, b: i128, x: i128, span: i128) -> i128 {
    match (b - a).checked_mul(x) {
        Some(way) => {
            let up = way.rem_euclid(span) * 2 >= span;
            a + way.div_euclid(span) + i128::from(up)
        }
        // From one end of 64 bits to the other in all of time.
        None => (a + ((b - a) as f64 * (x as f64 / span as f64)) as i128).clamp(a.min(b), a.max(b)),
    }
}

fn float_between(a: f64, b: f64, x: i128, span: i128) -> f64 {
    let x = x as f64 / span as f64;
    if a == b { a } else { a * (1.0 - x) + b * x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_on_the_line() {
        assert_eq!(int_between(0, 10, 1, 4), 3);
        assert_eq!(int_between(10, 0, 1, 4), 8);
        assert_eq!(int_between(-1, -2, 1, 2), -1);
        let (min, max) = (i128::from(i64::MIN), i128::from(i64::MAX));
        assert_eq!(int_between(min, max, 1, 2), 0);
        assert!((min..=max).contains(&int_between(min, max, max * 2, max * 2 + 1)));
        assert_eq!(float_between(1.0, 2.0, 1, 4), 1.25);
        assert_eq!(float_between(0.1, 0.1, 1, 3), 0.1);
        assert_eq!(float_between(-f64::MAX, f64::MAX, 1, 2), 0.0);
    }

    #[test]
    fn a_number_fills_what_holds_it() {
        for (fill, ty, fits) in [
            (Fill::Int(127), DataType::I8, true),
            (Fill::Int(128), DataType::I8, false),
            (Fill::Int(-1), DataType::U64, false),
            (Fill::Int((1 << 53) + 1), DataType::F64, false),
            (Fill::Int(i64::MAX), DataType::F64, false),
            (Fill::Int(0), DataType::Bool, false),
            (Fill::Int(0), DataType::Utf8, false),
            (Fill::Float(0.0), DataType::I64, false),
            (Fill::Float(1e300), DataType::F32, false),
            (Fill::Float(f64::NAN), DataType::F32, true),
            (Fill::Null, DataType::Utf8, true),
        ] {
            assert_eq!(filler(fill, ty).is_some(), fits, "{fill:?} {ty}");
        }
    }
}
