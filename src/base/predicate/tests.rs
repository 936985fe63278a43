//! Text, types, and outcomes against a row-by-row model of the logic.

use std::sync::Arc;

use arrow_buffer::{BooleanBuffer, NullBuffer};
use proptest::prelude::*;

use super::*;
use crate::base::batch::{Column, Data};
use crate::base::schema::{DataType, TableSpec};
use crate::base::time::TimeUnit;
use crate::error::ErrorKind;

fn spec() -> TableSpec {
    TableSpec::new([
        ("f", DataType::F64),
        ("g", DataType::F32),
        ("i", DataType::I8),
        ("u", DataType::U64),
        ("b", DataType::Bool),
        ("s", DataType::Utf8),
    ])
    .unit(TimeUnit::Second)
}

const ROWS: usize = 9;

/// A column of each input, and nothing kept back: nulls, NaN, both zeros, the ends of each type.
fn column(input: Input) -> Column {
    let nulls = NullBuffer::from((0..ROWS).map(|row| row != 4).collect::<Vec<_>>());
    let column = match input {
        Input::Time => return Column::from_vec((-4..5).collect::<Vec<i64>>()),
        Input::Value(0, _) => Column::from_vec(vec![
            f64::NAN,
            -0.0,
            0.0,
            2.5,
            0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            9e15,
            -1.0,
        ]),
        Input::Value(1, _) => {
            Column::from_vec(vec![0.1f32, -0.0, 0.0, 2.5, 0.0, f32::NAN, -7.0, 9e15, -1.0])
        }
        Input::Value(2, _) => Column::from_vec(vec![-128i8, -1, 0, 1, 0, 2, 3, 126, 127]),
        Input::Value(3, _) => {
            Column::from_vec(vec![0u64, 1, 2, 3, 0, 1 << 53, (1 << 53) + 1, u64::MAX - 1, u64::MAX])
        }
        Input::Value(4, _) => {
            let bits = BooleanBuffer::collect_bool(ROWS, |row| row % 3 == 0);
            Column { data: Data::Bool(bits), validity: None }
        }
        Input::Value(..) => Column::from_texts(["", "a", "b", "ab", "", "ä", "it's", "\u{0}", "a"]),
    };
    column.with_validity(Some(nulls))
}

fn kept(predicate: &Predicate) -> Result<Vec<u32>> {
    let filter = Filter::new(predicate, &spec())?;
    let inputs = filter.inputs().to_vec();
    let rows = filter.select(ROWS, &mut |input| Ok::<_, Error>(column(inputs[input])))?;
    Ok(rows.unwrap_or_else(|| (0..ROWS as u32).collect()))
}

fn rows(text: &str) -> Vec<u32> {
    kept(&Predicate::parse(text).unwrap()).unwrap()
}

#[test]
fn comparisons_keep_what_they_say() {
    assert_eq!(rows("f > 0"), [3, 5, 7]);
    assert_eq!(rows("f >= 0.0 and f < 3"), [1, 2, 3]);
    assert_eq!(rows("not (f > 0)"), [0, 1, 2, 6, 8], "NaN is not above 0, a null is unknown");
    assert_eq!(rows("f != 0"), [0, 3, 5, 6, 7, 8]);
    assert_eq!(rows("f is nan or f is null"), [0, 4]);
    assert!(rows("i is nan").is_empty());
    assert_eq!(rows("f > inf"), [] as [u32; 0]);
    assert_eq!(rows("f == nan"), [] as [u32; 0]);
    assert_eq!(rows("f <> nan"), [0, 1, 2, 3, 5, 6, 7, 8]);
    assert_eq!(rows("g < 0.1 and g > -1.5"), [1, 2, 8], "the float of 32 bits is above 0.1");
    assert_eq!(rows("g in (0, 2.5, -7, null)"), [1, 2, 3, 6]);
    assert_eq!(rows("not g in (0, null)"), [] as [u32; 0]);
    assert_eq!(rows("g not in (0, 2.5)"), [0, 5, 6, 7, 8]);
}

#[test]
fn integers_compare_exactly() {
    assert_eq!(rows("i > 1.5"), [5, 6, 7, 8]);
    assert_eq!(rows("i >= -1000 and i <= 1e300"), [0, 1, 2, 3, 5, 6, 7, 8]);
    assert_eq!(rows("i == 1.5 or i > 127"), [] as [u32; 0]);
    assert_eq!(rows("i < nan or i != 300"), [0, 1, 2, 3, 5, 6, 7, 8]);
    assert_eq!(rows("u == 9007199254740992.0"), [5]);
    assert_eq!(rows("u > 9007199254740992"), [6, 7, 8]);
    assert_eq!(rows("u >= 18446744073709551615"), [8]);
    assert_eq!(rows("u < -1"), [] as [u32; 0]);
    assert_eq!(rows("f < i"), [6, 8], "columns of two types");
    assert_eq!(rows("2 <= i"), [5, 6, 7, 8]);
    assert_eq!(rows("i between 1 and 3"), [3, 5, 6]);
    assert_eq!(rows("i in (1, 2.0, 2.5, 300)"), [3, 5]);
}

#[test]
fn text_booleans_and_times() {
    assert_eq!(rows("s == 'a' or s = 'it''s'"), [1, 6, 8]);
    assert_eq!(rows("s > 'a' and \"s\" < 'b'"), [3]);
    assert_eq!(rows("s in ('a', 'ä')"), [1, 5, 8]);
    assert_eq!(rows("b"), [0, 3, 6]);
    assert_eq!(rows("not b and i > 1"), [5, 7, 8]);
    assert_eq!(rows("b = false"), [1, 2, 5, 7, 8]);
    assert_eq!(rows("ts >= '1970-01-01T00:00:02'"), [6, 7, 8]);
    assert_eq!(rows("ts > timestamp '1970-01-01T00:00:02.5'"), [7, 8]);
    assert_eq!(rows("ts == '1970-01-01T00:00:02.5'"), [] as [u32; 0]);
    assert_eq!(
        rows("ts < '1969-12-31T23:59:58.5' or ts in (0, '1970-01-01T00:00:01')"),
        [0, 1, 2, 4, 5]
    );
    assert_eq!(rows("null or true"), (0..9).collect::<Vec<_>>());
    assert_eq!(rows("null = f or null"), [] as [u32; 0]);
    let filter = Filter::new(&Predicate::parse("ts > 3 and ts <= 9 and f > 1").unwrap(), &spec());
    assert_eq!(filter.unwrap().times(), (4, 9));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, at, what) in [
        ("temp > 1", 1, "no column \"temp\""),
        ("f > 1 and x", 11, "no column \"x\""),
        ("i > 'a'", 1, "column \"i\" is i8: it does not compare with text"),
        ("f", 1, "column \"f\" is f64"),
        ("ts > 1.5", 1, "the time"),
        ("ts > 'noon'", 1, "ISO 8601"),
        ("s > x'00'", 1, "bytes"),
        ("s is nan", 1, "only numbers"),
        ("s == f", 1, "does not compare with column \"f\""),
        ("f >", 4, "not the end"),
        ("f > 1 f", 7, "and, or, or the end"),
        ("f > 1 & b", 7, "write and, or, not"),
        ("ä > 'b", 5, "the closing ' is missing"),
        ("1 < f < 3", 7, "joined by and"),
        ("1 < 2", 1, "needs a column"),
        ("f between 1", 12, "and, as in"),
        ("f not 1", 7, "in or between"),
        ("f > 1e999", 5, "no number of 64 bits"),
        ("i > 18446744073709551616", 5, "no number"),
        ("f > x'0'", 5, "hexadecimal"),
        ("f in 1", 6, "a list"),
        ("3", 1, "a value alone"),
        ("f > 12a", 5, "followed by"),
    ] {
        let error = Predicate::parse(text).and_then(|p| kept(&p)).unwrap_err();
        let message = error.message();
        assert!(message.starts_with(&format!("where, character {at}: ")), "{text}: {message}");
        assert!(message.contains(what), "{text}: {message}");
    }
}

#[test]
fn what_is_too_large_is_refused() {
    for text in [
        "(".repeat(100_000),
        "not ".repeat(100_000) + "b",
        "(".repeat(65) + "b" + &")".repeat(65),
        "b or ".repeat(20_000) + "b",
        "b".repeat(MAX_TEXT + 1),
    ] {
        assert_eq!(Predicate::parse(&text).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert!(Predicate::parse(&("b and ".repeat(9000) + "b")).is_ok());
    let mut deep = Predicate::Known(None);
    for _ in 0..MAX_DEPTH {
        deep = deep.negated();
    }
    assert!(deep.check_size().is_err());
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        (-200i64..200).prop_map(|int| Literal::Int(int.into())),
        any::<i64>().prop_map(|int| Literal::Int(int.into())),
        any::<u64>().prop_map(|int| Literal::Int(int.into())),
        any::<f64>().prop_map(Literal::Float),
        prop::sample::select(vec![0.0, -0.0, f64::INFINITY, -1.0, 2.5, 0.1, f64::NAN])
            .prop_map(Literal::Float),
        "[a-zä'\"\\\\ ]{0,4}".prop_map(Literal::Text),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Literal::Bytes),
        (-100_000i64..100_000).prop_map(|ms| Literal::Time(i128::from(ms) * 1_000_000)),
    ]
}

fn predicate(name: impl Strategy<Value = String> + Clone + 'static) -> BoxedStrategy<Predicate> {
    let named = name.prop_map(Name::new).boxed();
    let side = prop_oneof![
        3 => literal().prop_map(Operand::Value),
        1 => named.clone().prop_map(Operand::Column),
    ];
    let compare = prop::sample::select(Compare::ALL.to_vec());
    let leaf = prop_oneof![
        1 => any::<Option<bool>>().prop_map(Predicate::Known),
        1 => named.clone().prop_map(Predicate::Is),
        6 => (named.clone(), compare, side).prop_map(|(name, compare, side)| {
            Predicate::Compare(Operand::Column(name), compare, side)
        }),
        2 => (named.clone(), prop::collection::vec(literal(), 0..4))
            .prop_map(|(name, values)| Predicate::In(name, values.into())),
        1 => named.clone().prop_map(Predicate::IsNull),
        1 => named.prop_map(Predicate::IsNan),
    ];
    let tree = leaf.prop_recursive(4, 24, 4, |part| {
        let parts = prop::collection::vec(part.clone().prop_map(Arc::new), 2..4);
        prop_oneof![
            part.prop_map(Predicate::negated),
            parts.clone().prop_map(Predicate::And),
            parts.prop_map(Predicate::Or),
        ]
    });
    tree.boxed()
}

/// The same by the book: a row, and true, false or unknown.
fn model(predicate: &Predicate, row: usize) -> Option<bool> {
    let value = |name: &Name| value_of(&name.name, row);
    match predicate {
        Predicate::Known(truth) => *truth,
        Predicate::Is(name) => match value(name) {
            Literal::Bool(bit) => Some(bit),
            _ => None,
        },
        Predicate::IsNull(name) => Some(value(name) == Literal::Null),
        Predicate::IsNan(name) => match value(name) {
            Literal::Null => None,
            Literal::Float(float) => Some(float.is_nan()),
            _ => Some(false),
        },
        Predicate::Compare(left, compare, right) => {
            let side = |side: &Operand| match side {
                Operand::Column(name) => value(name),
                Operand::Value(value) => value.clone(),
            };
            let (mut left, mut right) = (side(left), side(right));
            if let (Literal::Time(_), Literal::Text(text)) = (&left, &right) {
                right = Literal::Time(crate::base::iso8601::parse(text).ok()?);
            } else if let (Literal::Int(seconds), Literal::Time(_)) = (&right, &left) {
                right = Literal::Time(seconds * 1_000_000_000);
            } else if let (Literal::Time(nanos), Operand::Column(_)) =
                (&left, &Operand::Value(right.clone()))
            {
                left = Literal::Time(*nanos);
            }
            compare_values(&left, *compare, &right)
        }
        Predicate::In(name, values) => {
            let one = |value: &Literal| {
                let side = Operand::Value(value.clone());
                model(&Predicate::Compare(Operand::Column(name.clone()), Compare::Equal, side), row)
            };
            match value(name) {
                Literal::Null if values.is_empty() => None,
                _ => any_of(values.iter().map(one)),
            }
        }
        Predicate::Not(part) => model(part, row).map(|truth| !truth),
        Predicate::And(parts) => {
            any_of(parts.iter().map(|part| model(part, row).map(|t| !t))).map(|truth| !truth)
        }
        Predicate::Or(parts) => any_of(parts.iter().map(|part| model(part, row))),
    }
}

fn any_of(mut parts: impl Iterator<Item = Option<bool>> + Clone) -> Option<bool> {
    match parts.clone().any(|part| part == Some(true)) {
        true => Some(true),
        false if parts.any(|part| part.is_none()) => None,
        false => Some(false),
    }
}

fn compare_values(left: &Literal, compare: Compare, right: &Literal) -> Option<bool> {
    use std::cmp::Ordering;
    // As decimals of great length an integer and a float compare exactly.
    let exact = |int: i128, float: f64| -> Option<Ordering> {
        if float.is_nan() {
            return None;
        }
        if float.abs() >= 1e30 {
            return Some(if float > 0.0 { Ordering::Less } else { Ordering::Greater });
        }
        let whole = float.trunc() as i128;
        Some(int.cmp(&whole).then_with(|| 0.0f64.partial_cmp(&float.fract()).unwrap()))
    };
    let order = match (left, right) {
        (Literal::Null, _) | (_, Literal::Null) => return None,
        (Literal::Int(a), Literal::Int(b)) | (Literal::Time(a), Literal::Time(b)) => Some(a.cmp(b)),
        (Literal::Float(a), Literal::Float(b)) => a.partial_cmp(b),
        (Literal::Int(a), Literal::Float(b)) => exact(*a, *b),
        (Literal::Float(a), Literal::Int(b)) => exact(*b, *a).map(Ordering::reverse),
        (Literal::Bool(a), Literal::Bool(b)) => Some(a.cmp(b)),
        (Literal::Text(a), Literal::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (a, b) => panic!("{a} and {b} were bound"),
    };
    Some(match (compare, order) {
        (Compare::NotEqual, None) => true,
        (_, None) => false,
        (Compare::Equal, Some(order)) => order.is_eq(),
        (Compare::NotEqual, Some(order)) => order.is_ne(),
        (Compare::Less, Some(order)) => order.is_lt(),
        (Compare::LessEqual, Some(order)) => order.is_le(),
        (Compare::Greater, Some(order)) => order.is_gt(),
        (Compare::GreaterEqual, Some(order)) => order.is_ge(),
    })
}

fn value_of(name: &str, row: usize) -> Literal {
    let spec = spec();
    if name == "ts" {
        return Literal::Time((row as i128 - 4) * 1_000_000_000);
    }
    let place = spec.position(name).unwrap();
    let ty = spec.columns[place].ty;
    let column = column(Input::Value(place, ty));
    if !column.is_valid(row) {
        return Literal::Null;
    }
    match (place, &column.data) {
        (0, _) => Literal::Float(column.values::<f64>()[row]),
        (1, _) => Literal::Float(column.values::<f32>()[row].into()),
        (2, _) => Literal::Int(column.values::<i8>()[row].into()),
        (3, _) => Literal::Int(column.values::<u64>()[row].into()),
        (_, Data::Bool(bits)) => Literal::Bool(bits.value(row)),
        _ => Literal::Text(String::from_utf8(column.bytes_at(row).to_vec()).unwrap()),
    }
}

/// The facts of one row.
fn facts(input: Input, row: usize) -> Facts {
    let column = column(input);
    let none = Facts { nulls: false, nans: false, range: Range::Empty };
    if !column.is_valid(row) {
        return Facts { nulls: true, ..none };
    }
    let lane = match (input, &column.data) {
        (Input::Time, _) => column.values::<i64>()[row] as u64,
        (Input::Value(0, _), _) => column.values::<f64>()[row].to_bits(),
        (Input::Value(1, _), _) => f64::from(column.values::<f32>()[row]).to_bits(),
        (Input::Value(2, _), _) => i64::from(column.values::<i8>()[row]) as u64,
        (Input::Value(3, _), _) => column.values::<u64>()[row],
        (_, Data::Bool(bits)) => bits.value(row).into(),
        _ => return Facts { range: Range::Any, ..none },
    };
    let float = matches!(input, Input::Value(0 | 1, _));
    match float && f64::from_bits(lane).is_nan() {
        true => Facts { nans: true, ..none },
        false => Facts { range: Range::Lanes(lane, lane), ..none },
    }
}

proptest! {
    #[test]
    fn text_comes_back(predicate in predicate("[a-zä_\" ]{1,3}|and|nan|timestamp")) {
        let text = predicate.to_string();
        let again = Predicate::parse(&text).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
        prop_assert_eq!(again.to_string(), text);
    }

    #[test]
    fn any_text_is_taken_or_refused(text in "\\PC{0,40}") {
        if let Ok(predicate) = Predicate::parse(&text) {
            drop(kept(&predicate));
        }
    }

    #[test]
    fn any_tokens_are_taken_or_refused(tokens in prop::collection::vec(
        prop::sample::select(vec![
            "f", "i", "s", "b", "ts", "(", ")", "and", "or", "not", "in", "is", "null", "nan", "inf", "-",
            "+", "1", "2.5", "'a'", "x'00'", ",", "==", "<", ">=", "between", "timestamp", "'1970-01-01'",
        ]), 0..16)
    ) {
        if let Ok(predicate) = Predicate::parse(&tokens.join(" ")) {
            prop_assert!(Predicate::parse(&predicate.to_string()).is_ok(), "{}", predicate);
            drop(kept(&predicate));
        }
    }

    #[test]
    fn rows_are_kept_by_the_book(
        predicate in predicate(prop::sample::select(vec!["f", "g", "i", "u", "b", "s", "ts"]).prop_map(String::from))
    ) {
        let Ok(kept) = kept(&predicate) else { return Ok(()) };
        let expected: Vec<u32> =
            (0..ROWS).filter(|&row| model(&predicate, row) == Some(true)).map(|row| row as u32).collect();
        prop_assert_eq!(&kept, &expected, "{}", predicate);
        let filter = Filter::new(&predicate, &spec()).unwrap();
        let all: Vec<Vec<Facts>> = (0..ROWS)
            .map(|row| filter.inputs().iter().map(|input| facts(*input, row)).collect())
            .collect();
        for (row, facts) in all.iter().enumerate() {
            let (outcomes, is) = (filter.outcomes(facts), kept.contains(&(row as u32)));
            prop_assert!(!(outcomes.none() && is), "{} row {}", predicate, row);
            prop_assert!(!outcomes.all() || is, "{} row {}", predicate, row);
        }
    }
}
