//! A table's name and schema as bytes, in the manifest and in the log alike (SPEC 6.2).
//!
//! ```text
//! u32  table id
//! text name                      (text: u32 length, UTF-8)
//! u8   unit of time (0 s, 1 ms, 2 us, 3 ns), u8 on_conflict, u8 storage
//! u8   codec of the time column  (codec: as asked for; 255 is none)
//! text name of the time column
//! u32  count of columns; each: u32 id, u8 type, u8 codec, text name
//! u32  count of key columns; each: u32 position among the columns
//! ```

use std::sync::Arc;

use crate::base::bytes::{Malformed, Reader, put_len, put_slice};
use crate::base::codec::Codec;
use crate::base::schema::{ColumnDef, ColumnId, DataType, OnConflict, StoragePolicy, TableSpec};
use crate::base::time::TimeUnit;
use crate::error::Error;

/// A table's number, never used again after the table is gone.
pub type TableId = u32;

/// A table as it was created, and with the columns it was given since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDef {
    /// Its number.
    pub id: TableId,
    /// Its name.
    pub name: String,
    /// Its schema.
    pub spec: Arc<TableSpec>,
}

impl TableDef {
    /// The same table with a column more, behind the others.
    ///
    /// # Errors
    /// `Schema` if its name or number is taken or cannot be, or there are too many.
    pub fn with_column(&self, column: ColumnDef) -> Result<Self, Error> {
        if self.spec.columns.iter().any(|there| there.id >= column.id) {
            return Err(Error::schema(format!("the number of column {:?} is taken", column.name)));
        }
        let mut spec = (*self.spec).clone();
        spec.columns.push(column);
        spec.validate()?;
        Ok(Self { spec: Arc::new(spec), ..self.clone() })
    }

    /// The same table without a column that was added last.
    #[must_use]
    pub fn without_column(&self, id: ColumnId) -> Self {
        let mut spec = (*self.spec).clone();
        spec.columns.retain(|column| column.id != id);
        Self { spec: Arc::new(spec), ..self.clone() }
    }

    /// Appends the definition's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let spec = &self.spec;
        out.extend_from_slice(&self.id.to_le_bytes());
        put_slice(out, self.name.as_bytes());
        let unit = TimeUnit::ALL.iter().position(|u| *u == spec.unit).unwrap_or_default();
        out.extend_from_slice(&[unit as u8, spec.on_conflict as u8, spec.storage as u8]);
        put_codec(out, spec.time_codec);
        put_slice(out, spec.time_column.as_bytes());
        put_len(out, spec.columns.len());
        for column in &spec.columns {
            put_column(out, column);
        }
        put_len(out, spec.key.len());
        for &position in &spec.key {
            put_len(out, position);
        }
    }

    /// Reads a definition and checks that it is one that could have been created.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let id = r.u32("table id")?;
        let name = r.text("table name")?.to_owned();
        let unit = pick(&TimeUnit::ALL, r, "unit of time")?;
        let on_conflict = pick(&OnConflict::ALL, r, "on_conflict")?;
        let storage = pick(&StoragePolicy::ALL, r, "storage")?;
        let time_codec = read_codec(r)?;
        let time_column = r.text("time column")?.to_owned();
        let count = r.count(LEAST_COLUMN_LEN, "columns")?;
        let columns = (0..count).map(|_| read_column(r)).collect::<Result<_, _>>()?;
        let count = r.count(4, "key columns")?;
        let key = (0..count).map(|_| r.u32("key column").map(|p| p as usize));
        let key = key.collect::<Result<_, _>>()?;
        let spec = TableSpec { time_column, time_codec, unit, columns, key, on_conflict, storage };
        let fits =
            spec.validate().is_ok() && crate::base::schema::check_name("table", &name).is_ok();
        if fits {
            Ok(Self { id, name, spec: spec.into() })
        } else {
            Err(r.malformed("table definition"))
        }
    }
}

/// Bytes of a column without its name.
const LEAST_COLUMN_LEN: usize = 10;

/// Appends a column.
pub(crate) fn put_column(out: &mut Vec<u8>, column: &ColumnDef) {
    out.extend_from_slice(&column.id.to_le_bytes());
    out.push(column.ty as u8);
    put_codec(out, column.codec);
    put_slice(out, column.name.as_bytes());
}

/// Reads a column.
pub(crate) fn read_column(r: &mut Reader<'_>) -> Result<ColumnDef, Malformed> {
    let (id, code) = (r.u32("column id")?, r.u8("column type")?);
    let ty = DataType::from_code(code).ok_or(r.malformed("column type"))?;
    let codec = read_codec(r)?;
    Ok(ColumnDef { id, name: r.text("column name")?.to_owned(), ty, codec })
}

/// In the place of a codec, if none was asked for.
const NO_CODEC: u8 = u8::MAX;

fn put_codec(out: &mut Vec<u8>, codec: Option<Codec>) {
    out.push(codec.map_or(NO_CODEC, |codec| codec as u8));
}

fn read_codec(r: &mut Reader<'_>) -> Result<Option<Codec>, Malformed> {
    match r.u8("codec")? {
        NO_CODEC => Ok(None),
        code => Codec::from_code(code).map(Some).ok_or(r.malformed("codec")),
    }
}

fn pick<T: Copy>(all: &[T], r: &mut Reader<'_>, what: &'static str) -> Result<T, Malformed> {
    let code = r.u8(what)?;
    all.get(usize::from(code)).copied().ok_or(r.malformed(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_survives() {
        let spec = TableSpec::new([("site", DataType::Utf8), ("temp", DataType::F32)])
            .unit(TimeUnit::Nanosecond)
            .time_column("at")
            .storage(StoragePolicy::Size)
            .key(&["site"])
            .and_then(|spec| spec.codec("at", Codec::Pco)?.codec("temp", Codec::Gorilla))
            .unwrap();
        let def = TableDef { id: 9, name: "wetter".into(), spec: spec.into() };
        let mut bytes = vec![];
        def.encode(&mut bytes);
        let mut r = Reader::new(&bytes);
        assert_eq!(TableDef::decode(&mut r), Ok(def));
        assert!(r.finish("end").is_ok());
        for len in 0..bytes.len() {
            assert!(TableDef::decode(&mut Reader::new(&bytes[..len])).is_err());
        }
        // Codecs that are not there, and one that a float does not have.
        let float = [DataType::F32 as u8, Codec::Gorilla as u8];
        let at = bytes.windows(2).position(|two| two == float).unwrap() + 1;
        for code in [11, 14, 254, Codec::Delta as u8] {
            bytes[at] = code;
            assert!(TableDef::decode(&mut Reader::new(&bytes)).is_err());
        }
    }
}
