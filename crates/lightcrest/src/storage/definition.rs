//! What a study is.

use crate::objective::ObjectiveInfo;
use crate::space::{Constraint, Space};
use serde::{Deserialize, Serialize};

/// What a study is: fixed when it is made, stored beside its trials, compared when it is opened again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The name of the study.
    pub name: String,
    /// What may vary. If it is discovered, what is known of it so far: stored empty, and found again from the
    /// trials.
    pub space: Space,
    /// Whether the space is discovered from what the objective asks for.
    pub discovered: bool,
    /// What is optimised, in the order of a trial's values.
    pub objectives: Vec<ObjectiveInfo>,
    /// What all random numbers derive from.
    pub seed: u64,
    /// Everything else that must stay the same for trials to be comparable (data, training), as text. What
    /// may change between runs, such as the number of trials or of workers, is left out.
    pub spec: String,
    /// The version of the engine that made the study.
    pub engine: String,
    /// When it was made, in milliseconds since 1970 (UTC).
    pub created: u64,
}

impl Definition {
    /// What makes the two different studies, in words; `None` if they are the same. Engine and time do not
    /// count, and of the tests of constraints only the names do: code cannot be compared.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.name != other.name {
            return Some(format!("its name is `{}`, not `{}`", self.name, other.name));
        }
        let names = |objectives: &[ObjectiveInfo]| {
            let words = objectives.iter().map(|o| format!("{:?} {}", o.direction, o.name).to_lowercase());
            words.collect::<Vec<_>>().join(", ")
        };
        if self.objectives != other.objectives {
            let (ours, theirs) = (names(&self.objectives), names(&other.objectives));
            return Some(format!("its objectives are {ours}, not {theirs}"));
        }
        if self.discovered != other.discovered {
            let word = |discovered| if discovered { "discovered" } else { "declared" };
            return Some(format!("its space is {}, not {}", word(self.discovered), word(other.discovered)));
        }
        let difference = if self.discovered { None } else { self.space_difference(other) };
        if difference.is_some() {
            return difference;
        }
        if self.seed != other.seed {
            return Some(format!("its seed is {}, not {}", self.seed, other.seed));
        }
        if self.spec != other.spec {
            let (mut ours, mut theirs) = (self.spec.lines(), other.spec.lines());
            loop {
                match (ours.next(), theirs.next()) {
                    (None, None) => return Some("its spec has other line ends".to_owned()),
                    (a, b) if a == b => {}
                    (Some(a), Some(b)) => {
                        return Some(format!("its spec says `{}`, not `{}`", a.trim(), b.trim()));
                    }
                    (Some(a), None) => return Some(format!("its spec also says `{}`", a.trim())),
                    (None, Some(b)) => return Some(format!("its spec does not say `{}`", b.trim())),
                }
            }
        }
        None
    }

    fn space_difference(&self, other: &Self) -> Option<String> {
        for parameter in self.space.parameters() {
            match other.space.get(&parameter.name) {
                None => {
                    return Some(format!("it has a parameter `{}`, which is not asked for", parameter.name));
                }
                Some(theirs) if theirs.domain != parameter.domain => {
                    let (name, ours) = (&parameter.name, &parameter.domain);
                    return Some(format!("its parameter `{name}` is {ours}, not {}", theirs.domain));
                }
                Some(theirs) if theirs.when != parameter.when => {
                    return Some(format!("its parameter `{}` has other conditions", parameter.name));
                }
                Some(theirs)
                    if theirs.at_least != parameter.at_least || theirs.at_most != parameter.at_most =>
                {
                    return Some(format!("its parameter `{}` has other bounds", parameter.name));
                }
                Some(_) => {}
            }
        }
        if let Some(new) = other.space.parameters().iter().find(|p| self.space.get(&p.name).is_none()) {
            return Some(format!("it has no parameter `{}`", new.name));
        }
        let (ours, theirs) = (self.space.constraints(), other.space.constraints());
        let more = |all: &[Constraint], others: &[Constraint]| {
            all.iter().find(|constraint| !others.contains(constraint)).map(Constraint::name)
        };
        if let Some(name) = more(ours, theirs) {
            return Some(format!("it has a constraint `{name}`, which is not asked for or is another one"));
        }
        if let Some(name) = more(theirs, ours) {
            return Some(format!("it has no constraint `{name}`"));
        }
        if ours != theirs {
            return Some("its constraints are in another order".to_owned());
        }
        if self.space != other.space {
            return Some("its parameters are in another order".to_owned());
        }
        None
    }
}
