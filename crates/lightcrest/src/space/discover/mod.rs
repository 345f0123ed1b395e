//! The space that an objective shows by asking: define-by-run.
//!
//! An objective may ask for its parameters one by one while it runs, and what it asks for may depend on
//! earlier answers. The union of what trials asked for is the space. When a parameter exists is not said
//! anywhere, but it can be seen: the conditions are [inferred](Discovery::infer) from the trials that asked
//! for it and those that did not. So every sampler works on a discovered space as on a declared one.
//!
//! - A parameter that no complete trial went without is unconditional.
//! - Otherwise it gets the smallest conjunction of `parent has one of these values` that holds in every trial
//!   that asked for it and in no complete trial that did not.
//! - If there is none (it hangs on a float, or on chance), the parameter stays in the space without a
//!   condition: its value is proposed always and used when asked for. Its column is masked in the trials that
//!   did without.
//!
//! Only complete trials prove an absence: one that failed or was pruned may have ended before it came to ask.
//!
//! An inference may be wrong while trials are few. That does no harm that lasts: a proposal only says what to
//! answer *if* the objective asks, a parameter that is asked for unexpectedly is drawn at random, and the
//! trial is the evidence against the mistake.
//!
//! What is inferred is a function of the finished trials, not of the order in which they ended, so that
//! processes which share a database agree. [`Discovery::absorb`] costs one pass over the trial's parameters;
//! inference runs again only when a trial could change its outcome.

mod infer;

use super::{Configuration, Domain, Parameter, Space, SpaceError, Suggestions, Value};
use infer::{Evidence, Row};
use std::collections::HashMap;
use std::sync::Arc;

/// What one finished trial shows about the space.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// The number of the trial.
    pub number: u64,
    /// What it asked for.
    pub suggestions: &'a Suggestions,
    /// What it was answered.
    pub configuration: &'a Configuration,
    /// Whether the objective ran to its end, so that what it did not ask for does not exist there.
    pub whole: bool,
}

/// A space in the making.
#[derive(Debug, Default)]
pub struct Discovery {
    /// The domain of every name that was ever asked for, also by trials that still run.
    asked: HashMap<Arc<str>, Arc<Domain>>,
    /// In the order of the first sight.
    known: Vec<Known>,
    index: HashMap<Arc<str>, usize>,
    stale: bool,
}

/// A parameter that a finished trial asked for.
#[derive(Debug)]
struct Known {
    name: Arc<str>,
    /// The union of what was asked for.
    domain: Arc<Domain>,
    /// The lowest trial that asked for it, and the place in its order of asking.
    first: (u64, usize),
    when: Activity,
}

/// What is known of when a parameter exists.
#[derive(Debug, Clone, PartialEq)]
enum Activity {
    /// In every complete trial so far.
    Always,
    /// Where all of these hold.
    When(Vec<Clause>),
    /// Sometimes; no condition explains when.
    Unknown,
}

/// `parent has one of cells`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Clause {
    /// The position in [`Discovery::known`].
    parent: usize,
    /// Cells of the parent's domain, ascending.
    cells: Vec<u64>,
    /// Those of them between which trials that asked for the parameter were seen; the rest is surmised.
    seen: Vec<u64>,
}

impl Discovery {
    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that an objective asks for a parameter; the domain as trials share it.
    ///
    /// # Errors
    /// If the domain makes no sense, or the name was asked for with another kind, scale or list of choices.
    pub fn ask(&mut self, name: &str, domain: &Domain) -> Result<(Arc<str>, Arc<Domain>), SpaceError> {
        let domain = &domain.lowered();
        if let Some((name, known)) = self.asked.get_key_value(name) {
            if **known == *domain {
                return Ok((name.clone(), known.clone()));
            }
            domain.check(name)?;
            let Some(union) = known.union(domain) else {
                let (name, known) = (name.to_string(), (**known).clone());
                return Err(SpaceError::ChangedDomain { name, known, asked: domain.clone() });
            };
            let name = name.clone();
            if union != **known {
                self.asked.insert(name.clone(), Arc::new(union));
            }
            return Ok((name, Arc::new(domain.clone())));
        }
        if name.is_empty() {
            return Err(SpaceError::EmptyName { position: self.asked.len() });
        }
        domain.check(name)?;
        let (name, domain): (Arc<str>, _) = (name.into(), Arc::new(domain.clone()));
        self.asked.insert(name.clone(), domain.clone());
        Ok((name, domain))
    }

    /// A configuration, or a part of one, as the engine would have written it. What is out of its range stays
    /// as it is: ranges may change.
    pub fn conform(&self, configuration: &Configuration) -> Configuration {
        let conformed = |(name, value): (&str, &Value)| {
            let domain = self.asked.get(name).filter(|domain| domain.contains(value));
            (name.to_owned(), domain.map_or_else(|| value.clone(), |domain| domain.conform(value)))
        };
        configuration.iter().map(conformed).collect()
    }

    /// Takes note of a finished trial. Whether the space has to be [inferred](Self::infer) again.
    pub fn absorb(&mut self, sighting: &Sighting<'_>) -> bool {
        self.stale = self.stale || self.contradicts(sighting);
        self.stale
    }

    /// Whether a trial could change the outcome of the inference.
    ///
    /// Trials that agree with the conditions cannot: they leave the chosen explanation as good as it was, and
    /// other explanations only get fewer and more complicated with every trial. A trial that asks for the
    /// parameter where that was only surmised can: the explanation says less than it seemed to, and another
    /// one may be preferred.
    fn contradicts(&self, sighting: &Sighting<'_>) -> bool {
        // Mirrors what `infer` makes of a trial.
        let mut row: Row = vec![None; self.known.len()];
        let mut next = 0;
        for (position, (name, domain)) in sighting.suggestions.iter().enumerate() {
            // Mostly parameters are asked for one after the other.
            let expected = self.known.get(next).is_some_and(|known| Arc::ptr_eq(&known.name, name));
            let found = if expected { Some(&next) } else { self.index.get(name) };
            let Some(&i) = found else { return true };
            next = i + 1;
            let known = &self.known[i];
            if (sighting.number, position) < known.first {
                return true;
            }
            if !Arc::ptr_eq(domain, &known.domain)
                && known.domain.union(domain).is_none_or(|union| union != *known.domain)
            {
                return true;
            }
            let cell = sighting.configuration.get(name).and_then(|value| known.domain.cell_of(value));
            row[i] = Some((position, cell));
        }
        self.known.iter().zip(&row).any(|(known, seen)| match (&known.when, seen) {
            (Activity::Unknown, _) | (Activity::Always, Some(_)) => false,
            (Activity::Always, None) => sighting.whole,
            (Activity::When(clauses), None) => {
                sighting.whole && clauses.iter().all(|clause| holds(&row, clause.parent, &clause.cells, None))
            }
            (Activity::When(clauses), Some((position, _))) => {
                !clauses.iter().all(|clause| holds(&row, clause.parent, &clause.seen, Some(*position)))
            }
        })
    }

    /// The space that all finished trials show together.
    ///
    /// Where trials disagree about what a parameter is (two processes with different programs on one study),
    /// the lowest number decides, and the others count as not having asked for it.
    pub fn infer<'a>(&mut self, sightings: impl Iterator<Item = Sighting<'a>> + Clone) -> Space {
        self.known.clear();
        self.index.clear();
        self.stale = false;
        for sighting in sightings.clone() {
            for (position, (name, domain)) in sighting.suggestions.iter().enumerate() {
                match self.index.get(name) {
                    Some(&i) => {
                        let known = &mut self.known[i].domain;
                        if !Arc::ptr_eq(known, domain)
                            && let Some(union) = known.union(domain).filter(|union| *union != **known)
                        {
                            *known = Arc::new(union);
                        }
                    }
                    // A database may hold anything.
                    None if domain.check(name).is_err() => {}
                    None => {
                        self.index.insert(name.clone(), self.known.len());
                        let (name, domain, first) =
                            (name.clone(), domain.clone(), (sighting.number, position));
                        self.known.push(Known { name, domain, first, when: Activity::Always });
                    }
                }
            }
        }
        for known in &self.known {
            let asked = self.asked.entry(known.name.clone()).or_insert_with(|| known.domain.clone());
            if let Some(union) = asked.union(&known.domain).filter(|union| *union != **asked) {
                *asked = Arc::new(union);
            }
        }
        let (mut rows, mut whole) = (Vec::new(), Vec::new());
        for sighting in sightings {
            let mut row: Row = vec![None; self.known.len()];
            for (position, (name, domain)) in sighting.suggestions.iter().enumerate() {
                let Some(&i) = self.index.get(name) else { continue };
                let Some(value) = sighting.configuration.get(name) else { continue };
                let known = &self.known[i].domain;
                if Arc::ptr_eq(known, domain) || known.contains(value) {
                    row[i] = Some((position, known.cell_of(value)));
                }
            }
            rows.push(row);
            whole.push(sighting.whole);
        }
        let domains: Vec<&Domain> = self.known.iter().map(|known| &*known.domain).collect();
        let evidence = Evidence { domains: &domains, rows: &rows, whole: &whole };
        let activities: Vec<Activity> = (0..self.known.len()).map(|i| evidence.activity(i)).collect();
        for (known, when) in self.known.iter_mut().zip(activities) {
            known.when = when;
        }
        self.space()
    }

    fn space(&self) -> Space {
        let parameter = |known: &Known| {
            let parameter = Parameter::new(&*known.name, (*known.domain).clone());
            let Activity::When(clauses) = &known.when else { return parameter };
            clauses.iter().fold(parameter, |parameter, clause| {
                let parent = &self.known[clause.parent];
                parameter
                    .when(&*parent.name, clause.cells.iter().filter_map(|cell| parent.domain.cell(*cell)))
            })
        };
        let builder = self.known.iter().map(parameter).fold(Space::builder(), |b, p| b.parameter(p));
        // Names differ, domains were checked when they were asked for, parents were asked for before their
        // children in one and the same trial, and conditions name cells of their domains.
        builder.build().expect("what trials asked for makes a space")
    }

    /// The parameters whose activity no condition explains.
    pub fn unexplained(&self) -> impl Iterator<Item = &str> {
        self.known.iter().filter(|known| known.when == Activity::Unknown).map(|known| &*known.name)
    }
}

/// Whether a trial gave `parent` one of these values, and before its `before`-th parameter.
fn holds(row: &Row, parent: usize, cells: &[u64], before: Option<usize>) -> bool {
    let Some((position, Some(cell))) = row[parent] else { return false };
    before.is_none_or(|before| position < before) && cells.binary_search(&cell).is_ok()
}
