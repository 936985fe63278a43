//! Text to predicates, by recursive descent. The text is untrusted: it is bounded in length, and
//! the nesting in depth, so that the stack is.
//!
//! ```text
//! or      := and { "or" and }
//! and     := not { "and" not }
//! not     := "not" not | test
//! test    := operand [ sign operand | ["not"] "in" "(" value { "," value } ")"
//!                    | ["not"] "between" value "and" value | "is" ["not"] ("null" | "nan") ]
//! operand := column | value | "(" or ")"
//! ```

use std::sync::Arc;

use crate::base::iso8601;
use crate::base::predicate::lex::{Token, tokens, wrong};
use crate::base::predicate::{
    Compare, Literal, MAX_DEPTH, MAX_NODES, Name, Operand, Place, Predicate,
};
use crate::error::{Error, Result};

/// Longest text of a predicate, in bytes.
pub const MAX_TEXT: usize = 1 << 20;

/// The predicate that a text is: see [`Predicate::parse`].
pub fn parse(text: &str) -> Result<Predicate> {
    if text.len() > MAX_TEXT {
        let len = text.len();
        return Err(Error::invalid(format!(
            "where has {len} bytes; at most {MAX_TEXT} are allowed"
        )));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0, nodes: 0 };
    let all = parser.or()?;
    match parser.peek() {
        Token::End => {
            all.check_size()?;
            Ok(all)
        }
        _ => Err(parser.unexpected("and, or, or the end")),
    }
}

/// What stands where an operand may: a whole predicate if it was in parentheses.
enum Side {
    Operand(Operand),
    Whole(Predicate),
}

struct Parser {
    tokens: Vec<(Token, u32)>,
    next: usize,
    depth: usize,
    nodes: usize,
}

impl Parser {
    /// The last token is `End`, and nobody goes past it.
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    fn at(&self) -> u32 {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(1, |(_, at)| *at)
    }

    fn advance(&mut self) {
        self.next += 1;
    }

    #[cold]
    fn unexpected(&self, expected: &str) -> Error {
        wrong(self.at(), format!("{expected} is expected, not {}", self.peek().shown()))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.next += usize::from(found);
        found
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(found) if *found == sign);
        self.next += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<Predicate> {
        let first = self.and()?;
        if !self.is_word("or") {
            return Ok(first);
        }
        let mut parts = vec![Arc::new(first)];
        while self.take_word("or") {
            parts.push(Arc::new(self.and()?));
        }
        Ok(Predicate::Or(parts))
    }

    fn and(&mut self) -> Result<Predicate> {
        let first = self.not()?;
        if !self.is_word("and") {
            return Ok(first);
        }
        let mut parts = vec![Arc::new(first)];
        while self.take_word("and") {
            parts.push(Arc::new(self.not()?));
        }
        Ok(Predicate::And(parts))
    }

    fn not(&mut self) -> Result<Predicate> {
        let at = self.at();
        if self.take_word("not") {
            self.deeper(at)?;
            let part = self.not()?;
            self.depth -= 1;
            return Ok(part.negated());
        }
        self.test()
    }

    fn deeper(&mut self, at: u32) -> Result<()> {
        self.depth += 1;
        match self.depth > MAX_DEPTH {
            true => Err(wrong(at, format!("more than {MAX_DEPTH} levels deep"))),
            false => Ok(()),
        }
    }

    fn test(&mut self) -> Result<Predicate> {
        let began = self.at();
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(wrong(began, format!("more than {MAX_NODES} comparisons")));
        }
        let side = self.side()?;
        let sign = match self.peek() {
            Token::Sign(sign) => compare_of(sign),
            _ => None,
        };
        if let Some(compare) = sign {
            let left = self.operand(side, began)?;
            self.advance();
            let right_at = self.at();
            let right = self.side()?;
            let right = self.operand(right, right_at)?;
            if matches!(self.peek(), Token::Sign(sign) if compare_of(sign).is_some()) {
                return Err(wrong(
                    self.at(),
                    "comparisons are joined by and, as in 1 < x and x < 3",
                ));
            }
            if let (Operand::Value(_), Operand::Value(_)) = (&left, &right) {
                return Err(wrong(began, "a comparison needs a column"));
            }
            return Ok(Predicate::Compare(left, compare, right));
        }
        if self.is_word("is") {
            let name = self.column(side, began)?;
            self.advance();
            let not = self.take_word("not");
            let test = match (self.take_word("null"), self.is_word("nan")) {
                (true, _) => Predicate::IsNull(name),
                (_, true) => {
                    self.advance();
                    Predicate::IsNan(name)
                }
                _ => return Err(self.unexpected("null or nan")),
            };
            return Ok(if not { test.negated() } else { test });
        }
        let not = self.is_word("not");
        self.next += usize::from(not);
        let test = if self.take_word("in") {
            let name = self.column(side, began)?;
            Predicate::In(name, self.list()?.into())
        } else if self.take_word("between") {
            let name = self.column(side, began)?;
            self.between(&name)?
        } else if not {
            return Err(self.unexpected("in or between"));
        } else {
            return self.whole(side, began);
        };
        Ok(if not { test.negated() } else { test })
    }

    /// What stands by itself: a predicate in parentheses, a column of booleans, a truth value.
    fn whole(&self, side: Side, at: u32) -> Result<Predicate> {
        match side {
            Side::Whole(predicate) => Ok(predicate),
            Side::Operand(Operand::Column(name)) => Ok(Predicate::Is(name)),
            Side::Operand(Operand::Value(Literal::Bool(truth))) => {
                Ok(Predicate::Known(Some(truth)))
            }
            Side::Operand(Operand::Value(Literal::Null)) => Ok(Predicate::Known(None)),
            Side::Operand(Operand::Value(_)) => match self.peek() {
                Token::End => Err(wrong(at, "a value alone is no comparison")),
                _ => Err(self.unexpected("a comparison")),
            },
        }
    }

    /// A side of a comparison; a column may stand in parentheses.
    fn operand(&self, side: Side, at: u32) -> Result<Operand> {
        match side {
            Side::Operand(operand) => Ok(operand),
            Side::Whole(Predicate::Is(name)) => Ok(Operand::Column(name)),
            Side::Whole(Predicate::Known(Some(truth))) => Ok(Operand::Value(Literal::Bool(truth))),
            Side::Whole(_) => Err(wrong(at, "a column or a value is compared, not a comparison")),
        }
    }

    fn column(&self, side: Side, at: u32) -> Result<Name> {
        match self.operand(side, at)? {
            Operand::Column(name) => Ok(name),
            Operand::Value(_) => Err(wrong(at, "a column is expected here, not a value")),
        }
    }

    fn list(&mut self) -> Result<Vec<Literal>> {
        if !self.take_sign("(") {
            return Err(self.unexpected("a list in parentheses"));
        }
        if self.take_sign(")") {
            return Ok(vec![]);
        }
        let mut values = vec![self.value()?];
        while self.take_sign(",") {
            values.push(self.value()?);
        }
        if !self.take_sign(")") {
            return Err(self.unexpected("a comma or a closing parenthesis"));
        }
        Ok(values)
    }

    fn between(&mut self, name: &Name) -> Result<Predicate> {
        let low = self.value()?;
        if !self.take_word("and") {
            return Err(self.unexpected("and, as in between 1 and 2,"));
        }
        let high = self.value()?;
        let side = |compare, value| {
            Predicate::Compare(Operand::Column(name.clone()), compare, Operand::Value(value))
        };
        Ok(side(Compare::GreaterEqual, low).and(side(Compare::LessEqual, high)))
    }

    fn value(&mut self) -> Result<Literal> {
        let at = self.at();
        match self.side()? {
            Side::Operand(Operand::Value(value)) => Ok(value),
            _ => Err(wrong(at, "a value is expected here, not a column")),
        }
    }

    fn side(&mut self) -> Result<Side> {
        let at = self.at();
        let place = Place(Some(at));
        if self.take_sign("(") {
            self.deeper(at)?;
            let inner = self.or()?;
            self.depth -= 1;
            if !self.take_sign(")") {
                return Err(self.unexpected("a closing parenthesis"));
            }
            return Ok(Side::Whole(inner));
        }
        if self.take_sign("-") {
            return self.signed(true);
        }
        if self.take_sign("+") {
            return self.signed(false);
        }
        let token = self.peek().clone();
        let operand = match token {
            Token::Quoted(name) => Operand::Column(Name { name, at: place }),
            Token::Text(text) => Operand::Value(Literal::Text(text)),
            Token::Value(value) => Operand::Value(value),
            Token::Word(word) => return self.word(word, place),
            _ => return Err(self.unexpected("a column or a value")),
        };
        self.advance();
        Ok(Side::Operand(operand))
    }

    fn word(&mut self, word: String, at: Place) -> Result<Side> {
        let literal = match word.to_ascii_lowercase().as_str() {
            "null" => Some(Literal::Null),
            "true" => Some(Literal::Bool(true)),
            "false" => Some(Literal::Bool(false)),
            "nan" => Some(Literal::Float(f64::NAN)),
            "inf" => Some(Literal::Float(f64::INFINITY)),
            "and" | "or" | "not" | "in" | "is" | "between" => {
                return Err(self.unexpected("a column or a value"));
            }
            "timestamp" => match self.tokens.get(self.next + 1) {
                Some((Token::Text(text), text_at)) => Some(time(text, *text_at)?),
                _ => None,
            },
            _ => None,
        };
        self.advance();
        if let Some(Literal::Time(_)) = literal {
            self.advance();
        }
        Ok(Side::Operand(match literal {
            Some(value) => Operand::Value(value),
            None => Operand::Column(Name { name: word, at }),
        }))
    }

    /// The number behind a sign.
    fn signed(&mut self, negative: bool) -> Result<Side> {
        let number = match self.peek() {
            Token::Value(Literal::Int(int)) => Literal::Int(if negative { -int } else { *int }),
            Token::Value(Literal::Float(float)) => {
                Literal::Float(if negative { -float } else { *float })
            }
            _ if self.is_word("inf") => {
                Literal::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY })
            }
            _ => return Err(self.unexpected("a number")),
        };
        if matches!(number, Literal::Int(int) if int < i128::from(i64::MIN)) {
            return Err(wrong(self.at(), "the integer does not fit 64 bits"));
        }
        self.advance();
        Ok(Side::Operand(Operand::Value(number)))
    }
}

fn time(text: &str, at: u32) -> Result<Literal> {
    let nanos = iso8601::parse(text);
    let nanos = nanos.map_err(|why| wrong(at, format!("{text:?} is no ISO 8601 time: {why}")))?;
    Ok(Literal::Time(nanos))
}

fn compare_of(sign: &str) -> Option<Compare> {
    match sign {
        "=" => Some(Compare::Equal),
        "<>" => Some(Compare::NotEqual),
        _ => Compare::ALL.into_iter().find(|compare| compare.sign() == sign),
    }
}
