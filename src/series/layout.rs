//! What a row of a day's file looks like: the columns' formats, as letters of Python's `struct` or
//! names of NumPy's types, and where each stands. Nothing lies between two columns.

use std::fmt::Write;

use crate::base::TimeUnit;
use crate::error::{Error, Result};
use crate::series::Span;

/// What the elements of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An integer with a sign.
    Int,
    /// An integer without one.
    UInt,
    /// A float of 2, 4 or 8 bytes.
    Float,
    /// A byte, 0 or 1.
    Bool,
    /// Bytes; zeros at the end are not part of them.
    Bytes,
    /// Bytes behind a byte that says how many there are: a Pascal string.
    Pascal,
    /// A time as an integer of 8 bytes, in a unit.
    Time(Unit),
}

/// The unit of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Unit {
    Day,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
}

impl Unit {
    const ALL: [(&'static str, Self); 5] = [
        ("D", Self::Day),
        ("s", Self::Second),
        ("ms", Self::Millisecond),
        ("us", Self::Microsecond),
        ("ns", Self::Nanosecond),
    ];

    /// The kernel's name for it, which has none for days.
    pub fn of_kernel(self) -> Option<TimeUnit> {
        match self {
            Self::Day => None,
            Self::Second => Some(TimeUnit::Second),
            Self::Millisecond => Some(TimeUnit::Millisecond),
            Self::Microsecond => Some(TimeUnit::Microsecond),
            Self::Nanosecond => Some(TimeUnit::Nanosecond),
        }
    }

    /// How many nanoseconds it has.
    pub fn nanos(self) -> i128 {
        match self {
            Self::Day => 86_400_000_000_000,
            Self::Second => 1_000_000_000,
            Self::Millisecond => 1_000_000,
            Self::Microsecond => 1000,
            Self::Nanosecond => 1,
        }
    }

    /// As NumPy writes it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, unit)| *unit == self).map_or("", |(name, _)| name)
    }
}

/// A column as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnFormat {
    /// Its name.
    pub name: String,
    /// Its format.
    pub format: String,
    /// Whether a row may have nothing in it.
    pub nullable: bool,
}

/// A column of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What its elements are.
    pub kind: Kind,
    /// How many elements a row has, if the format has a number before a type.
    pub count: Option<usize>,
    /// The bytes of an element, the length of a Pascal string among them.
    pub width: usize,
    /// The most significant byte comes first.
    pub big_endian: bool,
    /// Where it stands in the row.
    pub offset: usize,
    /// Whether a row may have nothing in it.
    pub nullable: bool,
}

/// See the module's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    fields: Vec<Field>,
    /// The letters of `struct`, those of padding among them.
    letters: Vec<String>,
    record_size: usize,
}

/// A format that was understood.
struct Parsed {
    /// None is padding.
    kind: Option<Kind>,
    count: Option<usize>,
    width: usize,
    big_endian: bool,
    letter: String,
}

/// The most bytes of a row.
const MAX_RECORD: usize = 1 << 20;

impl Layout {
    /// Of columns in their order.
    ///
    /// # Errors
    /// `Schema`, which names the column, of a format that is none, of a name that is empty or there
    /// twice, and of columns that make no row.
    pub fn new(columns: &[ColumnFormat]) -> Result<Self> {
        let mut layout = Self { fields: vec![], letters: vec![], record_size: 0 };
        for column in columns {
            let wrong = |what: &str| {
                let ColumnFormat { name, format, .. } = column;
                Error::schema(format!("column {name:?} with format {format:?}: {what}"))
            };
            let parsed = parse(&column.format).map_err(wrong)?;
            if let Some(kind) = parsed.kind {
                if column.name.is_empty() {
                    return Err(wrong("a column has a name"));
                }
                if layout.fields.iter().any(|field| field.name == column.name) {
                    return Err(wrong("there is another column of that name"));
                }
                layout.fields.push(Field {
                    name: column.name.clone(),
                    kind,
                    count: parsed.count,
                    width: parsed.width,
                    big_endian: parsed.big_endian,
                    offset: layout.record_size,
                    nullable: column.nullable,
                });
            }
            let size = parsed.width.checked_mul(parsed.count.unwrap_or(1));
            let size = size.and_then(|size| size.checked_add(layout.record_size));
            layout.record_size = size
                .filter(|&size| size <= MAX_RECORD)
                .ok_or_else(|| wrong("a row has 1 MiB at most"))?;
            layout.letters.push(parsed.letter);
        }
        if layout.fields.is_empty() {
            return Err(Error::schema("a table has a column at least"));
        }
        Ok(layout)
    }

    /// The columns.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The bytes of a row.
    pub fn record_size(&self) -> usize {
        self.record_size
    }

    /// The column of that name.
    ///
    /// # Errors
    /// `Schema` if there is none.
    pub fn field(&self, name: &str) -> Result<&Field> {
        let field = self.fields.iter().find(|field| field.name == name);
        field.ok_or_else(|| Error::schema(format!("there is no column {name:?}")))
    }

    /// The row as `struct` has it, of native sizes. Where their alignment would leave gaps, it begins
    /// with `<`, which has none, and the letters are those of the same sizes there; with `>` where
    /// the bytes are in that order.
    ///
    /// # Errors
    /// `Schema` if they are in one order in some columns and in the other in others.
    pub fn struct_format(&self) -> Result<String> {
        let joined = self.letters.concat();
        let ordered = || self.fields.iter().filter(|field| field.alignment() > 1);
        let big = ordered().any(|field| field.big_endian);
        if !big && !self.has_gaps() {
            return Ok(joined);
        }
        if big && ordered().any(|field| !field.big_endian) {
            let what = "the columns are in both orders of bytes, and struct has one for a row";
            return Err(Error::schema(what));
        }
        let exact = joined.chars().map(|letter| match letter {
            'l' | 'n' => 'q',
            'L' | 'N' | 'P' => 'Q',
            other => other,
        });
        Ok(std::iter::once(if big { '>' } else { '<' }).chain(exact).collect())
    }

    /// Whether alignment as a C compiler has it would leave gaps.
    fn has_gaps(&self) -> bool {
        self.fields.iter().any(|field| !field.offset.is_multiple_of(field.alignment()))
    }

    /// What is compared with a schema that was kept: it says all that matters to the bytes.
    pub fn describe(&self) -> String {
        let mut told = String::new();
        for field in &self.fields {
            let Field { name, offset, .. } = field;
            let null = if field.nullable { " or null" } else { "" };
            let count = field.count.map(|count| format!("{count} x ")).unwrap_or_default();
            let _ = writeln!(told, "{offset} {count}{}{null} {name:?}", field.type_name());
        }
        let _ = writeln!(told, "{} bytes a row", self.record_size);
        told
    }
}

impl Field {
    fn alignment(&self) -> usize {
        match self.kind {
            Kind::Bytes | Kind::Pascal | Kind::Bool => 1,
            Kind::Int | Kind::UInt | Kind::Float | Kind::Time(_) => self.width,
        }
    }

    /// The bytes that a row has of it.
    pub fn size(&self) -> usize {
        self.width * self.count.unwrap_or(1)
    }

    /// The bytes of a row that are its.
    pub fn span(&self) -> Span {
        Span { offset: self.offset, size: self.size() }
    }

    /// Where its data begins in the row, and how many bytes each element has of it: a Pascal string
    /// has its length before it.
    pub fn data(&self) -> (usize, usize) {
        let before = usize::from(self.kind == Kind::Pascal);
        (self.offset + before, self.width - before)
    }

    /// The type of its elements as NumPy writes it.
    pub fn dtype(&self) -> String {
        let order = match (self.width, self.big_endian) {
            (1, _) => '|',
            (_, true) => '>',
            (_, false) => '<',
        };
        let width = self.data().1;
        match self.kind {
            Kind::Int => format!("{order}i{width}"),
            Kind::UInt => format!("{order}u{width}"),
            Kind::Float => format!("{order}f{width}"),
            Kind::Bool => "|b1".into(),
            Kind::Bytes | Kind::Pascal => format!("|S{width}"),
            Kind::Time(unit) => format!("{order}M8[{}]", unit.name()),
        }
    }

    fn type_name(&self) -> String {
        let pascal = if self.kind == Kind::Pascal { "pascal " } else { "" };
        format!("{pascal}{}", self.dtype())
    }
}

/// The letters of `struct`, what they stand for, and their bytes where native sizes are meant.
const LETTERS: [(char, Kind, usize); 18] = [
    ('c', Kind::Bytes, 1),
    ('b', Kind::Int, 1),
    ('B', Kind::UInt, 1),
    ('?', Kind::Bool, 1),
    ('h', Kind::Int, 2),
    ('H', Kind::UInt, 2),
    ('i', Kind::Int, 4),
    ('I', Kind::UInt, 4),
    ('l', Kind::Int, 8),
    ('L', Kind::UInt, 8),
    ('q', Kind::Int, 8),
    ('Q', Kind::UInt, 8),
    ('n', Kind::Int, 8),
    ('N', Kind::UInt, 8),
    ('P', Kind::UInt, 8),
    ('e', Kind::Float, 2),
    ('f', Kind::Float, 4),
    ('d', Kind::Float, 8),
];

fn parse(format: &str) -> std::result::Result<Parsed, &'static str> {
    let (prefix, rest) = match format.chars().next() {
        Some(prefix @ ('<' | '>' | '!' | '=' | '@' | '|')) => (Some(prefix), &format[1..]),
        _ => (None, format),
    };
    let big_endian = matches!(prefix, Some('>' | '!'));
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, letter) = rest.split_at(digits);
    let count = match number {
        "" => None,
        _ => Some(number.parse::<usize>().map_err(|_| "its number is too large")?),
    };
    let mut letters = letter.chars();
    let (Some(letter), None) = (letters.next(), letters.next()) else {
        return named(rest, prefix, big_endian);
    };
    if count == Some(0) {
        return Err("a count of 0 is nothing");
    }
    if prefix == Some('|') {
        return Err("| stands before a type of NumPy's");
    }
    let many = count.unwrap_or(1);
    match letter {
        'x' => Ok(Parsed { kind: None, count: None, width: many, big_endian, letter: rest.into() }),
        's' => bytes(Kind::Bytes, many, rest.into()),
        'p' if many > 256 => Err("a Pascal string has 255 bytes at most"),
        'p' => bytes(Kind::Pascal, many, rest.into()),
        'l' | 'L' | 'n' | 'N' if matches!(prefix, Some('<' | '>' | '!' | '=')) => {
            Err("it has 4 bytes to struct there and 8 to NumPy: write i or q, I or Q")
        }
        _ => {
            let known = LETTERS.iter().find(|known| known.0 == letter);
            let &(_, kind, width) = known.ok_or(UNKNOWN)?;
            Ok(Parsed { kind: Some(kind), count, width, big_endian, letter: rest.into() })
        }
    }
}

const UNKNOWN: &str = "it is neither a letter of struct (c b B ? h H i I l L q Q n N P e f d, s p x \
     with a length before) nor a type of NumPy's (i8, f4, b1, S10, M8[ns])";

fn bytes(kind: Kind, width: usize, letter: String) -> std::result::Result<Parsed, &'static str> {
    if kind == Kind::Pascal && width < 2 {
        return Err("a Pascal string has a byte for its length and one at least for itself");
    }
    Ok(Parsed { kind: Some(kind), count: None, width, big_endian: false, letter })
}

/// A type as NumPy names it.
fn named(
    text: &str,
    prefix: Option<char>,
    big_endian: bool,
) -> std::result::Result<Parsed, &'static str> {
    if matches!(prefix, Some('!' | '@')) {
        return Err(UNKNOWN);
    }
    let mut chars = text.chars();
    let (letter, rest) = (chars.next().unwrap_or(' '), chars.as_str());
    let of = |kind, width: usize, letter: &str| {
        Ok(Parsed { kind: Some(kind), count: None, width, big_endian, letter: letter.into() })
    };
    match (letter, rest) {
        ('i', "1") => of(Kind::Int, 1, "b"),
        ('i', "2") => of(Kind::Int, 2, "h"),
        ('i', "4") => of(Kind::Int, 4, "i"),
        ('i', "8") => of(Kind::Int, 8, "q"),
        ('u', "1") => of(Kind::UInt, 1, "B"),
        ('u', "2") => of(Kind::UInt, 2, "H"),
        ('u', "4") => of(Kind::UInt, 4, "I"),
        ('u', "8") => of(Kind::UInt, 8, "Q"),
        ('f', "2") => of(Kind::Float, 2, "e"),
        ('f', "4") => of(Kind::Float, 4, "f"),
        ('f', "8") => of(Kind::Float, 8, "d"),
        ('b', "1") => of(Kind::Bool, 1, "?"),
        ('S', length) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            match length.parse::<usize>() {
                Ok(width) if width > 0 => bytes(Kind::Bytes, width, format!("{width}s")),
                _ => Err(UNKNOWN),
            }
        }
        ('M', "8") => Err("a time has a unit: M8[ns]"),
        ('M', rest) => {
            let unit = rest.strip_prefix("8[").and_then(|rest| rest.strip_suffix(']'));
            let known = Unit::ALL.iter().find(|(name, _)| Some(*name) == unit);
            let (_, unit) = known.ok_or("the unit of a time is D, s, ms, us or ns")?;
            of(Kind::Time(*unit), 8, "q")
        }
        _ => Err(UNKNOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(formats: &[&str]) -> Result<Layout> {
        let columns: Vec<_> = formats
            .iter()
            .enumerate()
            .map(|(n, format)| ColumnFormat {
                name: format!("c{n}"),
                format: (*format).into(),
                nullable: false,
            })
            .collect();
        Layout::new(&columns)
    }

    #[test]
    fn rows_have_no_gaps() {
        for (formats, size, told) in [
            (["q", "d"].as_slice(), 16, "qd"),
            (&["q", "?", "d"], 17, "<q?d"),
            (&["?", "l", "P"], 17, "<?qQ"),
            (&["l", "c"], 9, "lc"),
            (&["e", "?", "e"], 5, "<e?e"),
            (&["b", "3x", "i"], 8, "b3xi"),
            (&["10s", "5p", "S6"], 21, "10s5p6s"),
            (&["q", "3i"], 20, "q3i"),
            (&[">i", "!d", "c"], 13, ">idc"),
            (&["=q", "@l", "?", "@i"], 21, "<qq?i"),
            (&["i8", "<u2", "M8[ns]"], 18, "<qHq"),
        ] {
            let layout = of(formats).unwrap();
            assert_eq!(
                (layout.record_size(), layout.struct_format().unwrap()),
                (size, told.into())
            );
        }
    }

    #[test]
    fn struct_has_one_order_of_bytes() {
        assert!(of(&[">i", "<q"]).unwrap().struct_format().is_err());
    }

    #[test]
    fn a_field_is_as_numpy_says() {
        let layout = of(&["q", ">i", "5p", "M8[us]", "c", "2h", "?"]).unwrap();
        let types: Vec<_> = layout.fields().iter().map(Field::dtype).collect();
        assert_eq!(types, ["<i8", ">i4", "|S4", "<M8[us]", "|S1", "<i2", "|b1"]);
        let places: Vec<_> = layout.fields().iter().map(Field::data).collect();
        assert_eq!(places, [(0, 8), (8, 4), (13, 4), (17, 8), (25, 1), (26, 2), (30, 1)]);
        assert_eq!(of(&["i8"]).unwrap().describe(), of(&["q"]).unwrap().describe());
        assert_ne!(of(&["<i"]).unwrap().describe(), of(&[">i"]).unwrap().describe());
    }

    #[test]
    fn what_makes_no_row_is_refused_by_name() {
        let wrong = [
            "",
            "zz",
            "qd",
            "O",
            "U4",
            "V3",
            "M8",
            "M8[h]",
            "0s",
            "-1s",
            "q ",
            "3",
            "<l",
            ">L",
            "<n",
            "g",
            "S",
            "S0",
            "S-1",
            "i3",
            "!i8",
            "|q",
            "p",
            "1p",
            "99999999999999999999s",
            "2000000s",
            "é",
            "3é",
        ];
        for format in wrong {
            let error = of(&["q", format]).unwrap_err();
            assert!(error.message().contains("\"c1\""), "{format}: {error}");
        }
        assert!(of(&[]).is_err() && of(&["8x"]).is_err());
        let same = ColumnFormat { name: "a".into(), format: "q".into(), nullable: false };
        assert!(Layout::new(&[same.clone(), same]).is_err());
    }
}
