//! The history of a map as Arrow columns: key, value, time in seconds, and number within the key.

use arrow_buffer::{BooleanBuffer, NullBuffer};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyList, PyString};

use crate::arrow::{OutColumn, OutType};
use crate::base::{Column, Data, DataType};

/// Rows of a piece.
const PIECE_ROWS: usize = 65_536;

/// Keys with the numbers of their versions, and the versions one after the other.
#[derive(Default)]
pub(super) struct History<'py> {
    pub(super) names: Vec<Bound<'py, PyAny>>,
    pub(super) counts: Vec<i64>,
    pub(super) values: Vec<Bound<'py, PyAny>>,
    pub(super) times: Vec<f64>,
}

/// Keys and how many versions each has, the values as [`values`] has them, and times in seconds.
pub(super) type Columns<'py> =
    (Bound<'py, PyList>, Bound<'py, PyBytes>, &'static str, Bound<'py, PyAny>, Bound<'py, PyBytes>);

impl<'py> History<'py> {
    /// The columns of the result, and its pieces: a row a version.
    pub(super) fn columns(&self) -> PyResult<(Vec<OutColumn>, Vec<Vec<Column>>)> {
        let (key, value) = (Form::of(&self.names), Form::of(&self.values));
        let column = |name: &str, ty| OutColumn { name: name.into(), ty: OutType::Value(ty) };
        let columns = vec![
            column("key", key.ty()),
            column("value", value.ty()),
            column("timestamp", DataType::F64),
            column("version", DataType::I64),
        ];
        let of_keys = self.names.iter().zip(&self.counts);
        let mut rows = of_keys.flat_map(|(name, &count)| (0..count).map(move |row| (name, row)));
        let mut pieces = vec![];
        for start in (0..self.values.len()).step_by(PIECE_ROWS) {
            let range = start..self.values.len().min(start + PIECE_ROWS);
            let (names, numbers): (Vec<Bound<'py, PyAny>>, Vec<i64>) =
                rows.by_ref().take(range.len()).map(|(name, row)| (name.clone(), row)).unzip();
            pieces.push(vec![
                key.column(&names)?,
                value.column(&self.values[range.clone()])?,
                Column::from_vec(self.times[range].to_vec()),
                Column::from_vec(numbers),
            ]);
        }
        Ok((columns, pieces))
    }
}

/// Values for NumPy: `"float64"`, `"int64"` or `"bool"` and their bytes if all of them are such;
/// otherwise a list, as `"scalars"` if none of them is a collection, else as `"objects"`.
pub(super) fn values<'py>(
    py: Python<'py>,
    objects: &[Bound<'py, PyAny>],
) -> PyResult<(&'static str, Bound<'py, PyAny>)> {
    let form = Form::of(objects);
    let whole = !objects.is_empty() && objects.iter().all(|object| !object.is_none());
    let bytes = match form {
        Form::Float if whole => {
            let values = each(objects, |object| object.extract::<f64>())?;
            Some(("float64", bytes_of(py, values.iter().map(|value| value.to_ne_bytes()))))
        }
        Form::Int if whole => {
            let values = each(objects, |object| object.extract::<i64>())?;
            Some(("int64", bytes_of(py, values.iter().map(|value| value.to_ne_bytes()))))
        }
        Form::Bool if whole => {
            let values = each(objects, |object| object.extract::<bool>())?;
            Some(("bool", bytes_of(py, values.iter().map(|&value| [u8::from(value)]))))
        }
        _ => None,
    };
    Ok(match bytes {
        Some((kind, bytes)) => (kind, bytes.into_any()),
        None => {
            let kind = if form == Form::Told { "objects" } else { "scalars" };
            (kind, PyList::new(py, objects)?.into_any())
        }
    })
}

/// Numbers one after the other.
pub(super) fn bytes_of<'py, const N: usize>(
    py: Python<'py>,
    numbers: impl Iterator<Item = [u8; N]>,
) -> Bound<'py, PyBytes> {
    let mut bytes = Vec::with_capacity(numbers.size_hint().0 * N);
    numbers.for_each(|number| bytes.extend_from_slice(&number));
    PyBytes::new(py, &bytes)
}

/// What a column of objects is: their type, if they have one that Arrow has too; otherwise each is
/// told in JSON, or as Python shows it where JSON has no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Bool,
    Int,
    Float,
    Text,
    Bytes,
    Told,
}

impl Form {
    /// The form of all objects that are not None. A column without any is one of text.
    fn of(objects: &[Bound<'_, PyAny>]) -> Self {
        let (mut form, mut mixed) = (None, false);
        for object in objects.iter().filter(|object| !object.is_none()) {
            let one = Self::of_one(object);
            form = match (form, one) {
                (None, one) => Some(one),
                (Some(before), one) if before == one => Some(one),
                (Some(Self::Int), Self::Float) | (Some(Self::Float), Self::Int) => {
                    mixed = true;
                    Some(Self::Float)
                }
                _ => return Self::Told,
            };
        }
        let form = form.unwrap_or(Self::Text);
        // A whole number that no float is would be another one.
        let exact = |object: &Bound<'_, PyAny>| match object.cast_exact::<PyInt>() {
            Ok(int) => int.extract::<i64>().is_ok_and(|whole| whole.unsigned_abs() <= 1 << 53),
            Err(_) => true,
        };
        if mixed && !objects.iter().all(exact) { Self::Told } else { form }
    }

    fn of_one(object: &Bound<'_, PyAny>) -> Self {
        if object.cast_exact::<PyFloat>().is_ok() {
            Self::Float
        } else if object.cast_exact::<PyInt>().is_ok() {
            if object.extract::<i64>().is_ok() { Self::Int } else { Self::Told }
        } else if object.cast_exact::<PyString>().is_ok_and(|text| text.to_cow().is_ok()) {
            Self::Text
        } else if object.cast_exact::<PyBool>().is_ok() {
            Self::Bool
        } else if object.cast_exact::<PyBytes>().is_ok() {
            Self::Bytes
        } else {
            Self::Told
        }
    }

    fn ty(self) -> DataType {
        match self {
            Self::Bool => DataType::Bool,
            Self::Int => DataType::I64,
            Self::Float => DataType::F64,
            Self::Text | Self::Told => DataType::Utf8,
            Self::Bytes => DataType::Binary,
        }
    }

    fn column(self, objects: &[Bound<'_, PyAny>]) -> PyResult<Column> {
        let valid: NullBuffer = objects.iter().map(|object| !object.is_none()).collect();
        let some = |object: &Bound<'_, PyAny>| !object.is_none();
        let column = match self {
            Self::Bool => {
                let bits: BooleanBuffer =
                    objects.iter().map(|object| object.extract().unwrap_or(false)).collect();
                Column { data: Data::Bool(bits), validity: None }
            }
            Self::Int => Column::from_vec(each(objects, |object| object.extract::<i64>())?),
            Self::Float => Column::from_vec(each(objects, |object| object.extract::<f64>())?),
            Self::Text => Column::from_texts(each(objects, |object| object.extract::<String>())?),
            Self::Bytes => Column::from_texts(each(objects, |object| object.extract::<Vec<u8>>())?),
            Self::Told => Column::from_texts(each(objects, |object| told(object))?),
        };
        Ok(column.with_validity(objects.iter().any(|object| !some(object)).then_some(valid)))
    }
}

fn each<'py, T: Default>(
    objects: &[Bound<'py, PyAny>],
    read: impl Fn(&Bound<'py, PyAny>) -> PyResult<T>,
) -> PyResult<Vec<T>> {
    let read = |object: &Bound<'py, PyAny>| match object.is_none() {
        true => Ok(T::default()),
        false => read(object),
    };
    objects.iter().map(read).collect()
}

fn told(object: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = object.py();
    let module = py.import(intern!(py, "chronolite._chronomap.cells"))?;
    module.call_method1(intern!(py, "told"), (object,))?.extract()
}
