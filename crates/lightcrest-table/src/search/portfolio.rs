//! The configurations that are tried first.
//!
//! What the sampler finds in a minute depends on where it begins. Quick configurations come first, so that
//! there is a model soon; then a fixed list of boosting, from few leaves and large steps to many leaves and
//! small ones; then what differs, for ensembles, and a perceptron. The list was chosen by hand.
//!
//! `cargo xtask bench table --part portfolio` scores candidates on the development tables and chooses
//! greedily among them (Feurer et al. 2022, *Auto-Sklearn 2.0*, section 3.1).

use lightcrest::space::{Configuration, Value};

use super::problem::Problem;
use super::space::Facts;
use crate::algorithm::tree_cost;

/// Gradient boosting for any table. Rounds end early where more of them gain nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Boosting {
    /// Rounds at most.
    pub rounds: f64,
    /// The learning rate.
    pub rate: f64,
    /// Leaves of a tree.
    pub leaves: f64,
    /// Rows of a leaf at least.
    pub rows: f64,
    /// The penalty of a leaf's value.
    pub l2: f64,
    /// The share of the rows that a tree sees.
    pub row_fraction: f64,
    /// The share of the features that a tree sees.
    pub column_fraction: f64,
    /// Whether means of the target stand for levels, where there are many.
    pub means: bool,
    /// Whether a logarithm is learnt, where targets are skewed.
    pub log: bool,
}

/// A model soon.
const QUICK: Boosting = Boosting {
    rounds: 40.0,
    rate: 0.2,
    leaves: 8.0,
    rows: 20.0,
    l2: 1.0,
    row_fraction: 1.0,
    column_fraction: 1.0,
    means: false,
    log: false,
};

/// Trees of a round from which on a perceptron comes before most of boosting.
const MANY_TREES: usize = 8;

/// The least and the largest learning rate that a lack of time changes one to, and the fewest rounds.
const RATES: [f64; 2] = [0.015, 0.3];
const FEWEST: f64 = 20.0;

const fn row(rounds: f64, rate: f64, leaves: f64, rows: f64, l2: f64, fractions: [f64; 2]) -> Boosting {
    let [row_fraction, column_fraction] = fractions;
    Boosting { rounds, rate, leaves, rows, l2, row_fraction, column_fraction, means: false, log: false }
}

/// The list.
const CHOSEN: [Boosting; 8] = [
    row(500.0, 0.08, 8.0, 10.0, 2.0, [0.8, 0.7]),
    row(500.0, 0.08, 24.0, 20.0, 2.0, [0.8, 0.7]),
    Boosting { means: true, ..row(600.0, 0.06, 12.0, 10.0, 2.0, [0.8, 0.6]) },
    Boosting { log: true, ..row(600.0, 0.06, 12.0, 10.0, 2.0, [0.8, 0.6]) },
    row(1000.0, 0.04, 12.0, 30.0, 10.0, [0.7, 0.4]),
    row(800.0, 0.05, 48.0, 20.0, 5.0, [0.8, 0.5]),
    Boosting { log: true, means: true, ..row(800.0, 0.05, 6.0, 5.0, 1.0, [0.7, 0.5]) },
    row(1500.0, 0.025, 6.0, 5.0, 1.0, [0.7, 0.5]),
];

impl Boosting {
    /// The configuration of a table; none where the list has the same one already, because the table has
    /// neither levels nor skewed targets.
    pub fn on(&self, problem: &Problem) -> Option<Configuration> {
        self.of(&Facts::of(problem))
    }

    fn of(&self, facts: &Facts) -> Option<Configuration> {
        if (self.means && !facts.many_levels) || (self.log && !facts.skewed) {
            return None;
        }
        let whole = |value: f64| Value::from(value.round() as i64);
        let mut made = with(&[
            ("algorithm", "boosting".into()),
            ("boosting.rounds", whole(self.rounds)),
            ("boosting.learning_rate", self.rate.into()),
            ("boosting.leaves", whole(self.leaves)),
            ("boosting.min_rows", whole(self.rows.min(facts.most_rows as f64))),
            ("boosting.l2", self.l2.into()),
            ("boosting.row_fraction", self.row_fraction.into()),
            ("boosting.column_fraction", self.column_fraction.into()),
        ]);
        if facts.many_levels {
            made.set("boosting.categories", if self.means { "means" } else { "levels" });
        }
        if facts.skewed {
            made.set("boosting.target", if self.log { "log" } else { "as_it_is" });
        }
        Some(made)
    }

    /// With fewer and larger steps where that many would cost more than `work`; none where few are left.
    fn within(self, work: f64) -> Option<Self> {
        let factor = tree_cost(self.rounds, self.leaves) / work;
        if factor <= 1.0 {
            return Some(self);
        }
        let rounds = self.rounds / factor;
        let rate = (self.rate * factor).clamp(RATES[0], RATES[1].max(self.rate));
        (rounds >= FEWEST).then_some(Self { rounds, rate, ..self })
    }
}

/// The configurations that are tried first, from the quickest on: what did well on many tables.
pub fn portfolio(problem: &Problem) -> Vec<Configuration> {
    portfolio_within(problem, f64::INFINITY)
}

/// The same where none may cost more than about so many rounds of eight leaves.
pub fn portfolio_within(problem: &Problem, work: f64) -> Vec<Configuration> {
    let facts = Facts::of(problem);
    let mut list = vec![with(&[("algorithm", "constant".into())])];
    if !facts.learns {
        return list;
    }
    let mut add = |made: Option<Configuration>| {
        list.extend(made.filter(|made| !list.contains(made)));
    };
    let chosen = |at: std::ops::Range<usize>| {
        CHOSEN[at].iter().filter_map(|it| it.within(work)?.of(&facts)).collect::<Vec<_>>()
    };
    add(QUICK.of(&facts));
    // An epoch of many classes costs far less than a round of as many trees.
    add(mlp(&facts, work).filter(|_| facts.trees >= MANY_TREES));
    chosen(0..1).into_iter().for_each(|it| add(Some(it)));
    add(Some(linear(&facts, 1e-3, 0.0)));
    // Before trials that are behind are stopped: it may be worth more in an ensemble than alone.
    add(mlp(&facts, work));
    chosen(1..4).into_iter().for_each(|it| add(Some(it)));
    add(Some(ensemble(6, 1e-3)));
    add(forest(&facts, "extra_trees", 60.0, 256.0, 3.0, 0.5, work));
    chosen(4..CHOSEN.len()).into_iter().for_each(|it| add(Some(it)));
    add(Some(linear(&facts, 1e-2, 1.0)));
    add(forest(&facts, "forest", 50.0, 256.0, 4.0, 0.35, work));
    add(Some(ensemble(16, 1e-4)));
    list
}

fn linear(facts: &Facts, penalty: f64, absolute: f64) -> Configuration {
    let mut made = with(&[
        ("algorithm", "linear".into()),
        ("linear.penalty", penalty.into()),
        ("linear.absolute", absolute.into()),
    ]);
    if facts.skewed {
        made.set("linear.target", "log");
    }
    made
}

/// A perceptron; none where few epochs are left of it.
fn mlp(facts: &Facts, work: f64) -> Option<Configuration> {
    // An epoch costs about twenty rounds of a tree.
    const FEWEST: f64 = 200.0;
    if work * (facts.trees as f64) < FEWEST {
        return None;
    }
    let mut made = with(&[
        ("algorithm", "mlp".into()),
        ("mlp.layers", 2.into()),
        ("mlp.width", 128.into()),
        ("mlp.embedding", 2.into()),
        ("mlp.dropout", 0.1.into()),
        ("mlp.learning_rate", 0.015.into()),
        ("mlp.weight_decay", 0.1.into()),
        ("mlp.epochs", 20.into()),
    ]);
    if facts.many_levels {
        made.set("mlp.categories", "means");
    }
    if facts.skewed {
        made.set("mlp.target", "log");
    }
    Some(made)
}

fn ensemble(picks: i64, price: f64) -> Configuration {
    with(&[
        ("algorithm", "ensemble".into()),
        ("ensemble.picks", picks.into()),
        ("ensemble.price", price.into()),
    ])
}

/// A forest of a kind, with fewer trees where so many would cost more than `work`; none where few are left.
fn forest(
    facts: &Facts,
    kind: &str,
    trees: f64,
    leaves: f64,
    rows: f64,
    column_fraction: f64,
    work: f64,
) -> Option<Configuration> {
    const FEWEST: f64 = 10.0;
    let trees = trees.min(work / tree_cost(1.0, leaves));
    if trees < FEWEST {
        return None;
    }
    let mut made = with(&[("algorithm", kind.into())]);
    let mut set = |name: &str, value: Value| made.set(format!("{kind}.{name}"), value);
    set("trees", (trees as i64).into());
    set("leaves", (leaves as i64).into());
    set("min_rows", (rows as i64).min(facts.most_rows).into());
    set("column_fraction", column_fraction.into());
    if facts.many_levels {
        set("categories", "levels".into());
    }
    if facts.skewed {
        set("target", "as_it_is".into());
    }
    Some(made)
}

fn with(values: &[(&str, Value)]) -> Configuration {
    let mut made = Configuration::new();
    values.iter().for_each(|(name, value)| made.set(*name, value.clone()));
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_time_is_short_steps_are_fewer_and_larger() {
        let own = row(400.0, 0.1, 8.0, 20.0, 1.0, [1.0; 2]);
        assert_eq!(own.within(400.0), Some(own));
        let half = own.within(200.0).unwrap();
        assert!((half.rounds - 200.0).abs() < 1e-9 && (half.rate - 0.2).abs() < 1e-12);
        let large = own.within(40.0).unwrap();
        assert!(large.rate == 0.3 && (large.rounds - 40.0).abs() < 1e-9);
        assert_eq!(own.within(10.0), None);
    }
}
