//! Predicates, as Python makes them: text, `col("temp") > 24.9`, or an expression of pyarrow.

use pyo3::basic::CompareOp;
use pyo3::exceptions::PyOverflowError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::errors::{invalid, type_name, wrong_type};
use super::{rows, timestamps};
use crate::base::predicate::{Compare, Literal, Name, Operand, Predicate as Base};
use crate::base::value::Value;

/// A column in a predicate, as `col` makes it: compare it, with a value or another column.
#[pyclass(frozen, module = "chronolite")]
pub(super) struct Column {
    name: String,
}

/// Which rows are wanted: what `where` takes. `&`, `|` and `~` put predicates together.
#[pyclass(frozen, module = "chronolite")]
pub(super) struct Predicate {
    base: Base,
}

/// The column of that name, to be compared in a `where`.
#[pyfunction]
pub(super) fn col(name: String) -> Column {
    Column { name }
}

/// What a `where` says, if there is one.
pub(super) fn filter(given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Base>> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(None) };
    if let Ok(text) = given.cast::<PyString>() {
        return Ok(Some(Base::parse(text.to_str()?)?));
    }
    if let Some(known) = part(given) {
        return Ok(Some(known));
    }
    let py = given.py();
    let ty = given.get_type();
    let module = ty.module()?;
    if module.to_str()?.starts_with("pyarrow") && ty.name()?.to_str()? == "Expression" {
        let convert = py.import(intern!(py, "chronolite._expression"))?;
        let converted = convert.call_method1(intern!(py, "convert"), (given,))?;
        return Ok(part(&converted));
    }
    let name = type_name(given);
    Err(wrong_type(format!(
        "where is text, such as \"temp > 24.9\", col(\"temp\") > 24.9, or an expression of \
         pyarrow.compute, not {name}"
    )))
}

/// A predicate, or a column of booleans.
fn part(given: &Bound<'_, PyAny>) -> Option<Base> {
    if let Ok(known) = given.cast::<Predicate>() {
        return Some(known.get().base.clone());
    }
    given.cast::<Column>().ok().map(|column| Base::Is(column.get().named()))
}

fn other_part(given: &Bound<'_, PyAny>) -> PyResult<Base> {
    part(given).ok_or_else(|| {
        let name = type_name(given);
        wrong_type(format!("a predicate goes with another one, not {name}: mind the parentheses"))
    })
}

impl Predicate {
    pub(super) fn new(base: Base) -> Self {
        Self { base }
    }
}

fn checked(base: Base) -> PyResult<Predicate> {
    base.check_size()?;
    Ok(Predicate { base })
}

#[cold]
fn no_truth<T>() -> PyResult<T> {
    Err(wrong_type("a predicate is neither true nor false: use & | ~ instead of and, or, not"))
}

/// A value to compare with.
fn literal(given: &Bound<'_, PyAny>) -> PyResult<Literal> {
    let py = given.py();
    if let Some(nanos) = timestamps::nanos(given)? {
        return Ok(Literal::Time(nanos));
    }
    let plain = rows::plain(given.clone())?;
    let value = rows::value(&plain).map_err(|e| match e.is_instance_of::<PyOverflowError>(py) {
        true => invalid(format!("where: {plain} does not fit 64 bits, and no column has it")),
        false => e,
    })?;
    Ok(match value {
        Value::Null => Literal::Null,
        Value::Bool(bit) => Literal::Bool(bit),
        Value::Int(int) => Literal::Int(int.into()),
        Value::UInt(int) => Literal::Int(int.into()),
        Value::Float(float) => Literal::Float(float),
        Value::Str(text) => Literal::Text(text.to_owned()),
        Value::Bytes(bytes) => Literal::Bytes(bytes.to_vec()),
    })
}

impl Column {
    fn named(&self) -> Name {
        Name::new(self.name.clone())
    }

    fn compare(&self, compare: Compare, other: &Bound<'_, PyAny>) -> PyResult<Base> {
        let right = match other.cast::<Self>() {
            Ok(column) => Operand::Column(column.get().named()),
            Err(_) => match literal(other)? {
                Literal::Null => {
                    return Err(wrong_type("a column is null or is not: is_null() tells"));
                }
                value => Operand::Value(value),
            },
        };
        Ok(Base::Compare(Operand::Column(self.named()), compare, right))
    }
}

#[pymethods]
impl Column {
    /// NumPy's scalars leave comparisons with a column to the column.
    #[classattr]
    fn __array_ufunc__() -> Option<bool> {
        None
    }

    /// The column's name.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<Predicate> {
        let compare = match op {
            CompareOp::Eq => Compare::Equal,
            CompareOp::Ne => Compare::NotEqual,
            CompareOp::Lt => Compare::Less,
            CompareOp::Le => Compare::LessEqual,
            CompareOp::Gt => Compare::Greater,
            CompareOp::Ge => Compare::GreaterEqual,
        };
        Ok(Predicate { base: self.compare(compare, other)? })
    }

    /// True where the column has one of these values; unknown where it is null.
    fn isin(&self, values: &Bound<'_, PyAny>) -> PyResult<Predicate> {
        if values.is_instance_of::<PyString>() {
            return Err(wrong_type("isin takes a list of values, not one text"));
        }
        let mut all = vec![];
        for value in values.try_iter()? {
            all.push(literal(&value?)?);
        }
        Ok(Predicate { base: Base::In(self.named(), all.into()) })
    }

    /// True where the column is from `low` to `high`, both included.
    fn between(&self, low: &Bound<'_, PyAny>, high: &Bound<'_, PyAny>) -> PyResult<Predicate> {
        let low = self.compare(Compare::GreaterEqual, low)?;
        Ok(Predicate { base: low.and(self.compare(Compare::LessEqual, high)?) })
    }

    /// True where the column is null; never unknown.
    fn is_null(&self) -> Predicate {
        Predicate { base: Base::IsNull(self.named()) }
    }

    /// True where the column, of numbers, is NaN; unknown where it is null.
    fn is_nan(&self) -> Predicate {
        Predicate { base: Base::IsNan(self.named()) }
    }

    fn __and__(&self, other: &Bound<'_, PyAny>) -> PyResult<Predicate> {
        checked(Base::Is(self.named()).and(other_part(other)?))
    }

    fn __or__(&self, other: &Bound<'_, PyAny>) -> PyResult<Predicate> {
        checked(Base::Is(self.named()).or(other_part(other)?))
    }

    fn __invert__(&self) -> Predicate {
        Predicate { base: Base::Is(self.named()).negated() }
    }

    fn __bool__(&self) -> PyResult<bool> {
        no_truth()
    }

    fn __repr__(&self) -> String {
        format!("<chronolite.Column {}>", self.named())
    }
}

#[pymethods]
impl Predicate {
    fn __and__(&self, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        checked(self.base.clone().and(other_part(other)?))
    }

    fn __or__(&self, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        checked(self.base.clone().or(other_part(other)?))
    }

    fn __invert__(&self) -> PyResult<Self> {
        checked(self.base.clone().negated())
    }

    fn __bool__(&self) -> PyResult<bool> {
        no_truth()
    }

    /// The text that `where` takes for the same.
    fn __str__(&self) -> String {
        self.base.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<chronolite.Predicate {}>", self.base)
    }

    /// A predicate that is the same for every row; `None` is unknown. For `_expression`.
    #[staticmethod]
    #[pyo3(signature = (truth=None))]
    fn _known(truth: Option<bool>) -> Self {
        Self { base: Base::Known(truth) }
    }
}
