//! Which rows a filter keeps, 64 at a time: two bits a row say whether it is true and whether it is
//! false; unknown is neither.

use std::cmp::Ordering;

use arrow_buffer::{ArrowNativeType, NullBuffer};

use crate::base::batch::{Column, Data};
use crate::base::predicate::leaf::{Leaf, Set, Test};
use crate::base::predicate::{Compare, Filter, Input};
use crate::base::schema::DataType;

/// What came out for some rows. Bits past the last row mean nothing.
struct Truth {
    yes: Vec<u64>,
    no: Vec<u64>,
}

/// Columns of the rows at hand, each fetched when it is first needed.
struct Columns<'a, E> {
    rows: usize,
    inputs: &'a [Input],
    fetched: Vec<Option<Column>>,
    fetch: &'a mut dyn FnMut(usize) -> Result<Column, E>,
}

impl<E> Columns<'_, E> {
    fn load(&mut self, input: usize) -> Result<(), E> {
        if self.fetched[input].is_none() {
            self.fetched[input] = Some((self.fetch)(input)?);
        }
        Ok(())
    }

    /// A column that was loaded.
    fn get(&self, input: usize) -> Option<(&Column, DataType)> {
        Some((self.fetched.get(input)?.as_ref()?, self.inputs.get(input)?.stored()))
    }
}

impl Filter {
    /// The rows it keeps, of `rows`: `None` if those are all. `fetch` gives the column of an input;
    /// it is asked only for those that may still decide.
    pub fn select<E>(
        &self,
        rows: usize,
        fetch: &mut dyn FnMut(usize) -> Result<Column, E>,
    ) -> Result<Option<Vec<u32>>, E> {
        let fetched = self.inputs.iter().map(|_| None).collect();
        let mut columns = Columns { rows, inputs: &self.inputs, fetched, fetch };
        let mut kept = vec![u64::MAX; rows.div_ceil(64)];
        if let (Some(last), used @ 1..) = (kept.last_mut(), rows % 64) {
            *last = (1 << used) - 1;
        }
        for test in &self.tests {
            let truth = truth(test, &mut columns)?;
            kept.iter_mut().zip(&truth.yes).for_each(|(kept, yes)| *kept &= yes);
            if kept.iter().all(|word| *word == 0) {
                return Ok(Some(vec![]));
            }
        }
        let count: usize = kept.iter().map(|word| word.count_ones() as usize).sum();
        if count == rows {
            return Ok(None);
        }
        let mut out = Vec::with_capacity(count);
        for (at, &word) in kept.iter().enumerate() {
            let mut word = word;
            while word != 0 {
                out.push(at as u32 * 64 + word.trailing_zeros());
                word &= word - 1;
            }
        }
        Ok(Some(out))
    }
}

fn truth<E>(test: &Test, columns: &mut Columns<'_, E>) -> Result<Truth, E> {
    let words = columns.rows.div_ceil(64);
    let all = |on: bool| vec![if on { u64::MAX } else { 0 }; words];
    Ok(match test {
        Test::Known(known) => {
            Truth { yes: all(*known == Some(true)), no: all(*known == Some(false)) }
        }
        Test::Not(part) => {
            let Truth { yes, no } = truth(part, columns)?;
            Truth { yes: no, no: yes }
        }
        Test::And(parts) => {
            let mut both = Truth { yes: all(true), no: all(false) };
            for part in parts {
                let part = truth(part, columns)?;
                both.yes.iter_mut().zip(&part.yes).for_each(|(a, b)| *a &= b);
                both.no.iter_mut().zip(&part.no).for_each(|(a, b)| *a |= b);
            }
            both
        }
        Test::Or(parts) => {
            let mut either = Truth { yes: all(false), no: all(true) };
            for part in parts {
                let part = truth(part, columns)?;
                either.yes.iter_mut().zip(&part.yes).for_each(|(a, b)| *a |= b);
                either.no.iter_mut().zip(&part.no).for_each(|(a, b)| *a &= b);
            }
            either
        }
        Test::Leaf(leaf) => {
            let [left, right] = leaf.inputs();
            columns.load(left)?;
            columns.load(right)?;
            of_leaf(leaf, columns)
        }
    })
}

fn of_leaf<E>(leaf: &Leaf, columns: &Columns<'_, E>) -> Truth {
    let [left, right] = leaf.inputs();
    // Both were loaded.
    let (Some((column, ty)), Some((other, other_ty))) = (columns.get(left), columns.get(right))
    else {
        return Truth { yes: vec![], no: vec![] };
    };
    let rows = columns.rows;
    let valid = [column.validity.as_ref(), other.validity.as_ref()];
    let over = |is: &dyn Fn(usize) -> bool| split(each(rows, is), valid);
    match leaf {
        Leaf::Null(_) => {
            let no = match &column.validity {
                Some(nulls) => each(rows, |row| nulls.is_valid(row)),
                None => vec![u64::MAX; rows.div_ceil(64)],
            };
            Truth { yes: no.iter().map(|word| !word).collect(), no }
        }
        Leaf::Never(_) => split(vec![0; rows.div_ceil(64)], valid),
        Leaf::Nan(_) => split(numbers(column, ty, |v: Number| v.is_nan()), valid),
        Leaf::Signed(_, low, high) => split(signed(column, ty, *low, *high), valid),
        Leaf::Unsigned(_, low, high) => split(unsigned(column, ty, *low, *high), valid),
        Leaf::Float(_, low, high) => split(floats(column, ty, *low, *high), valid),
        Leaf::Bool(_, on_false, on_true) => {
            let Data::Bool(bits) = &column.data else { return split(vec![], valid) };
            over(&|row| if bits.value(row) { *on_true } else { *on_false })
        }
        Leaf::Bytes(_, range) => over(&|row| range.holds(column.bytes_at(row))),
        Leaf::Set(_, Set::Bytes(values)) => over(&|row| values.contains(column.bytes_at(row))),
        Leaf::Set(_, set) => split(numbers(column, ty, |v| v.is_in(set)), valid),
        Leaf::Columns(_, compare, _) => over(&|row| {
            let holds = |order: Option<Ordering>| match order {
                Some(order) => compare.holds(order),
                // NaN differs from everything.
                None => *compare == Compare::NotEqual,
            };
            match (&column.data, &other.data) {
                (Data::Fixed(_), Data::Fixed(_)) => {
                    holds(Number::at(column, ty, row).order(Number::at(other, other_ty, row)))
                }
                (Data::Bool(a), Data::Bool(b)) => compare.holds(a.value(row).cmp(&b.value(row))),
                (Data::Bytes { .. }, Data::Bytes { .. }) => {
                    compare.holds(column.bytes_at(row).cmp(other.bytes_at(row)))
                }
                _ => false,
            }
        }),
    }
}

/// Bits by row as an outcome: unknown where a column is null.
fn split(yes: Vec<u64>, valid: [Option<&NullBuffer>; 2]) -> Truth {
    let mut truth = Truth { no: yes.iter().map(|word| !word).collect(), yes };
    for nulls in valid.into_iter().flatten() {
        let known = each(nulls.len(), |row| nulls.is_valid(row));
        truth.yes.iter_mut().zip(&known).for_each(|(word, known)| *word &= known);
        truth.no.iter_mut().zip(&known).for_each(|(word, known)| *word &= known);
    }
    truth
}

#[inline(always)]
fn each(rows: usize, is: impl Fn(usize) -> bool) -> Vec<u64> {
    let word = |start: usize| {
        let len = (rows - start).min(64);
        (0..len).fold(0u64, |word, at| word | u64::from(is(start + at)) << at)
    };
    (0..rows).step_by(64).map(word).collect()
}

/// A bit a value, in loops that the compiler vectorizes.
#[inline(always)]
fn every<T: Copy>(values: &[T], is: impl Fn(T) -> bool) -> Vec<u64> {
    let mut out = Vec::with_capacity(values.len().div_ceil(64));
    let (words, rest) = values.as_chunks::<64>();
    for values in words {
        let mut word = 0;
        for (at, &value) in values.iter().enumerate() {
            word |= u64::from(is(value)) << at;
        }
        out.push(word);
    }
    if !rest.is_empty() {
        out.push(rest.iter().enumerate().fold(0, |w, (at, &v)| w | u64::from(is(v)) << at));
    }
    out
}

fn between<T: ArrowNativeType + PartialOrd>(column: &Column, low: T, high: T) -> Vec<u64> {
    every(column.values::<T>(), |value| (value >= low) & (value <= high))
}

fn signed(column: &Column, ty: DataType, low: i64, high: i64) -> Vec<u64> {
    macro_rules! of {
        ($t:ty) => {{
            let (least, most) = (i64::from(<$t>::MIN), i64::from(<$t>::MAX));
            match low > most || high < least {
                true => vec![0; column.values::<$t>().len().div_ceil(64)],
                false => between::<$t>(column, low.max(least) as $t, high.min(most) as $t),
            }
        }};
    }
    match ty {
        DataType::I8 => of!(i8),
        DataType::I16 => of!(i16),
        DataType::I32 => of!(i32),
        _ => between::<i64>(column, low, high),
    }
}

fn unsigned(column: &Column, ty: DataType, low: u64, high: u64) -> Vec<u64> {
    macro_rules! of {
        ($t:ty) => {{
            let most = u64::from(<$t>::MAX);
            match low > most {
                true => vec![0; column.values::<$t>().len().div_ceil(64)],
                false => between::<$t>(column, low as $t, high.min(most) as $t),
            }
        }};
    }
    match ty {
        DataType::U8 => of!(u8),
        DataType::U16 => of!(u16),
        DataType::U32 => of!(u32),
        _ => between::<u64>(column, low, high),
    }
}

fn floats(column: &Column, ty: DataType, low: f64, high: f64) -> Vec<u64> {
    match ty {
        DataType::F32 => every(column.values::<f32>(), |value| {
            (f64::from(value) >= low) & (f64::from(value) <= high)
        }),
        _ => between::<f64>(column, low, high),
    }
}

fn numbers(column: &Column, ty: DataType, is: impl Fn(Number) -> bool) -> Vec<u64> {
    each(column.len(ty), |row| is(Number::at(column, ty, row)))
}

/// A number of any type, as itself.
#[derive(Clone, Copy)]
enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    fn at(column: &Column, ty: DataType, row: usize) -> Self {
        match ty {
            DataType::I8 => Self::Integer(column.values::<i8>()[row].into()),
            DataType::I16 => Self::Integer(column.values::<i16>()[row].into()),
            DataType::I32 => Self::Integer(column.values::<i32>()[row].into()),
            DataType::U8 => Self::Integer(column.values::<u8>()[row].into()),
            DataType::U16 => Self::Integer(column.values::<u16>()[row].into()),
            DataType::U32 => Self::Integer(column.values::<u32>()[row].into()),
            DataType::U64 => Self::Integer(column.values::<u64>()[row].into()),
            DataType::F32 => Self::Float(column.values::<f32>()[row].into()),
            DataType::F64 => Self::Float(column.values::<f64>()[row]),
            _ => Self::Integer(column.values::<i64>()[row].into()),
        }
    }

    fn is_nan(self) -> bool {
        matches!(self, Self::Float(float) if float.is_nan())
    }

    fn is_in(self, set: &Set) -> bool {
        match (self, set) {
            (Self::Integer(value), Set::Integers(values)) => Set::has_integer(values, value),
            (Self::Float(value), Set::Floats(values)) => Set::has_float(values, value),
            _ => false,
        }
    }

    /// How two numbers stand to each other, exactly; `None` if one is NaN.
    fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(&b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b),
            (Self::Integer(a), Self::Float(b)) => mixed(a, b),
            (Self::Float(a), Self::Integer(b)) => mixed(b, a).map(Ordering::reverse),
        }
    }
}

fn mixed(integer: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    // Far beyond 64 bits the conversion saturates, which does no harm.
    let floor = float.floor();
    let by_floor = integer.cmp(&(floor as i128));
    Some(if by_floor.is_eq() && float > floor { Ordering::Less } else { by_floor })
}
