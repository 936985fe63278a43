//! Float seconds as integers of the same order, bit for bit.

/// The time of so many seconds since 1970, which is not a NaN. Zeros of either sign are one time.
#[inline]
pub fn moment(seconds: f64) -> i64 {
    // Minus zero becomes zero by this. Of negative floats the larger ones have the smaller bits.
    let bits = (seconds + 0.0).to_bits().cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// The seconds of a time.
#[inline]
pub fn seconds(moment: i64) -> f64 {
    let bits = moment ^ ((moment >> 63).cast_unsigned() >> 1).cast_signed();
    f64::from_bits(bits.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn times_are_in_the_order_of_seconds(one in -1e300f64..1e300, other in any::<f64>()) {
            prop_assume!(!other.is_nan());
            assert_eq!(moment(one).cmp(&moment(other)), one.partial_cmp(&other).unwrap());
            assert_eq!(seconds(moment(one)).to_bits(), (one + 0.0).to_bits());
        }
    }

    #[test]
    fn the_ends_of_time() {
        let times = [f64::NEG_INFINITY, f64::MIN, -1.0, -5e-324, 0.0, 5e-324, f64::INFINITY];
        assert!(times.map(moment).is_sorted());
        assert_eq!(moment(-0.0), moment(0.0));
        assert!(moment(f64::INFINITY) < super::super::NEVER);
    }
}
