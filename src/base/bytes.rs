//! Bounds-checked reading of untrusted little-endian bytes, and its writing twin.
//!
//! Every parser of file bytes goes through [`Reader`]: it never indexes, never panics, and a count
//! is compared with what the remaining bytes can hold before anything is allocated for it.

/// A field did not fit into the bytes that are left, or had an impossible value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// What was being read.
    pub what: &'static str,
    /// Where in the slice.
    pub at: usize,
}

/// Reads fields off the front of a slice.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

macro_rules! read_int {
    ($($name:ident $ty:ty),*) => {$(
        /// The next little-endian integer of this type.
        #[inline]
        pub fn $name(&mut self, what: &'static str) -> Result<$ty, Malformed> {
            let bytes = self.take(size_of::<$ty>(), what)?;
            match bytes.try_into() {
                Ok(array) => Ok(<$ty>::from_le_bytes(array)),
                Err(_) => Err(self.malformed(what)),
            }
        }
    )*};
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    read_int!(u8 u8, u16 u16, u32 u32, u64 u64, i64 i64);

    /// The next `len` bytes.
    #[inline]
    pub fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(len).ok_or(self.malformed(what))?;
        let slice = self.bytes.get(self.at..end).ok_or(self.malformed(what))?;
        self.at = end;
        Ok(slice)
    }

    /// A `u32` count of items of at least `item_size` bytes each, refused if they cannot be there.
    pub fn count(&mut self, item_size: usize, what: &'static str) -> Result<usize, Malformed> {
        let count = self.u32(what)? as usize;
        match count.checked_mul(item_size.max(1)) {
            Some(total) if total <= self.remaining() => Ok(count),
            _ => Err(self.malformed(what)),
        }
    }

    /// Bytes behind a `u32` length.
    pub fn slice(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        let len = self.u32(what)? as usize;
        self.take(len, what)
    }

    /// UTF-8 text behind a `u32` length.
    pub fn text(&mut self, what: &'static str) -> Result<&'a str, Malformed> {
        let at = self.malformed(what);
        std::str::from_utf8(self.slice(what)?).map_err(|_| at)
    }

    /// Skips zero padding up to a multiple of `to` from the start of the slice.
    pub fn align(&mut self, to: usize, what: &'static str) -> Result<(), Malformed> {
        let pad = self.at.next_multiple_of(to) - self.at;
        self.take(pad, what).map(|_| ())
    }

    /// How many bytes were read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Refuses bytes that nothing has read.
    pub fn finish(&self, what: &'static str) -> Result<(), Malformed> {
        if self.remaining() == 0 { Ok(()) } else { Err(self.malformed(what)) }
    }

    /// The error for a value that cannot be, at the current place.
    #[cold]
    pub fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { what, at: self.at }
    }
}

/// Appends a `u32` length and the bytes.
pub fn put_slice(out: &mut Vec<u8>, bytes: &[u8]) {
    put_len(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends a length or count as `u32`. What is written is bounded far below that by the callers.
pub fn put_len(out: &mut Vec<u8>, len: usize) {
    let len = u32::try_from(len).expect("a length in a record is below 4 GiB");
    out.extend_from_slice(&len.to_le_bytes());
}

/// Appends zeros up to a multiple of `to`, counted from byte `start` of `out`.
pub fn pad_to(out: &mut Vec<u8>, start: usize, to: usize) {
    let len = out.len() - start;
    out.resize(start + len.next_multiple_of(to), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_refuses_what_is_not_there() {
        let mut reader = Reader::new(&[5, 0, 0, 0, b'a', b'b']);
        assert_eq!(reader.clone().text("name"), Err(Malformed { what: "name", at: 4 }));
        assert_eq!(reader.count(1, "items"), Err(Malformed { what: "items", at: 4 }));
        assert!(reader.u64("x").is_err());
        assert_eq!(reader.take(usize::MAX, "y").map(<[u8]>::len), Err(reader.malformed("y")));
        assert_eq!(reader.take(2, "rest"), Ok(&b"ab"[..]));
        assert!(reader.finish("end").is_ok());
    }

    #[test]
    fn what_is_put_is_read() {
        let mut out = vec![];
        put_slice(&mut out, b"hej");
        pad_to(&mut out, 0, 8);
        let mut reader = Reader::new(&out);
        assert_eq!(reader.text("t"), Ok("hej"));
        assert!(reader.align(8, "pad").is_ok());
        assert_eq!(reader.position(), 8);
    }
}
