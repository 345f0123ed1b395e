//! Score formulas: arithmetic over metrics.
//!
//! Grammar, loosest first; `^` binds to the right and tighter than the sign before it (`-x^2` is `-(x^2)`):
//!
//! ```text
//! sum     = product (("+" | "-") product)*
//! product = sign (("*" | "/") sign)*
//! sign    = "-" sign | power
//! power   = atom ("^" sign)?
//! atom    = number | name | function "(" sum ("," sum)* ")" | "(" sum ")"
//! ```
//!
//! Functions: `min max` (two or more values), `exp log sqrt sigmoid abs` (one value).
//!
//! A formula is read, evaluated and dropped by recursion, so that its depth is bounded: what stands inside of
//! what by `DEEPEST`, and the length of a chain such as `1 + 1 + ...`, which is a tree of one long branch,
//! by `MOST_OPERATORS`.

use std::ops::Range;

/// Functions of one value.
pub const UNARY: &[&str] = &["exp", "log", "sqrt", "sigmoid", "abs"];
/// Functions of two or more values.
pub const FOLDS: &[&str] = &["min", "max"];

/// Most parentheses, functions, signs and exponents around one number.
const DEEPEST: usize = 100;
/// Most operators in a formula.
const MOST_OPERATORS: usize = 1000;

/// A formula that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Formula {
    root: Expression,
}

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    Number(f64),
    Name(usize),
    Negate(Box<Expression>),
    Binary(char, Box<Expression>, Box<Expression>),
    Call(&'static str, Vec<Expression>),
}

/// Why a formula cannot be read, and where in it.
#[derive(Debug, Clone, PartialEq)]
pub struct FormulaError {
    /// What is wrong.
    pub reason: String,
    /// The unknown word; empty when something else is wrong.
    pub word: String,
    /// The bytes of the formula it speaks of.
    pub span: Range<usize>,
}

impl Formula {
    /// Reads `text`; `resolve` turns a name into a metric's index or a constant.
    ///
    /// # Errors
    /// [`FormulaError`] points at the first thing that does not fit.
    pub fn parse(text: &str, resolve: &dyn Fn(&str) -> Option<Name>) -> Result<Self, FormulaError> {
        let mut parser = Parser { text, at: 0, depth: 0, operators: 0, resolve };
        let root = parser.sum()?;
        parser.blanks();
        match parser.peek() {
            None => Ok(Self { root }),
            Some(found) => Err(parser.unexpected(&format!("an operator expected, `{found}` found"))),
        }
    }

    /// The value of the formula, where `metric(i)` gives the i-th metric; `None` when one it needs is not
    /// known.
    pub fn evaluate(&self, metric: &dyn Fn(usize) -> Option<f64>) -> Option<f64> {
        self.root.evaluate(metric)
    }

    /// Indices of the metrics that the formula reads.
    pub fn metrics(&self) -> Vec<usize> {
        let mut list = Vec::new();
        self.root.collect(&mut list);
        list.sort_unstable();
        list.dedup();
        list
    }
}

/// What a name in a formula stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Name {
    /// A metric, by index.
    Metric(usize),
    /// A constant of the spec.
    Constant(f64),
}

impl Expression {
    fn evaluate(&self, metric: &dyn Fn(usize) -> Option<f64>) -> Option<f64> {
        Some(match self {
            Expression::Number(value) => *value,
            Expression::Name(index) => metric(*index)?,
            Expression::Negate(inner) => -inner.evaluate(metric)?,
            Expression::Binary(operator, left, right) => {
                let (a, b) = (left.evaluate(metric)?, right.evaluate(metric)?);
                match operator {
                    '+' => a + b,
                    '-' => a - b,
                    '*' => a * b,
                    '/' => a / b,
                    _ => a.powf(b),
                }
            }
            Expression::Call(function, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(argument.evaluate(metric)?);
                }
                let x = values[0];
                match *function {
                    "exp" => x.exp(),
                    "log" => x.ln(),
                    "sqrt" => x.sqrt(),
                    "sigmoid" => 1.0 / (1.0 + (-x).exp()),
                    "abs" => x.abs(),
                    "min" => values.into_iter().fold(f64::INFINITY, f64::min),
                    _ => values.into_iter().fold(f64::NEG_INFINITY, f64::max),
                }
            }
        })
    }

    fn collect(&self, list: &mut Vec<usize>) {
        match self {
            Expression::Number(_) => {}
            Expression::Name(index) => list.push(*index),
            Expression::Negate(inner) => inner.collect(list),
            Expression::Binary(_, left, right) => {
                left.collect(list);
                right.collect(list);
            }
            Expression::Call(_, arguments) => arguments.iter().for_each(|argument| argument.collect(list)),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Calls of [`Parser::sign`] around the current place.
    depth: usize,
    /// Operators read so far.
    operators: usize,
    resolve: &'a dyn Fn(&str) -> Option<Name>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn blanks(&mut self) {
        while let Some(c) = self.peek().filter(|c| c.is_whitespace()) {
            self.at += c.len_utf8();
        }
    }

    fn unexpected(&self, reason: &str) -> FormulaError {
        let end = self.text[self.at..].chars().next().map_or(self.at, |c| self.at + c.len_utf8());
        FormulaError { reason: reason.into(), word: String::new(), span: self.at..end }
    }

    /// Takes the next sign when it is one of `wanted`.
    fn take(&mut self, wanted: &[char]) -> Option<char> {
        self.blanks();
        let found = self.peek().filter(|c| wanted.contains(c))?;
        self.at += found.len_utf8();
        Some(found)
    }

    fn sum(&mut self) -> Result<Expression, FormulaError> {
        let mut left = self.product()?;
        while let Some(operator) = self.take(&['+', '-']) {
            self.count()?;
            left = Expression::Binary(operator, Box::new(left), Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Expression, FormulaError> {
        let mut left = self.sign()?;
        while let Some(operator) = self.take(&['*', '/']) {
            self.count()?;
            left = Expression::Binary(operator, Box::new(left), Box::new(self.sign()?));
        }
        Ok(left)
    }

    /// Every way into the depth leads through here.
    fn sign(&mut self) -> Result<Expression, FormulaError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.unexpected(&format!("more than {DEEPEST} levels inside of each other")));
        }
        let sign = match self.take(&['-']) {
            Some(_) => Expression::Negate(Box::new(self.sign()?)),
            None => self.power()?,
        };
        self.depth -= 1;
        Ok(sign)
    }

    /// One more operator.
    fn count(&mut self) -> Result<(), FormulaError> {
        self.operators += 1;
        match self.operators > MOST_OPERATORS {
            true => Err(self.unexpected(&format!("more than {MOST_OPERATORS} operators"))),
            false => Ok(()),
        }
    }

    fn power(&mut self) -> Result<Expression, FormulaError> {
        let base = self.atom()?;
        match self.take(&['^']) {
            Some(_) => Ok(Expression::Binary('^', Box::new(base), Box::new(self.sign()?))),
            None => Ok(base),
        }
    }

    fn atom(&mut self) -> Result<Expression, FormulaError> {
        if self.take(&['(']).is_some() {
            let inner = self.sum()?;
            return match self.take(&[')']) {
                Some(_) => Ok(inner),
                None => Err(self.unexpected("`)` expected")),
            };
        }
        let start = self.at;
        match self.peek() {
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(start),
            Some(c) if c.is_alphabetic() || c == '_' => self.name(start),
            Some(c) => Err(self.unexpected(&format!("a number, a metric or `(` expected, `{c}` found"))),
            None => Err(self.unexpected("a number, a metric or `(` expected, but the formula ends")),
        }
    }

    fn number(&mut self, start: usize) -> Result<Expression, FormulaError> {
        let bytes = self.text.as_bytes();
        while self.at < bytes.len() {
            let exponent_sign =
                matches!(bytes[self.at], b'+' | b'-') && matches!(bytes[self.at - 1], b'e' | b'E');
            let part = bytes[self.at].is_ascii_digit() || matches!(bytes[self.at], b'.' | b'_' | b'e' | b'E');
            let inside = part || (exponent_sign && self.at > start);
            if !inside {
                break;
            }
            self.at += 1;
        }
        let word = &self.text[start..self.at];
        word.replace('_', "").parse().map(Expression::Number).map_err(|_| FormulaError {
            reason: format!("`{word}` is not a number"),
            word: String::new(),
            span: start..self.at,
        })
    }

    fn name(&mut self, start: usize) -> Result<Expression, FormulaError> {
        while let Some(c) = self.peek().filter(|c| c.is_alphanumeric() || *c == '_') {
            self.at += c.len_utf8();
        }
        let word = &self.text[start..self.at];
        let span = start..self.at;
        let function = UNARY.iter().chain(FOLDS).find(|function| **function == word);
        if let Some(function) = function {
            return self.call(function, span);
        }
        match (self.resolve)(word) {
            Some(Name::Metric(index)) => Ok(Expression::Name(index)),
            Some(Name::Constant(value)) => Ok(Expression::Number(value)),
            None => Err(FormulaError {
                reason: format!("`{word}` is no metric, function or constant"),
                word: word.into(),
                span,
            }),
        }
    }

    fn call(&mut self, function: &'static str, span: Range<usize>) -> Result<Expression, FormulaError> {
        if self.take(&['(']).is_none() {
            return Err(self.unexpected(&format!("`(` expected after `{function}`")));
        }
        let mut arguments = vec![self.sum()?];
        while self.take(&[',']).is_some() {
            arguments.push(self.sum()?);
        }
        if self.take(&[')']).is_none() {
            return Err(self.unexpected("`)` expected"));
        }
        let unary = UNARY.contains(&function);
        if unary != (arguments.len() == 1) {
            let wanted = if unary { "one value" } else { "two or more values" };
            let reason = format!("`{function}` takes {wanted}, {} given", arguments.len());
            return Err(FormulaError { reason, word: String::new(), span });
        }
        Ok(Expression::Call(function, arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> f64 {
        let names = |word: &str| match word {
            "f1" => Some(Name::Metric(0)),
            "macs" => Some(Name::Metric(1)),
            "ref" => Some(Name::Constant(0.5)),
            _ => None,
        };
        let formula = Formula::parse(text, &names).unwrap();
        formula.evaluate(&|index| Some([0.6, 2e6][index])).unwrap()
    }

    #[test]
    fn operators_bind_as_in_mathematics() {
        assert_eq!(value("1 + 2 * 3 ^ 2"), 19.0);
        assert_eq!(value("2 ^ 3 ^ 2"), 512.0);
        assert_eq!(value("-2 ^ 2"), -4.0);
        assert_eq!(value("2 ^ -1"), 0.5);
        assert_eq!(value("8 / 4 / 2 - 1 - 1"), -1.0);
        assert_eq!(value("max(1, 2, min(5, 4)) + 1e-1 * 1_0"), 5.0);
    }

    #[test]
    fn the_two_scores_of_the_lightweighting_course() {
        assert!((value("max(0, 1 - f1 / ref) + macs / 4e6") - 0.5).abs() < 1e-12);
        let expected = 1.0 / (1.0 + (10.0f64 * 0.1).exp()) + 2e6 / 1e6;
        assert!((value("sigmoid(10 * (ref - f1)) + macs / 1e6") - expected).abs() < 1e-12);
    }

    #[test]
    fn an_unknown_metric_makes_the_value_unknown() {
        let formula = Formula::parse("a + 1", &|_| Some(Name::Metric(7))).unwrap();
        assert_eq!(formula.metrics(), vec![7]);
        assert_eq!(formula.evaluate(&|_| None), None);
    }

    #[test]
    fn depth_is_bounded() {
        let parse = |text: &str| Formula::parse(text, &|_| Some(Name::Metric(0)));
        let many = 100_000;
        let deep = [
            format!("{}1{}", "(".repeat(many), ")".repeat(many)),
            "(".repeat(many),
            format!("{}1", "-".repeat(many)),
            format!("{}1", "1^".repeat(many)),
            format!("{}1", "2^-".repeat(many)),
            format!("{}1{}", "exp(".repeat(many), ")".repeat(many)),
            format!("{}1{}", "max(1, ".repeat(many), ")".repeat(many)),
            format!("{}1{}", "-(1 + ".repeat(many), ")".repeat(many)),
        ];
        for text in deep {
            assert_eq!(parse(&text).unwrap_err().reason, "more than 100 levels inside of each other");
        }
        for operator in ["+", "-", "*", "/"] {
            let error = parse(&format!("{}1", format!("1{operator}").repeat(many))).unwrap_err();
            assert_eq!(error.reason, "more than 1000 operators");
        }
        let inside = format!("{}f1{}", "(".repeat(99), ")".repeat(99));
        assert_eq!(parse(&inside).unwrap().evaluate(&|_| Some(3.0)), Some(3.0));
        assert_eq!(value(&format!("{}1", "1+".repeat(1000))), 1001.0);
    }

    #[test]
    fn mistakes_are_pointed_at() {
        let error = |text: &str| Formula::parse(text, &|_| None).unwrap_err();
        assert_eq!(error("1 + acuracy").span, 4..11);
        assert_eq!(error("1 + acuracy").word, "acuracy");
        assert_eq!(error("1 2").span, 2..3);
        assert!(error("max(1)").reason.contains("two or more"));
        assert!(error("(1 + 2").reason.contains("`)` expected"));
        assert!(error("1 +").reason.contains("the formula ends"));
        assert!(error("1..2").reason.contains("not a number"));
    }
}
