//! Decimals. They become integers and floats where that is exact, value by value: 12.00 is an
//! integer, 12.5 has a float, 0.1 has neither.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{ArrowNativeType, i256};
use arrow_schema::DataType as ArrowType;

use super::Place;
use crate::base::{Column, DataType};
use crate::error::Result;

/// `digits` times ten to the power of `-scale`.
#[derive(Debug, Clone, Copy)]
struct Decimal {
    digits: i128,
    scale: i32,
}

/// The array as a column of a number type; `None` if it holds something else.
pub(super) fn column(array: &ArrayRef, to: DataType, place: &Place<'_>) -> Result<Option<Column>> {
    let decimal = |digits: i128, scale| Some(Decimal { digits, scale });
    match array.data_type() {
        ArrowType::Decimal32(..) => {
            exact::<Decimal32Type>(array, to, place, |v, scale| decimal(v.into(), scale))
        }
        ArrowType::Decimal64(..) => {
            exact::<Decimal64Type>(array, to, place, |v, scale| decimal(v.into(), scale))
        }
        ArrowType::Decimal128(..) => exact::<Decimal128Type>(array, to, place, decimal),
        ArrowType::Decimal256(..) => exact::<Decimal256Type>(array, to, place, Decimal::of_wide),
        _ => Ok(None),
    }
}

fn exact<T: DecimalType>(
    array: &ArrayRef,
    to: DataType,
    place: &Place<'_>,
    read: impl Fn(T::Native, i32) -> Option<Decimal>,
) -> Result<Option<Column>> {
    Ok(Some(match to {
        DataType::I8 => fill::<T, i8>(array, to, place, |v, s| read(v, s)?.int()),
        DataType::I16 => fill::<T, i16>(array, to, place, |v, s| read(v, s)?.int()),
        DataType::I32 => fill::<T, i32>(array, to, place, |v, s| read(v, s)?.int()),
        DataType::I64 => fill::<T, i64>(array, to, place, |v, s| read(v, s)?.int()),
        DataType::U8 => fill::<T, u8>(array, to, place, |v, s| read(v, s)?.int()),
        DataType::U16 => fill::<T, u16>(array, to, place, |v, s| read(v, s)?.int()),
        DataType::U32 => fill::<T, u32>(array, to, place, |v, s| read(v, s)?.int()),
        DataType::U64 => fill::<T, u64>(array, to, place, |v, s| read(v, s)?.int()),
        DataType::F32 => fill::<T, f32>(array, to, place, |v, s| read(v, s)?.f32()),
        DataType::F64 => fill::<T, f64>(array, to, place, |v, s| read(v, s)?.f64()),
        DataType::Bool | DataType::Utf8 | DataType::Binary => return Ok(None),
    }?))
}

fn fill<T: DecimalType, V: ArrowNativeType>(
    array: &ArrayRef,
    to: DataType,
    place: &Place<'_>,
    convert: impl Fn(T::Native, i32) -> Option<V>,
) -> Result<Column> {
    let array = array.as_primitive::<T>();
    let (precision, scale) = (array.precision(), array.scale());
    let mut out = Vec::with_capacity(array.len());
    for (row, &value) in array.values().iter().enumerate() {
        match convert(value, scale.into()) {
            _ if array.is_null(row) => out.push(V::default()),
            Some(value) => out.push(value),
            None => {
                let text = T::format_decimal(value, precision, scale);
                let what =
                    format!("the decimal {text} is not exactly a value of {to}: cast it first");
                return Err(place.at(row, what));
            }
        }
    }
    Ok(Column::from_vec(out))
}

impl Decimal {
    /// `None` if it has more digits than 128 bits, without those zeros that its scale makes.
    fn of_wide(mut digits: i256, mut scale: i32) -> Option<Self> {
        let ten = i256::from_i128(10);
        loop {
            if let Some(digits) = digits.to_i128() {
                return Some(Self { digits, scale });
            }
            if digits.wrapping_rem(ten) != i256::ZERO {
                return None;
            }
            digits = digits.wrapping_div(ten);
            scale -= 1;
        }
    }

    /// The digits times `base` to the power of `-scale`.
    fn scaled(self, base: i128) -> Option<i128> {
        if self.digits == 0 {
            return Some(0);
        }
        let factor = base.checked_pow(self.scale.unsigned_abs())?;
        if self.scale < 0 {
            return self.digits.checked_mul(factor);
        }
        (self.digits % factor == 0).then(|| self.digits / factor)
    }

    fn int<V: TryFrom<i128>>(self) -> Option<V> {
        self.scaled(10).and_then(|int| V::try_from(int).ok())
    }

    /// A power of ten is one of five and one of two: without the fives, the rest of the digits has
    /// to fit the mantissa, and the twos are its exponent.
    fn f64(self) -> Option<f64> {
        let odd = self.scaled(5)?;
        if odd == 0 {
            return Some(0.0);
        }
        let twos = odd.trailing_zeros();
        let odd = odd >> twos;
        let exponent = i64::from(twos) - i64::from(self.scale);
        // 128 bits and 76 decimals are far from the ends of a float's range.
        let power = f64::from_bits(u64::try_from(1023 + exponent).ok()? << 52);
        (odd.unsigned_abs() < 1 << f64::MANTISSA_DIGITS).then_some(odd as f64 * power)
    }

    fn f32(self) -> Option<f32> {
        let wide = self.f64()?;
        (f64::from(wide as f32) == wide).then_some(wide as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(digits: i128, scale: i32) -> Decimal {
        Decimal { digits, scale }
    }

    #[test]
    fn integers_where_nothing_is_left_behind_the_point() {
        assert_eq!(of(1200, 2).int::<u8>(), Some(12));
        assert_eq!(of(1250, 2).int::<i64>(), None);
        assert_eq!(of(-3, -2).int::<i16>(), Some(-300));
        assert_eq!(of(300, 0).int::<u8>(), None);
        assert_eq!(of(0, 76).int::<u8>(), Some(0));
        assert_eq!(of(1, 76).int::<i64>(), None);
        assert_eq!(of(1, -76).int::<u64>(), None);
    }

    #[test]
    fn floats_where_they_are_exact() {
        assert_eq!(of(1250, 2).f64(), Some(12.5));
        assert_eq!(of(-5, 1).f32(), Some(-0.5));
        assert_eq!(of(1, 1).f64(), None);
        assert_eq!(of(1, 76).f64(), None);
        assert_eq!(of(1 << 60, 0).f64(), Some((1u64 << 60) as f64));
        assert_eq!(of((1 << 53) + 1, 0).f64(), None);
        assert_eq!(of((1 << 53) - 1, 0).f64(), Some(9_007_199_254_740_991.0));
        assert_eq!(of((1 << 25) + 1, 0).f32(), None);
        assert_eq!(of(5i128.pow(54), 54).f64(), Some(2f64.powi(-54)));
        assert_eq!(of(i128::MIN, 0).f64(), Some(-(2f64.powi(127))));
    }

    #[test]
    fn wide_ones_without_the_zeros_of_their_scale() {
        let ten = i256::from_i128(10);
        let wide = (0..50).fold(i256::from_i128(25), |wide, _| wide.wrapping_mul(ten));
        assert_eq!(Decimal::of_wide(wide, 51).unwrap().f64(), Some(2.5));
        assert!(Decimal::of_wide(wide.wrapping_add(i256::ONE), 51).is_none());
    }
}
