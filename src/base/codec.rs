//! The names of the codecs, and which of them a column can have. What they do is told in the room
//! `codec`.

use std::fmt;

use crate::base::data_type::DataType;
use crate::error::{Error, Result};

/// How the values of a block are encoded. The codes are those in a file, fixed for ever.
///
/// ```
/// use chronolite::{Codec, DataType, TableSpec};
///
/// let spec = TableSpec::new([("site", DataType::Utf8)]).codec("site", Codec::Dictionary)?;
/// assert_eq!(spec.columns[0].codec, Some(Codec::Dictionary));
/// assert_eq!(Codec::Dictionary.to_string(), "dictionary");
/// # Ok::<(), chronolite::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Codec {
    /// As Arrow lays them out.
    Raw = 0,
    /// One value, the same for every row.
    Constant = 1,
    /// Integers by their distance from the least of their vector.
    FrameOfReference = 2,
    /// Integers by the difference to the one before.
    Delta = 3,
    /// Floats by the bits that differ from the one before.
    Gorilla = 4,
    /// Text or bytes by their place in a list of distinct values.
    Dictionary = 5,
    /// Floats that are decimals as integers.
    Alp = 6,
    /// Other floats, their high bits as codes.
    AlpRd = 7,
    /// Values by where runs of one value end.
    RunLength = 8,
    /// Numbers as Pcodec compresses them.
    Pco = 9,
    /// Bytes as Zstandard compresses them.
    Zstd = 10,
    /// Text or bytes by symbols for what they have in common.
    Fsst = 11,
    /// Floats that are integers, as these.
    NanotsInt = 12,
    /// Integers as multiples of a number.
    Scaled = 13,
}

impl Codec {
    /// All codecs, in the order of their codes in a file.
    ///
    /// ```
    /// use chronolite::{Codec, DataType};
    ///
    /// let of_bools = Codec::ALL.into_iter().filter(|codec| codec.applies_to(DataType::Bool));
    /// assert!(of_bools.eq([Codec::Raw, Codec::Constant, Codec::RunLength]));
    /// ```
    pub const ALL: [Self; 14] = [
        Self::Raw,
        Self::Constant,
        Self::FrameOfReference,
        Self::Delta,
        Self::Gorilla,
        Self::Dictionary,
        Self::Alp,
        Self::AlpRd,
        Self::RunLength,
        Self::Pco,
        Self::Zstd,
        Self::Fsst,
        Self::NanotsInt,
        Self::Scaled,
    ];

    /// The codec with this code in a file.
    #[doc(hidden)]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| *codec as u8 == code)
    }

    /// The name in the API.
    ///
    /// ```
    /// assert_eq!(chronolite::Codec::FrameOfReference.name(), "frame_of_reference");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Constant => "constant",
            Self::FrameOfReference => "frame_of_reference",
            Self::Delta => "delta",
            Self::Gorilla => "gorilla",
            Self::Dictionary => "dictionary",
            Self::Alp => "alp",
            Self::AlpRd => "alp_rd",
            Self::RunLength => "run_length",
            Self::Pco => "pco",
            Self::Zstd => "zstd",
            Self::Fsst => "fsst",
            Self::NanotsInt => "nanots_int",
            Self::Scaled => "scaled",
        }
    }

    /// True if it decodes much slower than the others.
    ///
    /// ```
    /// use chronolite::Codec;
    ///
    /// assert!(Codec::Zstd.is_cold() && !Codec::Delta.is_cold());
    /// ```
    pub fn is_cold(self) -> bool {
        matches!(self, Self::Pco | Self::Zstd)
    }

    /// True if values of this type can be encoded so.
    ///
    /// ```
    /// use chronolite::{Codec, DataType};
    ///
    /// assert!(Codec::Gorilla.applies_to(DataType::F64));
    /// assert!(!Codec::Gorilla.applies_to(DataType::I64));
    /// ```
    pub fn applies_to(self, ty: DataType) -> bool {
        match self {
            Self::Raw | Self::Constant | Self::RunLength => true,
            Self::FrameOfReference | Self::Delta | Self::Scaled => {
                ty.width().is_some() && !ty.is_float()
            }
            Self::Pco => ty.width().is_some(),
            Self::Zstd => ty != DataType::Bool,
            Self::Gorilla | Self::Alp | Self::AlpRd | Self::NanotsInt => ty.is_float(),
            Self::Dictionary | Self::Fsst => ty.is_bytes(),
        }
    }

    /// The codecs that can be asked for by name. Which block is constant is for its rows to say.
    fn to_ask_for(ty: DataType) -> impl Iterator<Item = Self> {
        let all = Self::ALL.into_iter();
        all.filter(move |codec| *codec != Self::Constant && codec.applies_to(ty))
    }

    /// The codec that is asked for a column; `None` for `auto`, which leaves it to the storage policy.
    pub(crate) fn asked(column: &str, ty: DataType, name: &str) -> Result<Option<Self>> {
        if name == AUTO {
            return Ok(None);
        }
        let found = Self::to_ask_for(ty).find(|codec| codec.name() == name);
        found.map(Some).ok_or_else(|| {
            let names: Vec<_> = Self::to_ask_for(ty).map(Self::name).collect();
            Error::schema(format!(
                "column {column:?} of type {ty} cannot have the codec {name:?}; it can have {AUTO}, {}",
                names.join(", ")
            ))
        })
    }
}

/// The name of no codec.
const AUTO: &str = "auto";

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
