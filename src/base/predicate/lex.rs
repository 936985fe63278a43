//! The words and signs of a predicate's text. Any text is taken: what is no token is an error.

use crate::base::predicate::Literal;
use crate::error::{Error, Result};

/// A piece of text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A word that is not in quotes.
    Word(String),
    /// A name in double quotes.
    Quoted(String),
    /// Text in single quotes.
    Text(String),
    /// A number or bytes.
    Value(Literal),
    Sign(&'static str),
    End,
}

impl Token {
    /// How a message shows it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(word) => format!("{word:?}"),
            Self::Quoted(name) => format!("the name {name:?}"),
            Self::Text(text) => format!("the text {text:?}"),
            Self::Value(value) => format!("{value}"),
            Self::Sign(sign) => format!("{sign:?}"),
            Self::End => "the end".into(),
        }
    }
}

const SIGNS: [&str; 13] = ["==", "!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "-", "+"];

/// An error in a text, at a character counted from 1.
#[cold]
pub(super) fn wrong(at: u32, what: impl std::fmt::Display) -> Error {
    Error::invalid(format!("where, character {at}: {what}"))
}

/// The tokens of a text, each with the character at which it begins; `End` is the last.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, u32)>> {
    let mut lexer = Lexer { rest: text, at: 1 };
    let mut tokens = vec![];
    loop {
        lexer.skip_while(char::is_whitespace);
        let at = lexer.at;
        let token = lexer.token()?;
        let end = token == Token::End;
        tokens.push((token, at));
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    at: u32,
}

impl<'a> Lexer<'a> {
    fn skip_while(&mut self, which: impl Fn(char) -> bool) -> &'a str {
        let len = self.rest.find(|c| !which(c)).unwrap_or(self.rest.len());
        self.take(len)
    }

    /// The next `len` bytes, which end at a character's end.
    fn take(&mut self, len: usize) -> &'a str {
        let (head, rest) = self.rest.split_at(len);
        self.at += head.chars().count() as u32;
        self.rest = rest;
        head
    }

    fn token(&mut self) -> Result<Token> {
        let Some(first) = self.rest.chars().next() else { return Ok(Token::End) };
        let hex = self.rest.starts_with("x'") || self.rest.starts_with("X'");
        match first {
            '\'' => self.quoted('\'').map(Token::Text),
            '"' => self.quoted('"').map(Token::Quoted),
            _ if hex => self.bytes(),
            _ if first.is_alphabetic() || first == '_' => {
                let word = self.skip_while(|c| c.is_alphanumeric() || c == '_' || c == '.');
                Ok(Token::Word(word.to_owned()))
            }
            _ if first.is_ascii_digit() || first == '.' => self.number(),
            _ => {
                let sign = SIGNS.into_iter().find(|sign| self.rest.starts_with(sign));
                let sign = sign.ok_or_else(|| wrong(self.at, unknown(first)))?;
                self.take(sign.len());
                Ok(Token::Sign(sign))
            }
        }
    }

    /// What stands in quotes; a doubled one is one of them.
    fn quoted(&mut self, quote: char) -> Result<String> {
        let (began, mut out) = (self.at, String::new());
        self.take(1);
        loop {
            out.push_str(self.skip_while(|c| c != quote));
            if self.rest.is_empty() {
                return Err(wrong(began, format!("the closing {quote} is missing")));
            }
            self.take(1);
            if !self.rest.starts_with(quote) {
                return Ok(out);
            }
            self.take(1);
            out.push(quote);
        }
    }

    fn bytes(&mut self) -> Result<Token> {
        let began = self.at;
        self.take(1);
        let digits = self.quoted('\'')?;
        let digit = |c: &u8| char::from(*c).to_digit(16);
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some((digit(high)? * 16 + digit(low)?) as u8),
            _ => None,
        };
        let bytes = digits.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>();
        let bytes = bytes.ok_or_else(|| {
            wrong(began, "bytes are pairs of hexadecimal digits, such as x'00ff'")
        })?;
        Ok(Token::Value(Literal::Bytes(bytes)))
    }

    fn number(&mut self) -> Result<Token> {
        let (began, start) = (self.at, self.rest);
        self.skip_while(|c| c.is_ascii_digit());
        let mut whole = true;
        if self.rest.starts_with('.') {
            whole = false;
            self.take(1);
            self.skip_while(|c| c.is_ascii_digit());
        }
        if self.rest.starts_with(['e', 'E']) {
            whole = false;
            self.take(1);
            if self.rest.starts_with(['+', '-']) {
                self.take(1);
            }
            self.skip_while(|c| c.is_ascii_digit());
        }
        let digits = &start[..start.len() - self.rest.len()];
        if self.rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return Err(wrong(began, format!("{digits:?} is followed by what is no number")));
        }
        let value = match whole {
            true => digits.parse().ok().filter(|n| *n <= i128::from(u64::MAX)).map(Literal::Int),
            false => digits.parse().ok().filter(|n: &f64| n.is_finite()).map(Literal::Float),
        };
        let value =
            value.ok_or_else(|| wrong(began, format!("{digits} is no number of 64 bits")))?;
        Ok(Token::Value(value))
    }
}

fn unknown(first: char) -> String {
    match first {
        '&' | '|' | '~' | '!' => {
            format!("{first:?} is not known here: write and, or, not")
        }
        _ => format!("{first:?} is not known here"),
    }
}
