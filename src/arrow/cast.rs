//! What a reader asked for instead of the native schema: given where nothing can be lost.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, LargeBinaryArray, LargeStringArray, RecordBatch,
    StringArray, StringViewArray,
};
use arrow_schema::{DataType as ArrowType, Schema, SchemaRef};

use crate::arrow::export::{self, OutColumn, OutType};
use crate::arrow::import::{self, Place};
use crate::arrow::types::{column_type, time_unit};
use crate::base::{Column, Data};
use crate::error::{Error, Result};

/// How batches of the native schema become batches of the one that is handed out.
#[derive(Debug, Clone)]
pub struct Cast {
    schema: SchemaRef,
    changes: bool,
}

impl Cast {
    /// From `native` to `requested`, if that names the same columns in the same order with types
    /// that hold every value; else a cast that leaves everything as it is.
    pub fn new(native: &SchemaRef, requested: Option<&SchemaRef>) -> Self {
        let wanted = requested.filter(|wanted| reachable(native, wanted));
        let schema = wanted.unwrap_or(native).clone();
        Self { changes: wanted.is_some_and(|wanted| wanted != native), schema }
    }

    /// The schema of the batches that come out.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// `batch` under that schema.
    pub fn batch(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        if !self.changes {
            return Ok(batch.clone());
        }
        let fields = self.schema.fields().iter().zip(batch.columns());
        let arrays = fields.map(|(field, array)| convert(array, field.data_type(), field.name()));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        RecordBatch::try_new(self.schema.clone(), arrays)
            .map_err(|error| Error::invalid(format!("the requested schema: {error}")))
    }
}

fn reachable(native: &Schema, wanted: &Schema) -> bool {
    let pairs = || native.fields().iter().zip(wanted.fields());
    native.fields().len() == wanted.fields().len()
        && pairs().all(|(from, to)| {
            from.name() == to.name() && lossless(from.data_type(), to.data_type())
        })
}

fn lossless(from: &ArrowType, to: &ArrowType) -> bool {
    if from == to {
        return true;
    }
    match (from, to) {
        (ArrowType::Timestamp(from, _), ArrowType::Timestamp(to, _)) => {
            time_unit(*from) <= time_unit(*to)
        }
        (ArrowType::Utf8, ArrowType::LargeUtf8 | ArrowType::Utf8View)
        | (ArrowType::Binary, ArrowType::LargeBinary | ArrowType::BinaryView) => true,
        _ if to.is_numeric() => match (column_type(from), column_type(to)) {
            (Some(from), Some(to)) => import::always_widens(from, to),
            _ => false,
        },
        _ => false,
    }
}

fn convert(array: &ArrayRef, to: &ArrowType, name: &str) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    let place = Place { column: name, first_row: 0 };
    Ok(match to {
        ArrowType::Timestamp(unit, zone) => {
            let unit = time_unit(*unit);
            let data = Data::Fixed(import::time(array, unit, &place)?.into_inner());
            let column = Column { data, validity: array.nulls().cloned() };
            let def = OutColumn { name: name.to_owned(), ty: OutType::Time(unit) };
            with_type(&export::array(column, &def)?, zone.as_ref().map(|_| to))?
        }
        ArrowType::LargeUtf8 => Arc::new(strings(array).iter().collect::<LargeStringArray>()),
        ArrowType::Utf8View => Arc::new(strings(array).iter().collect::<StringViewArray>()),
        ArrowType::LargeBinary => Arc::new(binaries(array).iter().collect::<LargeBinaryArray>()),
        ArrowType::BinaryView => Arc::new(binaries(array).iter().collect::<BinaryViewArray>()),
        _ => {
            let ty = column_type(to).ok_or_else(|| Error::invalid(format!("no way to {to}")))?;
            let column = import::column(array, ty, &place)?;
            let def = OutColumn { name: name.to_owned(), ty: OutType::Value(ty) };
            export::array(column, &def)?
        }
    })
}

/// The same values as a type of the same layout (a timestamp with a zone).
fn with_type(array: &ArrayRef, to: Option<&ArrowType>) -> Result<ArrayRef> {
    let Some(to) = to else { return Ok(array.clone()) };
    let data = array.to_data().into_builder().data_type(to.clone()).build();
    let data = data.map_err(|error| Error::invalid(format!("no way to {to}: {error}")))?;
    Ok(arrow_array::make_array(data))
}

fn strings(array: &ArrayRef) -> &StringArray {
    array.as_string::<i32>()
}

fn binaries(array: &ArrayRef) -> &BinaryArray {
    array.as_binary::<i32>()
}

#[cfg(test)]
mod tests {
    use arrow_schema::{Field, TimeUnit as ArrowUnit};

    use super::*;
    use crate::base::{DataType, TimeUnit};

    fn native() -> (Vec<OutColumn>, RecordBatch) {
        let types = [
            OutType::Time(TimeUnit::Millisecond),
            OutType::Value(DataType::I16),
            OutType::Value(DataType::Utf8),
        ];
        let columns = types.map(|ty| OutColumn { name: ty.to_string(), ty }).to_vec();
        let data = vec![
            Column::from_vec(vec![5i64]),
            Column::from_vec(vec![6i16]),
            Column::from_texts(["x"]),
        ];
        let batch = export::record_batch(&export::schema(&columns), &columns, data).unwrap();
        (columns, batch)
    }

    fn cast_to(types: [ArrowType; 3]) -> (SchemaRef, RecordBatch) {
        let (columns, batch) = native();
        let fields = columns.iter().zip(types).map(|(c, ty)| Field::new(&c.name, ty, true));
        let wanted = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let cast = Cast::new(&batch.schema(), Some(&wanted));
        (wanted, cast.batch(&batch).unwrap())
    }

    #[test]
    fn wider_types_are_given() {
        let zoned = ArrowType::Timestamp(ArrowUnit::Nanosecond, Some("UTC".into()));
        let (wanted, batch) = cast_to([zoned, ArrowType::Float64, ArrowType::LargeUtf8]);
        assert_eq!(batch.schema(), wanted);
        let times = batch.column(0).as_primitive::<arrow_array::types::TimestampNanosecondType>();
        assert_eq!(times.value(0), 5_000_000);
        assert_eq!(batch.column(2).as_string::<i64>().value(0), "x");
    }

    #[test]
    fn what_would_lose_something_is_left_native() {
        let seconds = ArrowType::Timestamp(ArrowUnit::Second, None);
        let (wanted, batch) = cast_to([seconds, ArrowType::Int16, ArrowType::Utf8]);
        assert_ne!(batch.schema(), wanted);
        assert_eq!(batch.schema(), native().1.schema());
    }
}
