//! Columns dressed as Arrow arrays: the same buffers under another name.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, BinaryArray, BooleanArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_buffer::{Buffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType as ArrowType, Field, Schema, SchemaRef};

use crate::arrow::import::{self, Place};
use crate::arrow::types::{arrow_type, arrow_unit};
use crate::base::{Column, Data, DataType, TableSpec, TimeUnit};
use crate::error::{Error, Result};

/// A column of a result: what it is called and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: OutType,
}

impl OutColumn {
    /// The columns of a table: the time, then the values.
    pub fn of_table(spec: &TableSpec) -> Vec<Self> {
        let time = Self { name: spec.time_column.clone(), ty: OutType::Time(spec.unit) };
        let values = spec.columns.iter();
        let values = values.map(|def| Self { name: def.name.clone(), ty: OutType::Value(def.ty) });
        std::iter::once(time).chain(values).collect()
    }
}

/// The type of a column of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutType {
    /// The time column, in this unit.
    Time(TimeUnit),
    /// A value column.
    Value(DataType),
}

impl OutType {
    /// The Arrow type it is handed out in: the time is a timestamp without a zone (UTC).
    pub fn arrow(self) -> ArrowType {
        match self {
            Self::Time(unit) => ArrowType::Timestamp(arrow_unit(unit), None),
            Self::Value(ty) => arrow_type(ty),
        }
    }

    /// The type of its values in a [`Column`].
    pub fn stored(self) -> DataType {
        match self {
            Self::Time(_) => DataType::I64,
            Self::Value(ty) => ty,
        }
    }
}

impl std::fmt::Display for OutType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Time(unit) => write!(f, "timestamp[{unit}]"),
            Self::Value(ty) => write!(f, "{ty}"),
        }
    }
}

/// The Arrow schema of a result. Every field is marked nullable, the time too, although it holds
/// no nulls: that is what other producers write, and readers compare schemas.
pub fn schema(columns: &[OutColumn]) -> SchemaRef {
    let fields = columns.iter().map(|column| Field::new(&column.name, column.ty.arrow(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The Arrow schema of a result that is here as a whole: only a field that holds a null is marked
/// nullable. It is what NanoTS hands out.
pub fn exact_schema(columns: &[OutColumn], data: &[Column]) -> SchemaRef {
    let fields = columns
        .iter()
        .zip(data)
        .map(|(column, data)| Field::new(&column.name, column.ty.arrow(), data.null_count() > 0));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// One chunk of a result.
pub fn record_batch(
    schema: &SchemaRef,
    columns: &[OutColumn],
    data: Vec<Column>,
) -> Result<RecordBatch> {
    let arrays = columns.iter().zip(data).map(|(column, data)| array(data, column));
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new(schema.clone(), arrays).map_err(|error| bad(&error, "a chunk"))
}

/// One column as an array that shares its buffers.
pub fn array(column: Column, def: &OutColumn) -> Result<ArrayRef> {
    match def.ty {
        OutType::Time(unit) => match unit {
            TimeUnit::Second => fixed::<TimestampSecondType>(column, def),
            TimeUnit::Millisecond => fixed::<TimestampMillisecondType>(column, def),
            TimeUnit::Microsecond => fixed::<TimestampMicrosecondType>(column, def),
            TimeUnit::Nanosecond => fixed::<TimestampNanosecondType>(column, def),
        },
        OutType::Value(ty) => match ty {
            DataType::I8 => fixed::<Int8Type>(column, def),
            DataType::I16 => fixed::<Int16Type>(column, def),
            DataType::I32 => fixed::<Int32Type>(column, def),
            DataType::I64 => fixed::<Int64Type>(column, def),
            DataType::U8 => fixed::<UInt8Type>(column, def),
            DataType::U16 => fixed::<UInt16Type>(column, def),
            DataType::U32 => fixed::<UInt32Type>(column, def),
            DataType::U64 => fixed::<UInt64Type>(column, def),
            DataType::F32 => fixed::<Float32Type>(column, def),
            DataType::F64 => fixed::<Float64Type>(column, def),
            DataType::Bool | DataType::Utf8 | DataType::Binary => other(column, def),
        },
    }
}

/// The column that an array of [`array`] was made of, sharing its buffers again.
pub fn column(array: &ArrayRef, def: &OutColumn) -> Result<Column> {
    let place = Place { column: &def.name, first_row: 0 };
    match def.ty {
        OutType::Time(unit) => {
            let data = Data::Fixed(import::time(array, unit, &place)?.into_inner());
            Ok(Column { data, validity: None })
        }
        OutType::Value(ty) => import::column(array, ty, &place),
    }
}

fn fixed<T: ArrowPrimitiveType>(column: Column, def: &OutColumn) -> Result<ArrayRef> {
    let Data::Fixed(buffer) = column.data else { return Err(unlike(def)) };
    let values = ScalarBuffer::from(buffer);
    let array = PrimitiveArray::<T>::try_new(values, column.validity);
    Ok(Arc::new(array.map_err(|error| bad(&error, &def.name))?))
}

fn other(column: Column, def: &OutColumn) -> Result<ArrayRef> {
    let validity = column.validity;
    let array: Result<ArrayRef, ArrowError> = match (column.data, def.ty) {
        (Data::Bool(bits), OutType::Value(DataType::Bool)) => {
            Ok(Arc::new(BooleanArray::new(bits, validity)))
        }
        // Checks that the text is UTF-8: readers rely on it without looking.
        (Data::Bytes { offsets, values }, OutType::Value(DataType::Utf8)) => {
            StringArray::try_new(offsets, values, validity).map(|array| Arc::new(array) as _)
        }
        (Data::Bytes { offsets, values }, OutType::Value(DataType::Binary)) => {
            BinaryArray::try_new(offsets, values, validity).map(|array| Arc::new(array) as _)
        }
        _ => return Err(unlike(def)),
    };
    array.map_err(|error| bad(&error, &def.name))
}

/// The values of a column of fixed width, as they lie in memory.
pub fn fixed_buffer(column: Column) -> Option<Buffer> {
    match column.data {
        Data::Fixed(buffer) => Some(buffer),
        Data::Bool(_) | Data::Bytes { .. } => None,
    }
}

#[cold]
fn unlike(def: &OutColumn) -> Error {
    Error::corruption(format!("column {:?} does not hold {}", def.name, def.ty))
}

#[cold]
fn bad(error: &ArrowError, name: &str) -> Error {
    Error::corruption(format!("{name:?} does not make an Arrow array: {error}"))
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_buffer::NullBuffer;

    use super::*;

    fn value(ty: DataType) -> OutColumn {
        OutColumn { name: "x".into(), ty: OutType::Value(ty) }
    }

    #[test]
    fn every_type_becomes_its_array() {
        for ty in DataType::ALL {
            let array = array(Column::nulls(ty, 3), &value(ty)).unwrap();
            assert_eq!((array.data_type(), array.len()), (&arrow_type(ty), 3));
            assert_eq!(array.null_count(), 3);
        }
    }

    #[test]
    fn buffers_are_shared() {
        let column = Column::from_vec(vec![1.5f64, 2.5])
            .with_validity(Some(NullBuffer::from(vec![true, false])));
        let at = column.values::<f64>().as_ptr();
        let array = array(column, &value(DataType::F64)).unwrap();
        assert_eq!(array.as_primitive::<Float64Type>().values().as_ptr(), at);
        assert!(array.is_null(1));
    }

    #[test]
    fn a_column_of_another_layout_or_bad_text_is_refused() {
        assert!(array(Column::from_texts(["a"]), &value(DataType::F64)).is_err());
        assert!(array(Column::from_vec(vec![1i64]), &value(DataType::Utf8)).is_err());
        let bad = Column::from_texts([[0xff_u8]]);
        assert!(array(bad.clone(), &value(DataType::Utf8)).is_err());
        assert!(array(bad, &value(DataType::Binary)).is_ok());
    }

    #[test]
    fn a_batch_carries_its_schema() {
        let columns = [
            OutColumn { name: "ts".into(), ty: OutType::Time(TimeUnit::Microsecond) },
            value(DataType::Utf8),
        ];
        let schema = schema(&columns);
        let data = vec![Column::from_vec(vec![7i64]), Column::from_texts(["a"])];
        let batch = record_batch(&schema, &columns, data).unwrap();
        assert_eq!(batch.column(0).data_type(), &columns[0].ty.arrow());
        assert_eq!(batch.column(1).as_string::<i32>().value(0), "a");
    }

    #[test]
    fn an_exact_schema_says_where_nulls_are() {
        let columns = [value(DataType::I64), value(DataType::I64)];
        let data = vec![Column::from_vec(vec![7i64]), Column::nulls(DataType::I64, 1)];
        let schema = exact_schema(&columns, &data);
        let nullable: Vec<_> = schema.fields().iter().map(|field| field.is_nullable()).collect();
        assert_eq!(nullable, [false, true]);
        assert!(record_batch(&schema, &columns, data).is_ok());
    }
}
