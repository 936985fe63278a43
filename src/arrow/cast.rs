//! What a reader asked for instead of the native schema: given where nothing can be lost.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, LargeBinaryArray, LargeStringArray, RecordBatch,
    StringArray, StringViewArray,
};
use arrow_schema::{DataType as ArrowType, Field, FieldRef, Fields, Schema, SchemaRef};

use crate::arrow::export::{self, OutColumn, OutType};
use crate::arrow::import::{self, Place};
use crate::arrow::types::{column_type, time_unit};
use crate::base::{Column, Data};
use crate::error::{Error, Result};

/// How batches of the native schema become batches of the one that is handed out.
#[derive(Debug, Clone)]
pub struct Cast {
    schema: SchemaRef,
    /// The native column of each column of `schema`; `None` if nothing changes.
    from: Option<Vec<usize>>,
}

impl Cast {
    /// From `native` to `requested`, as far as that loses nothing: the columns it names, in its
    /// order, each in the type it has there if that holds every value. A request that names a
    /// column that is not there, or none at all, is left alone. It never fails: what comes out is
    /// told by [`Cast::schema`], which a reader has to look at anyway.
    pub fn new(native: &SchemaRef, requested: Option<&SchemaRef>) -> Self {
        let unchanged = || Self { schema: native.clone(), from: None };
        let Some(wanted) = requested else { return unchanged() };
        let find = |field: &FieldRef| native.fields().find(field.name()).map(|(at, _)| at);
        let Some(from) = wanted.fields().iter().map(find).collect::<Option<Vec<_>>>() else {
            return unchanged();
        };
        if from.is_empty() {
            return unchanged();
        }
        let pairs = from.iter().zip(wanted.fields());
        let fields: Fields = pairs.map(|(&at, wanted)| granted(native.field(at), wanted)).collect();
        let schema = Schema::new_with_metadata(fields, wanted.metadata().clone());
        if schema == **native {
            return unchanged();
        }
        Self { schema: Arc::new(schema), from: Some(from) }
    }

    /// The schema of the batches that come out.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// `batch` under that schema.
    pub fn batch(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let Some(from) = &self.from else { return Ok(batch.clone()) };
        let fields = self.schema.fields().iter().zip(from);
        let arrays =
            fields.map(|(field, &at)| convert(batch.column(at), field.data_type(), field.name()));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        RecordBatch::try_new(self.schema.clone(), arrays)
            .map_err(|error| Error::invalid(format!("the requested schema: {error}")))
    }
}

/// The wanted field, or the native one if its values could be lost. Only the time is known to hold
/// no null, whatever is read.
fn granted(native: &Field, wanted: &Field) -> Field {
    if !lossless(native.data_type(), wanted.data_type()) {
        return native.clone();
    }
    let is_time = matches!(native.data_type(), ArrowType::Timestamp(..));
    let nullable = if is_time { wanted.is_nullable() } else { native.is_nullable() };
    wanted.clone().with_nullable(nullable)
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
    use arrow_schema::TimeUnit as ArrowUnit;

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

    fn cast_to(wanted: &SchemaRef) -> RecordBatch {
        let (_, batch) = native();
        Cast::new(&batch.schema(), Some(wanted)).batch(&batch).unwrap()
    }

    fn wanted(types: [ArrowType; 3]) -> SchemaRef {
        let (columns, _) = native();
        let fields = columns.iter().zip(types).map(|(c, ty)| Field::new(&c.name, ty, true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    #[test]
    fn wider_types_are_given() {
        let zoned = ArrowType::Timestamp(ArrowUnit::Nanosecond, Some("UTC".into()));
        let wanted = wanted([zoned, ArrowType::Float64, ArrowType::LargeUtf8]);
        let batch = cast_to(&wanted);
        assert_eq!(batch.schema(), wanted);
        let times = batch.column(0).as_primitive::<arrow_array::types::TimestampNanosecondType>();
        assert_eq!(times.value(0), 5_000_000);
        assert_eq!(batch.column(2).as_string::<i64>().value(0), "x");
    }

    #[test]
    fn what_would_lose_something_is_left_native_column_by_column() {
        let seconds = ArrowType::Timestamp(ArrowUnit::Second, None);
        let batch = cast_to(&wanted([seconds, ArrowType::Int64, ArrowType::Utf8]));
        let native = native().1.schema();
        assert_eq!(batch.schema().field(0), native.field(0));
        assert_eq!(batch.schema().field(1).data_type(), &ArrowType::Int64);
    }

    #[test]
    fn columns_are_found_by_name() {
        let all = wanted([ArrowType::Int8, ArrowType::Int16, ArrowType::LargeUtf8]);
        let batch = cast_to(&Arc::new(all.project(&[2, 1]).unwrap()));
        assert_eq!((batch.num_columns(), batch.column(0).as_string::<i64>().value(0)), (2, "x"));
        let strange = Schema::new(vec![Field::new("y", ArrowType::Int16, true)]);
        for unknown in [strange, Schema::empty()] {
            assert_eq!(cast_to(&Arc::new(unknown)), native().1);
        }
    }

    #[test]
    fn nothing_but_the_time_is_promised_to_have_no_nulls() {
        let (columns, _) = native();
        let fields = columns.iter().map(|c| Field::new(&c.name, c.ty.arrow(), false));
        let wanted = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let schema = cast_to(&wanted).schema();
        let nullable: Vec<_> = schema.fields().iter().map(|field| field.is_nullable()).collect();
        assert_eq!(nullable, [false, true, true]);
    }
}
