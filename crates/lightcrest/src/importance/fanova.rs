//! Functional analysis of variance.
//!
//! Hutter, Hoos & Leyton-Brown 2014, *An Efficient Approach for Assessing Hyperparameter Importance*, ICML. A
//! random forest predicts the value from the configuration. A tree is constant on boxes, so that its mean
//! over all parameters but one, and the variance of that mean, are sums over leaves (their algorithms 1 and
//! 2).
//!
//! | symbol | meaning |
//! |---|---|
//! | `f` | what a tree predicts: `v_l` on the box of leaf `l` |
//! | `m_lj` | the share of column `j` that the box of leaf `l` takes |
//! | `f_j(x)` | mean of `f` where parameter `j` is `x`: the sum of `v_l prod_{k != j} m_lk` over the leaves whose box holds `x` |
//! | `V_j / V` | variance of `f_j` in that of `f`: the share that parameter `j` explains alone |
//!
//! **Conditional parameters.** An inactive parameter counts as one more value, which takes the share of the
//! trials in which it is inactive. So the mean over a parameter is one over both its values and its absence.

use super::forest::{ABSENT, Leaf, Rows, Side};
use crate::space::encode::{Column, Encoder};
use crate::space::{Configuration, Space};
use lightcrest_gp::transform::tamed;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Settings of [`fanova`]. One seed, one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FanovaConfig {
    /// How many trees are averaged.
    pub trees: usize,
    /// How deep a tree may be.
    pub depth: usize,
    /// Of the random numbers.
    pub seed: u64,
}

impl Default for FanovaConfig {
    fn default() -> Self {
        Self { trees: 64, depth: 64, seed: 0 }
    }
}

/// The share of the variance that each parameter explains alone, in the order of the space; what is missing
/// from 1 is explained by several parameters together. All 0 if the values do not differ.
///
/// `trials` are configurations with the number; those whose number is not finite are left out, and
/// [absurd](tamed) ones, large or small, are drawn nearer. `None` for fewer than two.
pub fn fanova(
    space: &Space,
    trials: &[(&Configuration, f64)],
    config: &FanovaConfig,
) -> Option<Vec<(String, f64)>> {
    let trials = super::telling(trials)?;
    let encoder = Encoder::new(space);
    let encoded: Vec<_> = trials.iter().map(|(configuration, _)| encoder.encode(configuration)).collect();
    // Squares of huge values would overflow, and the variance of one penalty of 1e300 hide all other.
    let y = squeezed(&trials.iter().map(|(_, value)| *value).collect::<Vec<_>>());
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    let y = y.into_iter().map(|value| value - mean).collect();
    let measures: Vec<Measure> = (0..space.len())
        .map(|j| {
            let absent = encoded.iter().filter(|e| !e.active[j]).count() as f64 / encoded.len() as f64;
            Measure { choices: choices(encoder.column(j)), absent }
        })
        .collect();
    let rows = Rows::new(encoder.columns(), &encoded, y);
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let mut tree = |_| explained(&rows.tree(config.depth, &mut rng), &measures);
    let trees: Vec<_> = (0..config.trees).filter_map(&mut tree).collect();
    let share = |j: usize| trees.iter().map(|tree| tree[j]).sum::<f64>() / trees.len().max(1) as f64;
    Some(space.parameters().iter().enumerate().map(|(j, p)| (p.name.clone(), share(j))).collect())
}

/// The numbers with what is absurd at one end drawn nearer: at the end at which more of the spread is of the
/// middle half then.
fn squeezed(values: &[f64]) -> Vec<f64> {
    let below = tamed(values);
    let above = tamed(&values.iter().map(|value| -value).collect::<Vec<_>>()).into_iter().map(|value| -value);
    let middle = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (n, last) = (sorted.len(), sorted.len() - 1);
        (sorted[3 * last / 4] - sorted[n / 4]) / (sorted[last] - sorted[0]).max(f64::MIN_POSITIVE)
    };
    let above: Vec<f64> = above.collect();
    if middle(&above) > middle(&below) { above } else { below }
}

fn choices(column: &Column) -> usize {
    match column {
        Column::Categorical { choices } => *choices,
        Column::Continuous | Column::Discrete(_) => 0,
    }
}

/// How much of a column a set takes: active values are spread evenly, inactive ones take a share of their
/// own.
struct Measure {
    /// 0 where the column is a number.
    choices: usize,
    absent: f64,
}

impl Measure {
    fn of(&self, side: &Side) -> f64 {
        match side {
            Side::Interval { low, high } => {
                let length = (high.min(1.0) - low.max(0.0)).max(0.0);
                let absent = if *low < ABSENT && ABSENT <= *high { self.absent } else { 0.0 };
                (1.0 - self.absent) * length + absent
            }
            Side::Subset(categories) => {
                let each = categories
                    .iter()
                    .enumerate()
                    .map(|(k, inside)| if *inside { self.category(k) } else { 0.0 });
                each.sum()
            }
        }
    }

    fn category(&self, k: usize) -> f64 {
        if k == self.choices { self.absent } else { (1.0 - self.absent) / self.choices as f64 }
    }
}

/// `V_j / V` of one tree for each parameter; `None` if the tree is constant.
fn explained(leaves: &[Leaf], measures: &[Measure]) -> Option<Vec<f64>> {
    let d = measures.len();
    // (leaves, d)
    let shares: Vec<Vec<f64>> = leaves
        .iter()
        .map(|leaf| leaf.sides.iter().zip(measures).map(|(side, m)| m.of(side)).collect())
        .collect();
    let volumes: Vec<f64> = shares.iter().map(|shares| shares.iter().product()).collect();
    let moment = |power: i32| leaves.iter().zip(&volumes).map(|(l, v)| l.value.powi(power) * v).sum::<f64>();
    let mean = moment(1);
    let variance = moment(2) - mean * mean;
    if variance <= 1e-14 * moment(2) {
        return None;
    }
    let variance_of_mean = |j: usize| {
        // v_l prod_{k != j} m_lk
        let weights: Vec<f64> = leaves
            .iter()
            .zip(&shares)
            .map(|(leaf, shares)| {
                let others = shares.iter().enumerate().filter(|(k, _)| *k != j);
                leaf.value * others.map(|(_, share)| share).product::<f64>()
            })
            .collect();
        let sides: Vec<&Side> = leaves.iter().map(|leaf| &leaf.sides[j]).collect();
        let squares: f64 =
            steps(&sides, &weights, &measures[j]).into_iter().map(|(share, f)| share * f * f).sum();
        (squares - mean * mean).max(0.0)
    };
    Some((0..d).map(|j| variance_of_mean(j) / variance).collect())
}

/// `f_j` as a step function: the share of the column that each step takes, and the value there.
fn steps(sides: &[&Side], weights: &[f64], measure: &Measure) -> Vec<(f64, f64)> {
    if measure.choices > 0 {
        let value = |k: usize| {
            let holds = |side: &Side| matches!(side, Side::Subset(categories) if categories[k]);
            sides.iter().zip(weights).filter(|(side, _)| holds(side)).map(|(_, weight)| weight).sum()
        };
        return (0..=measure.choices).map(|k| (measure.category(k), value(k))).collect();
    }
    let ends: Vec<(f64, f64)> = sides
        .iter()
        .map(|side| match side {
            Side::Interval { low, high } => (*low, *high),
            Side::Subset(_) => unreachable!("columns of numbers are cut into intervals"),
        })
        .collect();
    let mut edges: Vec<f64> = ends.iter().flat_map(|(low, high)| [*low, *high]).collect();
    edges.retain(|edge| (0.0..1.0).contains(edge));
    edges.extend([0.0, 1.0]);
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    // Differences between neighbouring steps.
    let mut rises = vec![0.0; edges.len()];
    let mut absent = 0.0;
    for (&(low, high), weight) in ends.iter().zip(weights) {
        if low < ABSENT && ABSENT <= high {
            absent += weight;
        }
        if high > 0.0 && low < 1.0 {
            rises[edges.partition_point(|edge| *edge < low.max(0.0))] += weight;
            rises[edges.partition_point(|edge| *edge < high.min(1.0))] -= weight;
        }
    }
    let mut height = 0.0;
    let inside = edges.windows(2).zip(&rises).map(|(edge, rise)| {
        height += rise;
        ((1.0 - measure.absent) * (edge[1] - edge[0]), height)
    });
    inside.chain([(measure.absent, absent)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Parameter;

    fn shares_of(space: &Space, n: usize, value: impl Fn(&Configuration) -> f64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let configurations: Vec<_> = (0..n).map(|_| space.sample(&mut rng)).collect();
        let trials: Vec<_> = configurations.iter().map(|c| (c, value(c))).collect();
        fanova(space, &trials, &FanovaConfig::default())
            .unwrap()
            .into_iter()
            .map(|(_, share)| share)
            .collect()
    }

    /// An additive function has known shares: those of the variances of its parts, 4/12 and 1/12 for uniform
    /// numbers, and of 0 or 1 with chances 1/3 and 2/3, 2/9.
    #[test]
    fn shares_are_those_of_the_variances_of_the_parts() {
        let space = Space::builder()
            .float("two", 0.0, 2.0)
            .log_float("one", 1.0, std::f64::consts::E)
            .categorical("third", ["a", "b", "c"])
            .int("idle", 0, 9)
            .build()
            .unwrap();
        let shares = shares_of(&space, 1500, |c| {
            c.get_f64("two").unwrap()
                + c.get_f64("one").unwrap().ln()
                + f64::from(u8::from(c.get_str("third") == Some("b")))
        });
        let parts = [4.0 / 12.0, 1.0 / 12.0, 2.0 / 9.0, 0.0];
        let whole: f64 = parts.iter().sum();
        for (share, part) in shares.iter().zip(parts) {
            assert!((share - part / whole).abs() < 0.03, "{shares:?} {part}");
        }
    }

    #[test]
    fn what_only_matters_together_is_nobodys() {
        let space =
            Space::builder().categorical("a", ["0", "1"]).categorical("b", ["0", "1"]).build().unwrap();
        let equal = |c: &Configuration| f64::from(u8::from(c.get_str("a") == c.get_str("b")));
        let shares = shares_of(&space, 400, equal);
        assert!(shares.iter().all(|share| *share < 0.02), "{shares:?}");
    }

    #[test]
    fn a_parameter_is_judged_with_its_absence() {
        let space = Space::builder()
            .categorical("module", ["plain", "tuned"])
            .parameter(Parameter::float("tuned.x", 0.0, 1.0).when("module", ["tuned"]))
            .float("idle", 0.0, 1.0)
            .build()
            .unwrap();
        let shares = shares_of(&space, 600, |c| c.get_f64("tuned.x").map_or(0.5, |x| 10.0 * x));
        assert!(shares[1] > 0.5 && shares[2] < 0.05, "{shares:?}");
    }

    #[test]
    fn scale_does_not_matter_and_equal_values_say_nothing() {
        let space = Space::builder().float("x", 0.0, 1.0).float("y", 0.0, 1.0).build().unwrap();
        assert_eq!(shares_of(&space, 50, |_| 3.0), [0.0, 0.0]);
        let x = |scale: f64| shares_of(&space, 50, |c| scale * c.get_f64("x").unwrap());
        assert_eq!(x(1.0), x(2f64.powi(1000)));
        assert!(x(1e300)[0] > 0.9);
        let one = Configuration::new();
        assert_eq!(fanova(&space, &[(&one, 1.0)], &FanovaConfig::default()), None);
    }

    #[test]
    fn two_trials_are_enough() {
        let space = Space::builder().float("x", 0.0, 1.0).float("y", 0.0, 1.0).build().unwrap();
        let [a, b]: [Configuration; 2] = [0.1, 0.9].map(|x| [("x", x), ("y", 0.5)].into_iter().collect());
        let trials = [(&a, 1.0), (&b, 2.0)];
        let shares = fanova(&space, &trials, &FanovaConfig::default()).unwrap();
        assert!(shares[0].1 > 0.9 && shares[1].1 < 0.1, "{shares:?}");
    }
}
