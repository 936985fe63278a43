//! The symbols of FSST: which strings of up to 8 bytes a text is best put together from, and how it
//! is cut into them.
//!
//! They are found in generations (Boncz, Neumann, Leis, VLDB 2020): a sample is cut into the symbols
//! so far, and those that covered most of it, or that would have if they were joined with the symbol
//! behind them, are the next generation. So symbols grow, and those that others cover die out.

use std::cmp::Reverse;

/// Most symbols of a table: one code is left for [`ESCAPE`].
pub(super) const MAX_SYMBOLS: usize = 255;
/// Most bytes of a symbol.
pub(super) const MAX_LEN: usize = 8;
/// The code before a byte that stands for itself.
pub(super) const ESCAPE: u8 = 255;

const GENERATIONS: usize = 5;
/// A sample is many short stretches: neighbours are alike, and not like those far away.
const STRETCH: usize = 512;
/// Most stretches that symbols are made of.
const STRETCHES: usize = 32;
/// Stretches, other ones, that show what symbols are worth.
const TRIED: usize = 8;
/// Rarer pairs are chance.
const LEAST_PAIRS: usize = 3;
/// A byte without a code takes two: to have one for it is worth more than what it covers.
const ALONE: usize = 8;

/// A string of 1 to [`MAX_LEN`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Symbol {
    /// The bytes, the first the lowest, and zeros.
    pub(super) word: u64,
    pub(super) len: usize,
}

impl Symbol {
    fn byte(byte: u8) -> Self {
        Self { word: byte.into(), len: 1 }
    }

    fn mask(self) -> u64 {
        u64::MAX >> (64 - 8 * self.len)
    }

    /// This one, which is shorter than [`MAX_LEN`], and as much of the other as there is room for.
    fn and(self, other: Self) -> Self {
        let len = MAX_LEN.min(self.len + other.len);
        let word = self.word | other.word << (8 * self.len);
        Self { word, len }
    }
}

/// A symbol that text may go on with, or a byte without one.
#[derive(Debug, Clone, Copy)]
struct Piece {
    symbol: Symbol,
    mask: u64,
    /// What stands for it, and how many bytes of that.
    codes: [u8; 2],
    codes_len: usize,
}

/// Finds the longest symbol that a text begins with.
pub(super) struct Matcher {
    /// First those of one byte, in their order; then, for each two bytes that longer symbols begin
    /// with, these, the longest first, and again that of the first byte.
    pieces: Vec<Piece>,
    /// For each two bytes the place of the first piece that may match.
    first: Box<[u16; 1 << 16]>,
}

impl Matcher {
    /// Without symbols.
    fn new() -> Self {
        let bytes: Vec<u16> = (0..=u16::MAX).map(|two| two & 0xff).collect();
        let first = bytes.try_into().expect("a place for each two bytes");
        let mut matcher = Self { pieces: vec![], first };
        matcher.set(&[]);
        matcher
    }

    /// Of at most [`MAX_SYMBOLS`]; their places are their codes.
    fn set(&mut self, symbols: &[Symbol]) {
        let begin = |piece: &Piece| piece.symbol.word as u16;
        for piece in self.pieces.drain(..).filter(|piece| piece.symbol.len > 1) {
            self.first[usize::from(begin(&piece))] = begin(&piece) & 0xff;
        }
        let escaped = |byte| {
            let symbol = Symbol::byte(byte);
            Piece { symbol, mask: symbol.mask(), codes: [ESCAPE, byte], codes_len: 2 }
        };
        self.pieces.extend((0..=u8::MAX).map(escaped));
        let mut longer = vec![];
        for (code, &symbol) in (0..ESCAPE).zip(symbols) {
            let piece = Piece { symbol, mask: symbol.mask(), codes: [code, 0], codes_len: 1 };
            match symbol.len {
                1 => self.pieces[symbol.word as usize] = piece,
                _ => longer.push(piece),
            }
        }
        longer.sort_unstable_by_key(|piece| (begin(piece), Reverse(piece.symbol.len)));
        for alike in longer.chunk_by(|a, b| begin(a) == begin(b)) {
            let two = begin(&alike[0]);
            self.first[usize::from(two)] = self.pieces.len() as u16;
            self.pieces.extend_from_slice(alike);
            self.pieces.push(self.pieces[usize::from(two & 0xff)]);
        }
    }

    /// The place of the longest piece that `word` begins with, of those of at most `most` bytes.
    #[inline(always)]
    fn longest(&self, word: u64, most: usize) -> usize {
        let mut place = usize::from(self.first[usize::from(word as u16)]);
        loop {
            let piece = &self.pieces[place];
            // The last of those that begin alike is one byte, and matches.
            if word & piece.mask == piece.symbol.word && piece.symbol.len <= most {
                return place;
            }
            place += 1;
        }
    }

    /// Calls `each` with the place of each piece of `text`.
    #[inline(always)]
    fn cut(&self, text: &[u8], mut each: impl FnMut(usize, &Piece)) {
        let mut rest = text;
        while let Some(bytes) = rest.first_chunk() {
            let place = self.longest(u64::from_le_bytes(*bytes), MAX_LEN);
            let piece = &self.pieces[place];
            each(place, piece);
            rest = &rest[piece.symbol.len..];
        }
        while !rest.is_empty() {
            let mut bytes = [0; MAX_LEN];
            bytes[..rest.len()].copy_from_slice(rest);
            let place = self.longest(u64::from_le_bytes(bytes), rest.len());
            let piece = &self.pieces[place];
            each(place, piece);
            rest = &rest[piece.symbol.len..];
        }
    }

    /// Puts the codes of `text` in front of `codes`, which has two bytes for each of its, and says how
    /// many they are.
    pub(super) fn encode(&self, text: &[u8], codes: &mut [u8]) -> usize {
        let mut len = 0;
        self.cut(text, |_, piece| {
            codes[len..len + 2].copy_from_slice(&piece.codes);
            len += piece.codes_len;
        });
        len
    }

    /// Of how many bytes of `text`, judged by some of it, how many codes would become.
    pub(super) fn judge(&self, text: &[u8]) -> (usize, usize) {
        let (mut bytes, mut codes) = (0, 0);
        for stretch in stretches(text, TRIED) {
            bytes += stretch.len();
            self.cut(stretch, |_, piece| codes += piece.codes_len);
        }
        (bytes, codes)
    }
}

/// So many stretches of a text, from end to end, or all of it.
fn stretches(text: &[u8], count: usize) -> Vec<&[u8]> {
    if text.len() <= count * STRETCH {
        return text.chunks(STRETCH).collect();
    }
    let begin = |at| (text.len() - STRETCH) * at / (count - 1);
    (0..count).map(|at| &text[begin(at)..][..STRETCH]).collect()
}

/// Finds symbols for `text`, the shortest first; `None` as soon as a sample of it shows that its codes
/// would be more than `most` of 16 bytes of it.
pub(super) fn train(text: &[u8], most: Option<usize>) -> Option<(Vec<Symbol>, Matcher)> {
    let sample = stretches(text, STRETCHES);
    let (mut symbols, mut matcher) = (vec![], Matcher::new());
    for generation in 0..GENERATIONS {
        // What grows from little is looked at again with more.
        let part = sample.iter().step_by(GENERATIONS - generation);
        let mut seen = Seen { times: vec![0; matcher.pieces.len()], ..Seen::default() };
        part.for_each(|stretch| seen.add(&matcher, stretch));
        if generation + 2 == GENERATIONS
            && most.is_some_and(|most| seen.codes * 16 > seen.bytes * most)
        {
            return None;
        }
        symbols = seen.best(&matcher);
        matcher.set(&symbols);
    }
    Some((symbols, matcher))
}

/// Which pieces a sample was cut into.
#[derive(Default)]
struct Seen {
    bytes: usize,
    codes: usize,
    /// How often each piece.
    times: Vec<usize>,
    /// The places of two behind each other, the first above.
    pairs: Vec<u32>,
}

impl Seen {
    fn add(&mut self, matcher: &Matcher, stretch: &[u8]) {
        let mut before = None;
        self.bytes += stretch.len();
        matcher.cut(stretch, |place, piece| {
            self.codes += piece.codes_len;
            self.times[place] += 1;
            if let Some(before) = before {
                let pair = |place: usize| (before as u32) << 16 | place as u32;
                self.pairs.push(pair(place));
                // A symbol may also grow by a byte.
                if piece.symbol.len > 1 {
                    self.pairs.push(pair((piece.symbol.word & 0xff) as usize));
                }
            }
            before = Some(place);
        });
    }

    /// The symbols that cover most, the shortest first.
    fn best(mut self, matcher: &Matcher) -> Vec<Symbol> {
        let symbol = |place: usize| matcher.pieces[place].symbol;
        let mut found: Vec<(Symbol, usize)> = vec![];
        for (place, times) in self.times.iter().enumerate().filter(|(_, times)| **times > 0) {
            let symbol = symbol(place);
            let worth = if symbol.len == 1 { ALONE } else { symbol.len };
            found.push((symbol, times * worth));
        }
        self.pairs.sort_unstable();
        for alike in self.pairs.chunk_by(|a, b| a == b).filter(|alike| alike.len() >= LEAST_PAIRS) {
            let first = symbol((alike[0] >> 16) as usize);
            if first.len < MAX_LEN {
                let both = first.and(symbol((alike[0] & 0xffff) as usize));
                found.push((both, alike.len() * both.len));
            }
        }
        found.sort_unstable();
        let mut gains: Vec<(usize, Symbol)> = found
            .chunk_by(|a, b| a.0 == b.0)
            .map(|alike| (alike.iter().map(|(_, gain)| gain).sum(), alike[0].0))
            .collect();
        gains.sort_unstable_by_key(|&(gain, symbol)| (Reverse(gain), symbol));
        gains.truncate(MAX_SYMBOLS);
        let mut symbols: Vec<Symbol> = gains.into_iter().map(|(_, symbol)| symbol).collect();
        symbols.sort_unstable_by_key(|symbol| (symbol.len, symbol.word));
        symbols
    }
}
