//! The only encoder: configuration to numbers and back.
//!
//! Samplers think in rows of `d` numbers, one column for each parameter of the space, active or not, beside a
//! mask that says which columns are active. What stands in an inactive column means nothing (it is 0) and
//! must not be compared; the mask is there so that a surrogate cannot forget it.
//!
//! | domain | column | value in the row |
//! |---|---|---|
//! | `Float` | [`Column::Continuous`] | `(v - low) / (high - low)`, of logarithms if `log` |
//! | `Float` with step, `Int` | [`Column::Discrete`] | centre of its cell: `(k + 1/2) / cells` |
//! | `Int`, `log` | [`Column::Discrete`] | `ln v`, scaled so that `low - 1/2` is 0 and `high + 1/2` is 1 |
//! | either, of more than 2^32 values | [`Column::Continuous`] | as a `Float`; the nearest value is meant |
//! | `Categorical`, ordered | [`Column::Discrete`] | its rank: `(k + 1/2) / choices` |
//! | `Categorical` | [`Column::Categorical`] | the index `k` itself: 0, 1, 2, ...; compare for equality only |
//!
//! Cells are centred so that each has the same width: a uniform number in the unit cube hits every value of a
//! parameter equally often, at the ends too. Bounds that depend on other parameters change nothing of that: a
//! row has the same scale everywhere, and what lies beyond a bound is read as the last value within it. All
//! columns lie in `[0, 1]` but the unordered categorical ones, where a distance would mean nothing.

use super::constraint::Range;
use super::{Configuration, Domain, Space, Value};

/// Domains of more values are continuous columns: a row could not tell their cells apart.
const MOST_CELLS: u64 = 1 << 32;

/// What one column of a row can hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Any number in `[0, 1]`.
    Continuous,
    /// One of these numbers in `(0, 1)`, ascending: an int, a stepped float, an ordered choice.
    Discrete(Grid),
    /// One of the indices `0.0, 1.0, ..`: a choice without order.
    Categorical {
        /// How many choices there are.
        choices: usize,
    },
}

/// The positions that a [`Column::Discrete`] can take, computed rather than stored: an int can have many.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    cells: u64,
    /// `(low, ln(low - 1/2), ln(high + 1/2))` where the scale is logarithmic.
    log: Option<(f64, f64, f64)>,
}

impl Grid {
    /// How many positions there are.
    pub fn cells(&self) -> u64 {
        self.cells
    }

    /// Position of cell `k`, in `(0, 1)`.
    pub fn position(&self, k: u64) -> f64 {
        match self.log {
            None => (k as f64 + 0.5) / self.cells as f64,
            Some((low, from, to)) => ((low + k as f64).ln() - from) / (to - from),
        }
    }

    /// The cell that a position in `[0, 1]` falls in.
    pub fn cell(&self, position: f64) -> u64 {
        let k = match self.log {
            None => (position * self.cells as f64).floor(),
            // A value owns the numbers that round to it.
            Some((low, from, to)) => ((from + position * (to - from)).exp() - low).round(),
        };
        (k.max(0.0) as u64).min(self.cells - 1)
    }

    /// Where cell `k` begins and ends: the numbers in `[0, 1]` that fall in it.
    pub fn edges(&self, k: u64) -> (f64, f64) {
        match self.log {
            None => (k as f64 / self.cells as f64, (k + 1) as f64 / self.cells as f64),
            Some((low, from, to)) => {
                let edge = |value: f64| (value.ln() - from) / (to - from);
                (edge(low + k as f64 - 0.5), edge(low + k as f64 + 0.5))
            }
        }
    }
}

impl Column {
    /// Turns a uniform number in `[0, 1)` into a value of this column, each value equally likely on its
    /// scale.
    pub fn spread(&self, uniform: f64) -> f64 {
        match self {
            Self::Continuous => uniform,
            Self::Discrete(grid) => grid.position(grid.cell(uniform)),
            Self::Categorical { choices } => {
                (uniform * *choices as f64).floor().clamp(0.0, *choices as f64 - 1.0)
            }
        }
    }

    /// The value of this column that is nearest to `x`.
    pub fn snap(&self, x: f64) -> f64 {
        match self {
            Self::Continuous => x.clamp(0.0, 1.0),
            Self::Discrete(grid) => grid.position(grid.cell(x)),
            Self::Categorical { choices } => x.round().clamp(0.0, *choices as f64 - 1.0),
        }
    }

    /// How many different values the column has; `None` where it is continuous.
    pub fn cells(&self) -> Option<u64> {
        match self {
            Self::Continuous => None,
            Self::Discrete(grid) => Some(grid.cells),
            Self::Categorical { choices } => Some(*choices as u64),
        }
    }

    /// The `k`-th value of a column that has [`cells`](Self::cells).
    pub fn value(&self, k: u64) -> Option<f64> {
        match self {
            Self::Continuous => None,
            Self::Discrete(grid) => Some(grid.position(k)),
            Self::Categorical { .. } => Some(k as f64),
        }
    }
}

/// A configuration as numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// One number for each parameter of the space, 0 where it is inactive. // (d,)
    pub row: Vec<f64>,
    /// Which of them mean something. // (d,)
    pub active: Vec<bool>,
}

/// Encodes and decodes the configurations of one space.
#[derive(Debug)]
pub struct Encoder<'a> {
    space: &'a Space,
    columns: &'a [Column], // (d,)
}

impl<'a> Encoder<'a> {
    /// The encoder of a space.
    pub fn new(space: &'a Space) -> Self {
        Self { space, columns: &space.columns }
    }

    /// The space that is encoded.
    pub fn space(&self) -> &'a Space {
        self.space
    }

    /// The columns, one for each parameter, in the order of the space.
    pub fn columns(&self) -> &'a [Column] {
        self.columns
    }

    /// One column.
    pub fn column(&self, i: usize) -> &'a Column {
        &self.columns[i]
    }

    /// The value of parameter `i` that a number in its column stands for.
    pub fn value(&self, i: usize, x: f64) -> Value {
        decode(&self.space.parameters()[i].domain, &self.columns[i], x)
    }

    /// Which columns are active in a row: what conditions say of the values that it would decode to.
    ///
    /// # Shapes
    /// `row` has one number for each parameter of the space.
    pub fn active(&self, row: &[f64]) -> Vec<bool> {
        self.walk(row, Reading::Clipped, |_, _| {})
    }

    /// The configuration as a row. A [valid](Space::validate) one comes back from [`decode`](Self::decode).
    /// Others occur in discovered spaces (a trial that failed half-way, one that was proposed when less was
    /// known): what has no value of its domain counts as inactive.
    pub fn encode(&self, configuration: &Configuration) -> Encoded {
        let values = self.space.values(configuration);
        let mut active = self.space.active_given(&values);
        let mut row = vec![0.0; active.len()];
        for (i, parameter) in self.space.parameters().iter().enumerate() {
            let value = values[i].filter(|_| active[i]);
            let x = value.and_then(|value| encode(&parameter.domain, &self.columns[i], value));
            active[i] = x.is_some();
            row[i] = x.unwrap_or(0.0);
        }
        Encoded { row, active }
    }

    /// The configuration that a row stands for. Numbers off the grid fall into the nearest cell, and values
    /// beyond a [bound](super::Bound) that leaves any become the last within; inactive columns are not read.
    /// Constraints are not looked at: see [`Space::is_feasible`].
    ///
    /// # Shapes
    /// `row` has one number for each parameter of the space.
    pub fn decode(&self, row: &[f64]) -> Configuration {
        self.read(row, Reading::Clipped).0
    }

    /// As [`decode`](Self::decode), with values beyond bounds as they are.
    pub(crate) fn decode_beyond(&self, row: &[f64]) -> Configuration {
        self.read(row, Reading::Beyond).0
    }

    /// The configuration that uniform numbers in `[0, 1)` stand for: each parameter is spread over the values
    /// that its bounds leave.
    ///
    /// # Shapes
    /// `uniform` has one number for each parameter of the space.
    pub fn spread(&self, uniform: &[f64]) -> Configuration {
        self.read(uniform, Reading::Spread).0
    }

    /// As [`spread`](Self::spread), with the mask of what is active.
    pub(super) fn spread_active(&self, uniform: &[f64]) -> (Configuration, Vec<bool>) {
        self.read(uniform, Reading::Spread)
    }

    fn read(&self, row: &[f64], reading: Reading) -> (Configuration, Vec<bool>) {
        let mut configuration = Configuration::new();
        let active = self.walk(row, reading, |i, value| configuration.push(self.space.shared_name(i), value));
        (configuration, active)
    }

    /// Reads parameter by parameter, parents first, and tells `each` of the active ones.
    fn walk(&self, row: &[f64], reading: Reading, mut each: impl FnMut(usize, Value)) -> Vec<bool> {
        assert_eq!(row.len(), self.columns.len(), "a row has one number for each parameter");
        let mut values: Vec<Option<Value>> = Vec::with_capacity(row.len());
        for (i, parameter) in self.space.parameters().iter().enumerate() {
            let active = self.space.conditions(i).all(|(parent, condition)| {
                values[parent].as_ref().is_some_and(|value| condition.values.contains(value))
            });
            let value = active.then(|| {
                let (domain, column) = (&parameter.domain, &self.columns[i]);
                match (reading, self.space.range(i, &values)) {
                    (Reading::Spread, None) => decode(domain, column, column.spread(row[i])),
                    (Reading::Spread, Some(range)) => within(domain, column, range, Place::Share(row[i])),
                    (Reading::Clipped, Some(range)) => within(domain, column, range, Place::At(row[i])),
                    _ => decode(domain, column, row[i]),
                }
            });
            if let Some(value) = &value {
                each(i, value.clone());
            }
            values.push(value);
        }
        values.iter().map(Option::is_some).collect()
    }
}

/// How the numbers of a row are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// As values, which bounds end.
    Clipped,
    /// As values, wherever they are.
    Beyond,
    /// As uniform numbers, over what bounds leave.
    Spread,
}

/// A place in a column.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Itself.
    At(f64),
    /// As a part of what bounds leave.
    Share(f64),
}

/// The value at a place between bounds; without regard to them if they leave none.
fn within(domain: &Domain, column: &Column, range: Range, place: Place) -> Value {
    match column {
        Column::Continuous if domain.last_cell().is_some() => among_many(domain, column, range, place),
        Column::Continuous => {
            let Some((low, high)) = domain.ends().map(|(l, h)| (range.low.max(l), range.high.min(h))) else {
                return decode(domain, column, 0.0);
            };
            let x = match place {
                Place::At(x) => x,
                Place::Share(share) if low <= high => {
                    let at = |value: f64| encode(domain, column, &Value::Float(value)).unwrap_or(0.0);
                    at(low) + share * (at(high) - at(low))
                }
                Place::Share(share) => share,
            };
            match decode(domain, column, x) {
                Value::Float(value) if low <= high => Value::Float(value.clamp(low, high)),
                value => value,
            }
        }
        Column::Discrete(grid) => {
            let (low, high) = range.wide();
            let cell = match (domain.cells_within(low, high), place) {
                (Some((first, last)), Place::At(x)) => grid.cell(x).clamp(first, last),
                (Some((first, last)), Place::Share(share)) => {
                    let (from, to) = (grid.edges(first).0, grid.edges(last).1);
                    grid.cell(from + share * (to - from)).clamp(first, last)
                }
                (None, Place::At(x) | Place::Share(x)) => grid.cell(x),
            };
            decode(domain, column, grid.position(cell))
        }
        // Bounds are of numbers, and so of columns with an order.
        Column::Categorical { .. } => match place {
            Place::At(x) => decode(domain, column, x),
            Place::Share(share) => decode(domain, column, column.spread(share)),
        },
    }
}

/// As [`within`], for domains of too many values for a grid.
fn among_many(domain: &Domain, column: &Column, range: Range, place: Place) -> Value {
    let (low, high) = range.wide();
    let ends = domain.cells_within(low, high).and_then(|(k, l)| domain.cell(k).zip(domain.cell(l)));
    let Some((first, last)) = ends else {
        let (Place::At(x) | Place::Share(x)) = place;
        return decode(domain, column, x);
    };
    let at = |value: &Value| encode(domain, column, value).unwrap_or(0.0);
    let x = match place {
        Place::At(x) => x,
        Place::Share(share) => at(&first) + share * (at(&last) - at(&first)),
    };
    let value = decode(domain, column, x);
    let cell = |value: &Value| domain.cell_of(value).unwrap_or(0);
    domain.cell(cell(&value).clamp(cell(&first), cell(&last))).unwrap_or(value)
}

pub(super) fn column(domain: &Domain) -> Column {
    if domain.cells().is_none_or(|cells| cells > MOST_CELLS) {
        return match domain {
            Domain::Categorical { choices, .. } => Column::Categorical { choices: choices.len() },
            _ => Column::Continuous,
        };
    }
    match domain {
        Domain::Categorical { choices, ordered: false } => Column::Categorical { choices: choices.len() },
        Domain::Int { low, high, log: true, .. } => {
            let (low, high) = (*low as f64, *high as f64);
            let log = Some((low, (low - 0.5).ln(), (high + 0.5).ln()));
            Column::Discrete(Grid { cells: (high - low) as u64 + 1, log })
        }
        _ => Column::Discrete(Grid { cells: domain.cells().unwrap_or(1), log: None }),
    }
}

/// The value of a domain that a uniform number in `[0, 1)` falls on.
pub(crate) fn draw(domain: &Domain, uniform: f64) -> Value {
    let column = column(domain);
    decode(domain, &column, column.spread(uniform))
}

fn encode(domain: &Domain, column: &Column, value: &Value) -> Option<f64> {
    match (domain, column) {
        (Domain::Float { low, high, log, step: None }, Column::Continuous) => {
            let value = value.as_f64()?;
            let u = if *log {
                (value.ln() - low.ln()) / (high.ln() - low.ln())
            } else {
                (value - low) / (high - low)
            };
            Some(u.clamp(0.0, 1.0))
        }
        (Domain::Int { low, high, log: true, .. }, Column::Continuous) => {
            domain.cell_of(value)?;
            let (from, to) = log_ends(*low, *high);
            Some(((value.as_f64()?.ln() - from) / (to - from)).clamp(0.0, 1.0))
        }
        (_, Column::Continuous) => Some(domain.cell_of(value)? as f64 / domain.last_cell()? as f64),
        (_, Column::Discrete(grid)) => Some(grid.position(domain.cell_of(value)?)),
        _ => Some(domain.cell_of(value)? as f64),
    }
}

fn decode(domain: &Domain, column: &Column, x: f64) -> Value {
    let u = x.clamp(0.0, 1.0);
    let cell = match (domain, column) {
        (Domain::Float { low, high, log, step: None }, Column::Continuous) => {
            let value =
                if *log { (low.ln() + u * (high.ln() - low.ln())).exp() } else { low + u * (high - low) };
            return Value::Float(value.clamp(*low, *high));
        }
        (Domain::Int { low, high, log: true, .. }, Column::Continuous) => {
            let (from, to) = log_ends(*low, *high);
            // A float beyond all whole numbers becomes the largest.
            return Value::Int(((from + u * (to - from)).exp().round() as i64).clamp(*low, *high));
        }
        (_, Column::Continuous) => (u * domain.last_cell().unwrap_or(0) as f64).round() as u64,
        (_, Column::Discrete(grid)) => grid.cell(x),
        _ => column.snap(x) as u64,
    };
    domain.cell(cell).expect("discrete domains have cells, and the builder has checked that there is one")
}

/// The ends of a logarithmic scale of whole numbers, on which each owns the numbers that round to it.
fn log_ends(low: i64, high: i64) -> (f64, f64) {
    ((low as f64 - 0.5).ln(), (high as f64 + 0.5).ln())
}
