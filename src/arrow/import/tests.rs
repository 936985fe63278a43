use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, Float16Type, Int8Type, Int32Type, Int64Type};
use arrow_array::{
    BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array,
    Float64Array, Int32Array, Int64Array, LargeStringArray, NullArray, PrimitiveArray, RunArray,
    StringArray, StringViewArray, TimestampMicrosecondArray, TimestampSecondArray, UInt64Array,
};

use arrow_buffer::OffsetBuffer;

use super::*;
use crate::base::TimeUnit;

#[allow(non_camel_case_types)]
type f16 = <Float16Type as ArrowPrimitiveType>::Native;

const PLACE: Place<'_> = Place { column: "x", first_row: 10 };

fn one(array: impl Array + 'static, to: DataType) -> Result<Column> {
    column(&(Arc::new(array) as ArrayRef), to, &PLACE)
}

fn at(array: impl Array + 'static, unit: TimeUnit) -> Result<Vec<i64>> {
    time(&(Arc::new(array) as ArrayRef), unit, &PLACE).map(|times| times.to_vec())
}

fn message<T>(result: Result<T>) -> String {
    result.err().unwrap().to_string()
}

#[test]
fn numbers_widen_and_never_narrow() {
    let ints = || Int32Array::from(vec![Some(-1), None, Some(7)]);
    let wide = one(ints(), DataType::I64).unwrap();
    assert_eq!((wide.values::<i64>()[2], wide.null_count()), (7, 1));
    assert_eq!(one(ints(), DataType::F64).unwrap().values::<f64>()[0], -1.0);
    for to in [DataType::I8, DataType::U32, DataType::Bool, DataType::Utf8] {
        assert!(one(ints(), to).is_err(), "{to}");
    }
    assert!(one(Float64Array::from(vec![1.0]), DataType::F32).is_err());
    assert!(one(Float64Array::from(vec![1.0]), DataType::I64).is_err());
    assert!(one(Float32Array::from(vec![1.0]), DataType::F64).is_ok());
    assert!(one(BooleanArray::from(vec![true]), DataType::I64).is_err());
}

#[test]
fn integers_become_floats_only_where_exact() {
    let exact = Int64Array::from(vec![1 << 53, i64::MIN, 0]);
    assert!(one(exact, DataType::F64).is_ok());
    for bad in [(1 << 53) + 1, i64::MAX] {
        let text = message(one(Int64Array::from(vec![0, bad]), DataType::F64));
        assert!(text.contains("\"x\", row 11"), "{text}");
    }
    assert!(one(UInt64Array::from(vec![u64::MAX]), DataType::F64).is_err());
    assert!(one(UInt64Array::from(vec![1 << 63]), DataType::F64).is_ok());
    assert!(one(Int32Array::from(vec![1 << 24]), DataType::F32).is_ok());
    assert!(one(Int32Array::from(vec![(1 << 24) + 1]), DataType::F32).is_err());
}

#[test]
fn every_widening_that_is_promised_works() {
    for from in DataType::ALL {
        for to in DataType::ALL {
            let array = arrow_array::new_null_array(&crate::arrow::types::arrow_type(from), 2);
            let result = column(&array, to, &PLACE);
            assert!(result.is_ok() || !always_widens(from, to), "{from} {to}");
        }
    }
}

#[test]
fn the_layouts_are_shared_where_they_agree() {
    let array = Int64Array::from(vec![1, 2, 3]).slice(1, 2);
    let start = array.values().as_ptr();
    let same = one(array.clone(), DataType::I64).unwrap();
    assert_eq!(same.values::<i64>().as_ptr(), start);
    let times = time(&(Arc::new(array) as ArrayRef), TimeUnit::Second, &PLACE).unwrap();
    assert_eq!(times.as_ptr(), start);
    let text = StringArray::from(vec!["a", "b"]);
    let start = text.value_data().as_ptr();
    let Data::Bytes { values, .. } = one(text, DataType::Utf8).unwrap().data else { panic!() };
    assert_eq!(values.as_ptr(), start);
    let large = LargeStringArray::from(vec!["a", "b"]);
    let start = large.value_data().as_ptr();
    let Data::Bytes { values, .. } = one(large, DataType::Utf8).unwrap().data else { panic!() };
    assert_eq!(values.as_ptr(), start);
    let bools = BooleanArray::from(vec![true, false, true]).slice(1, 2);
    let start = bools.values().inner().as_ptr();
    let Data::Bool(bits) = one(bools, DataType::Bool).unwrap().data else { panic!() };
    assert_eq!(bits.inner().as_ptr(), start);
}

#[test]
fn text_in_every_layout() {
    let text = ["a", "", "日本", "a longer text, out of line"];
    let check = |column: Result<Column>| {
        let column = column.unwrap();
        for (row, expected) in text.iter().enumerate() {
            assert_eq!(column.bytes_at(row), expected.as_bytes());
        }
    };
    check(one(StringArray::from(text.to_vec()), DataType::Utf8));
    check(one(LargeStringArray::from(text.to_vec()), DataType::Utf8));
    check(one(StringViewArray::from(text.to_vec()), DataType::Utf8));
    let sliced = LargeStringArray::from([&["skipped"], &text[..]].concat()).slice(1, 4);
    check(one(sliced, DataType::Utf8));
    check(one(text.into_iter().collect::<DictionaryArray<Int8Type>>(), DataType::Utf8));
    assert!(one(BinaryArray::from_vec(vec![b"a"]), DataType::Utf8).is_err());
    assert!(one(StringArray::from(vec!["a"]), DataType::Binary).is_err());
}

#[test]
fn dictionaries_keep_their_nulls() {
    let array: DictionaryArray<Int8Type> = [Some("a"), None, Some("a")].into_iter().collect();
    let column = one(array, DataType::Utf8).unwrap();
    assert_eq!((column.bytes_at(2), column.null_count()), (&b"a"[..], 1));
    let keys = PrimitiveArray::<Int8Type>::from(vec![None, None]);
    let empty = DictionaryArray::new(keys, Arc::new(StringArray::from(Vec::<&str>::new())));
    assert_eq!(one(empty, DataType::Utf8).unwrap().null_count(), 2);
}

#[test]
fn runs_are_unfolded_and_keep_their_nulls() {
    let ends = Int32Array::from(vec![2, 3, 6]);
    let values = StringArray::from(vec![Some("a"), None, Some("ccc")]);
    let runs = RunArray::<Int32Type>::try_new(&ends, &values).unwrap();
    let column = one(runs.slice(1, 4), DataType::Utf8).unwrap();
    assert_eq!((column.len(DataType::Utf8), column.null_count()), (4, 1));
    assert_eq!((column.bytes_at(0), column.bytes_at(3)), (&b"a"[..], &b"ccc"[..]));
}

#[test]
fn an_error_in_a_dictionary_names_the_row() {
    let of = |keys: Vec<i8>| {
        let entries = Int64Array::from(vec![5, (1 << 53) + 1]);
        DictionaryArray::new(PrimitiveArray::<Int8Type>::from(keys), Arc::new(entries))
    };
    let text = message(one(of(vec![0, 0, 1]), DataType::F64));
    assert!(text.contains("\"x\", row 12"), "{text}");
    // An entry that no row has does no harm.
    assert_eq!(one(of(vec![0, 0]), DataType::F64).unwrap().values::<f64>(), [5.0, 5.0]);
}

#[test]
fn damage_is_an_error() {
    let keys = PrimitiveArray::<Int8Type>::from(vec![0, 5]);
    // SAFETY: this is the damage to be found; nothing looks at the entry of the second key.
    #[allow(unsafe_code)]
    let beyond = unsafe {
        DictionaryArray::new_unchecked(keys, Arc::new(StringArray::from(vec!["a"])) as ArrayRef)
    };
    assert!(message(one(beyond, DataType::Utf8)).contains("row 11"));
    // SAFETY: as above; the values are not looked at.
    #[allow(unsafe_code)]
    let backwards = unsafe {
        let offsets = OffsetBuffer::new_unchecked(vec![0, 3, 1, 4].into());
        BinaryArray::new_unchecked(offsets, arrow_buffer::Buffer::from(&b"abcd"[..]), None)
    };
    assert!(message(one(backwards, DataType::Binary)).contains("offsets"));
}

#[test]
fn half_floats_dates_and_decimals() {
    let half = f16::from_f32(1.5);
    let halves = || PrimitiveArray::<Float16Type>::from_value(half, 1);
    assert_eq!(one(halves(), DataType::F64).unwrap().values::<f64>(), [1.5]);
    assert_eq!(one(halves(), DataType::F32).unwrap().values::<f32>(), [1.5]);
    assert!(one(halves(), DataType::I64).is_err());
    let days = || Date32Array::from(vec![19_723]);
    assert_eq!(one(days(), DataType::I64).unwrap().values::<i64>(), [19_723]);
    assert!(message(one(days(), DataType::F64)).contains("only the time column"));
    let decimals = |values| Decimal128Array::from(values).with_precision_and_scale(9, 2).unwrap();
    let exact = || decimals(vec![Some(1200), None]);
    assert_eq!(one(exact(), DataType::I8).unwrap().values::<i8>(), [12, 0]);
    assert_eq!(one(exact(), DataType::F64).unwrap().null_count(), 1);
    let text = message(one(decimals(vec![None, Some(110)]), DataType::F64));
    assert!(text.contains("\"x\", row 11: the decimal 1.10"), "{text}");
    assert!(message(one(exact(), DataType::Utf8)).contains("Decimal128"));
    assert_eq!(one(NullArray::new(3), DataType::Utf8).unwrap().null_count(), 3);
}

#[test]
fn times_of_any_unit() {
    let seconds = || TimestampSecondArray::from(vec![1, -2]).with_timezone("+02:00");
    assert_eq!(at(seconds(), TimeUnit::Nanosecond).unwrap(), [1_000_000_000, -2_000_000_000]);
    assert_eq!(at(Int64Array::from(vec![5]), TimeUnit::Second).unwrap(), [5]);
    assert_eq!(at(Date32Array::from(vec![1]), TimeUnit::Millisecond).unwrap(), [86_400_000]);
    let micros = TimestampMicrosecondArray::from(vec![1000, 1001]);
    let text = message(at(micros, TimeUnit::Millisecond));
    assert!(text.contains("\"x\", row 11") && text.contains("1001 us"), "{text}");
    let far = TimestampSecondArray::from(vec![i64::MAX]);
    assert!(at(far, TimeUnit::Nanosecond).is_err());
    let null = Int64Array::from(vec![Some(1), None]);
    assert!(message(at(null, TimeUnit::Second)).contains("row 11"));
    assert!(at(Float64Array::from(vec![1.0]), TimeUnit::Second).is_err());
    let keys = PrimitiveArray::<Int8Type>::from(vec![Some(1), Some(0), None]);
    let entries = TimestampSecondArray::from(vec![Some(1), Some(2)]);
    let times = DictionaryArray::new(keys, Arc::new(entries));
    assert_eq!(at(times.slice(0, 2), TimeUnit::Millisecond).unwrap(), [2000, 1000]);
    assert!(message(at(times, TimeUnit::Second)).contains("row 12"));
}

fn spec() -> TableSpec {
    TableSpec::new([("a", DataType::I64), ("s", DataType::Utf8)])
}

#[test]
fn columns_are_matched_by_name() {
    let chunk = || -> Vec<ArrayRef> {
        vec![
            Arc::new(StringArray::from(vec!["x", "y"])),
            Arc::new(Int64Array::from(vec![1, 2])),
            Arc::new(Int64Array::from(vec![3, 4])),
        ]
    };
    let batch = &batches(&spec(), &["s", "ts", "a"], &[chunk()]).unwrap()[0];
    assert_eq!((&batch.ts[..], batch.columns[0].values::<i64>()), (&[1i64, 2][..], &[3, 4][..]));
    for (names, word) in [
        (["s", "ts", "b"], "\"b\" is not in the table"),
        (["s", "a", "a"], "twice"),
        (["s", "x", "a"], "\"x\""),
    ] {
        let text = message(batches(&spec(), &names, &[chunk()]));
        assert!(text.contains(word), "{text}");
    }
    let text = message(batches(&spec(), &["s", "ts"], &[chunk()]));
    assert!(text.contains("\"a\" is missing"), "{text}");
    let text = message(batches(&spec(), &["s", "a"], &[chunk()]));
    assert!(text.contains("time column \"ts\""), "{text}");
}

#[test]
fn much_text_is_cut() {
    let chunk: Vec<ArrayRef> = vec![
        Arc::new((0..10).map(Some).collect::<PrimitiveArray<Int64Type>>()),
        Arc::new((0..10).map(Some).collect::<PrimitiveArray<Int64Type>>()),
        Arc::new(StringArray::from(vec!["ab"; 10])),
    ];
    let matching = Matching::new(&spec(), &["ts", "a", "s"]).unwrap();
    let mut out = vec![];
    cut(&spec(), &matching, &chunk, 0, 7, &mut out).unwrap();
    assert!(out.iter().all(|batch| batch.rows() <= 3));
    let times: Vec<_> = out.iter().flat_map(|batch| batch.ts.to_vec()).collect();
    assert_eq!(times, (0..10).collect::<Vec<_>>());
    assert!(message(cut(&spec(), &matching, &chunk, 5, 2, &mut out)).contains("\"s\", row 5"));
}
