//! The words of a statement, one after the other, and where they stand.

use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, TokenizerError};

use crate::error::{Error, Result};

/// Characters of a token that an error shows.
const SHOWN: usize = 40;

/// A name and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) at: Location,
}

/// Where in the words of a statement a reader is.
pub(super) struct Cursor {
    tokens: Vec<TokenWithSpan>,
    next: usize,
    end: TokenWithSpan,
}

impl Cursor {
    /// Splits a statement into words. Its strings end where they should; nothing else is known.
    pub(super) fn new(sql: &str) -> Result<Self> {
        let mut tokens =
            Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().map_err(foreign)?;
        tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
        Ok(Self { tokens, next: 0, end: TokenWithSpan::new_eof() })
    }

    /// Where the next word stands.
    pub(super) fn at(&self) -> Location {
        self.tokens.get(self.next).unwrap_or(&self.end).span.start
    }

    /// The next word, without going past it.
    pub(super) fn peek(&self) -> &Token {
        &self.tokens.get(self.next).unwrap_or(&self.end).token
    }

    /// Goes past the next word.
    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    /// Goes past these keywords, if they are what comes next.
    pub(super) fn keywords(&mut self, words: &[Keyword]) -> bool {
        let rest = self.tokens.get(self.next..).unwrap_or_default();
        let is = |token: &TokenWithSpan, keyword: Keyword| match &token.token {
            Token::Word(word) => word.quote_style.is_none() && word.keyword == keyword,
            _ => false,
        };
        let found = rest.len() >= words.len() && rest.iter().zip(words).all(|(t, k)| is(t, *k));
        if found {
            self.next += words.len();
        }
        found
    }

    /// Goes past this sign, if it is what comes next.
    pub(super) fn sign(&mut self, sign: &Token) -> bool {
        let found = self.peek() == sign;
        if found {
            self.advance();
        }
        found
    }

    /// Goes past this sign, or fails.
    pub(super) fn expect(&mut self, sign: &Token) -> Result<()> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected(&format!("{sign}"))) }
    }

    /// A name: bare, in double quotes or in backticks.
    pub(super) fn name(&mut self, what: &str) -> Result<Name> {
        let at = self.at();
        let text = match self.peek() {
            Token::Word(word) if matches!(word.quote_style, None | Some('"' | '`')) => {
                word.value.clone()
            }
            _ => return Err(self.unexpected(what)),
        };
        self.advance();
        Ok(Name { text, at })
    }

    /// What `item` reads, between parentheses and set apart by commas.
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.expect(&Token::LParen)?;
        let mut items = vec![item(self)?];
        while self.sign(&Token::Comma) {
            items.push(item(self)?);
        }
        if self.sign(&Token::RParen) { Ok(items) } else { Err(self.unexpected(", or )")) }
    }

    /// The error for a next word that is not what was to come.
    #[cold]
    pub(super) fn unexpected(&self, wanted: &str) -> Error {
        let found = match self.peek() {
            Token::EOF => "the end".to_owned(),
            token => token.to_string(),
        };
        let mut shown: String = found.chars().take(SHOWN).collect();
        if shown.len() < found.len() {
            shown.push_str("...");
        }
        Error::invalid(format!("{}: expected {wanted}, found {shown}", place(self.at())))
    }
}

/// Where something stands, for messages.
pub(super) fn place(at: Location) -> String {
    match at.line {
        0 => "at the end".into(),
        line => format!("line {line}, column {}", at.column),
    }
}

/// The same error, placed.
#[cold]
pub(super) fn placed(error: Error, at: Location) -> Error {
    let kind = error.kind();
    error.recast(kind, place(at))
}

/// An error of the lexer's, in the form of ours.
#[cold]
fn foreign(error: TokenizerError) -> Error {
    Error::invalid(format!("{}: {}", place(error.location), error.message))
}
