//! Which Arrow type stands for which of ours.

use arrow_schema::{DataType as ArrowType, TimeUnit as ArrowUnit};

use crate::base::{DataType, TimeUnit};

/// The Arrow type in which a column is handed out.
pub fn arrow_type(ty: DataType) -> ArrowType {
    match ty {
        DataType::I8 => ArrowType::Int8,
        DataType::I16 => ArrowType::Int16,
        DataType::I32 => ArrowType::Int32,
        DataType::I64 => ArrowType::Int64,
        DataType::U8 => ArrowType::UInt8,
        DataType::U16 => ArrowType::UInt16,
        DataType::U32 => ArrowType::UInt32,
        DataType::U64 => ArrowType::UInt64,
        DataType::F32 => ArrowType::Float32,
        DataType::F64 => ArrowType::Float64,
        DataType::Bool => ArrowType::Boolean,
        DataType::Utf8 => ArrowType::Utf8,
        DataType::Binary => ArrowType::Binary,
    }
}

/// The column type that holds every value of an Arrow type as it is; `None` if there is none.
pub fn column_type(ty: &ArrowType) -> Option<DataType> {
    Some(match ty {
        ArrowType::Int8 => DataType::I8,
        ArrowType::Int16 => DataType::I16,
        ArrowType::Int32 => DataType::I32,
        ArrowType::Int64 => DataType::I64,
        ArrowType::UInt8 => DataType::U8,
        ArrowType::UInt16 => DataType::U16,
        ArrowType::UInt32 => DataType::U32,
        ArrowType::UInt64 => DataType::U64,
        ArrowType::Float32 => DataType::F32,
        ArrowType::Float64 => DataType::F64,
        ArrowType::Boolean => DataType::Bool,
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => DataType::Utf8,
        ArrowType::Binary
        | ArrowType::LargeBinary
        | ArrowType::BinaryView
        | ArrowType::FixedSizeBinary(_) => DataType::Binary,
        ArrowType::Dictionary(_, values) => column_type(values)?,
        ArrowType::RunEndEncoded(_, values) => column_type(values.data_type())?,
        _ => return None,
    })
}

/// Arrow's name for a unit of time.
pub fn arrow_unit(unit: TimeUnit) -> ArrowUnit {
    match unit {
        TimeUnit::Second => ArrowUnit::Second,
        TimeUnit::Millisecond => ArrowUnit::Millisecond,
        TimeUnit::Microsecond => ArrowUnit::Microsecond,
        TimeUnit::Nanosecond => ArrowUnit::Nanosecond,
    }
}

/// Our name for a unit of time.
pub fn time_unit(unit: ArrowUnit) -> TimeUnit {
    match unit {
        ArrowUnit::Second => TimeUnit::Second,
        ArrowUnit::Millisecond => TimeUnit::Millisecond,
        ArrowUnit::Microsecond => TimeUnit::Microsecond,
        ArrowUnit::Nanosecond => TimeUnit::Nanosecond,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_and_unit_comes_back() {
        for ty in DataType::ALL {
            assert_eq!(column_type(&arrow_type(ty)), Some(ty));
        }
        for unit in TimeUnit::ALL {
            assert_eq!(time_unit(arrow_unit(unit)), unit);
        }
        assert_eq!(column_type(&ArrowType::Float16), None);
    }
}
