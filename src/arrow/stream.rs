//! A run of chunks as an Arrow stream, to be pulled by whoever reads it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use crate::arrow::cast::Cast;
use crate::arrow::export::{self, OutColumn};
use crate::base::Column;
use crate::error::Result;

/// The chunks of a result, as a scan yields them.
pub type Chunks = Box<dyn Iterator<Item = Result<Vec<Column>>> + Send>;

/// Record batches over the chunks of a result.
///
/// ```
/// use chronolite::arrow_array::RecordBatchReader;
/// use chronolite::{STREAM_ROWS, ScanSpec};
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// let stream = sensor.scan(ScanSpec::default())?.stream(STREAM_ROWS, None)?;
/// assert_eq!(stream.schema().fields().len(), 2);
/// let rows: usize = stream.map(|batch| batch.map_or(0, |batch| batch.num_rows())).sum();
/// assert_eq!(rows, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Stream {
    columns: Vec<OutColumn>,
    native: SchemaRef,
    cast: Cast,
    chunks: Chunks,
}

impl Stream {
    /// A stream of these columns. `requested` is the schema the reader would rather have: it gets
    /// as much of it as loses nothing ([`Cast::new`]).
    #[doc(hidden)]
    pub fn new(columns: Vec<OutColumn>, chunks: Chunks, requested: Option<&SchemaRef>) -> Self {
        let native = export::schema(&columns);
        let cast = Cast::new(&native, requested);
        Self { columns, native, cast, chunks }
    }

    /// The next batch, with an error as it is.
    ///
    /// ```
    /// use chronolite::{STREAM_ROWS, ScanSpec};
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// let mut stream = sensor.scan(ScanSpec::default())?.stream(STREAM_ROWS, None)?;
    /// let batch = stream.pull().expect("three rows")?;
    /// assert_eq!(batch.num_rows(), 3);
    /// assert!(stream.pull().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pull(&mut self) -> Option<Result<RecordBatch>> {
        let chunk = self.chunks.next()?;
        let batch = chunk.and_then(|data| export::record_batch(&self.native, &self.columns, data));
        Some(batch.and_then(|batch| self.cast.batch(&batch)))
    }
}

impl Iterator for Stream {
    type Item = Result<RecordBatch, ArrowError>;

    /// The next batch. A panic below becomes an error: it must not run into the C code above.
    fn next(&mut self) -> Option<Self::Item> {
        match catch_unwind(AssertUnwindSafe(|| self.pull())) {
            Ok(next) => next.map(|batch| batch.map_err(|error| failed(&error.to_string()))),
            Err(_) => Some(Err(failed("the scan panicked; please report this"))),
        }
    }
}

impl RecordBatchReader for Stream {
    fn schema(&self) -> SchemaRef {
        self.cast.schema().clone()
    }
}

/// The message crosses as a C string, so it must hold no zero byte (a file name might).
#[cold]
fn failed(message: &str) -> ArrowError {
    let source = std::io::Error::other(message.to_owned());
    ArrowError::IoError(message.replace('\0', "\\0"), source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrow::OutType;
    use crate::base::DataType;
    use crate::error::Error;

    fn stream(chunks: Vec<Result<Vec<Column>>>) -> Stream {
        let column = OutColumn { name: "x".into(), ty: OutType::Value(DataType::I64) };
        Stream::new(vec![column], Box::new(chunks.into_iter()), None)
    }

    #[test]
    fn chunks_then_the_end() {
        let chunk = || Ok(vec![Column::from_vec(vec![1i64, 2])]);
        let stream = stream(vec![chunk(), chunk()]);
        assert_eq!(stream.schema().field(0).name(), "x");
        assert_eq!(stream.map(|batch| batch.unwrap().num_rows()).collect::<Vec<_>>(), [2, 2]);
    }

    #[test]
    fn errors_and_panics_come_out_as_errors() {
        let mut bad = stream(vec![Err(Error::corruption("a\0b"))]);
        assert!(bad.next().unwrap().unwrap_err().to_string().contains("a\\0b"));
        let column = OutColumn { name: "x".into(), ty: OutType::Value(DataType::I64) };
        let chunks: Chunks = Box::new(std::iter::from_fn(|| panic!("oh no")));
        let mut bad = Stream::new(vec![column], chunks, None);
        assert!(bad.next().unwrap().is_err());
    }
}
