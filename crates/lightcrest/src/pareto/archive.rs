//! A front that grows point by point.

use super::dominates;

/// The points that no other has dominated so far, each with what its owner knows it by.
///
/// One more point costs a comparison with each point of the front, however many have come before.
///
/// ```
/// use lightcrest::pareto::Archive;
///
/// let mut front = Archive::default();
/// assert!(front.insert(vec![1.0, 3.0], "a").is_empty());
/// assert!(front.insert(vec![3.0, 1.0], "b").is_empty());
/// assert_eq!(front.insert(vec![2.0, 3.0], "c"), ["a"], "`c` dominates `a`");
/// assert_eq!(front.insert(vec![1.0, 1.0], "d"), ["d"], "`d` itself is dominated");
/// assert_eq!(front.len(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct Archive<T> {
    members: Vec<(Vec<f64>, T)>,
}

impl<T> Default for Archive<T> {
    fn default() -> Self {
        Self { members: Vec::new() }
    }
}

impl<T> Archive<T> {
    /// Adds a point, larger is better in every coordinate, and returns what is not on the front because of
    /// it: what it dominates, or else the item itself if a point of the front dominates it. A point that
    /// equals another stays beside it.
    pub fn insert(&mut self, point: Vec<f64>, item: T) -> Vec<T> {
        if self.dominates(&point) {
            return vec![item];
        }
        let gone = self.members.extract_if(.., |(other, _)| dominates(&point, other));
        let gone = gone.map(|(_, item)| item).collect();
        self.members.push((point, item));
        gone
    }

    /// Whether a point of the front dominates this one.
    pub fn dominates(&self, point: &[f64]) -> bool {
        self.members.iter().any(|(other, _)| dominates(other, point))
    }

    /// Whether a point of the front equals this one.
    pub fn contains(&self, point: &[f64]) -> bool {
        self.members.iter().any(|(other, _)| other == point)
    }

    /// The points of the front, in the order in which they came.
    pub fn points(&self) -> impl Iterator<Item = &[f64]> {
        self.members.iter().map(|(point, _)| point.as_slice())
    }

    /// What the points are known by, in the same order.
    pub fn items(&self) -> impl Iterator<Item = &T> {
        self.members.iter().map(|(_, item)| item)
    }

    /// How many points are on the front.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl<T> Extend<(Vec<f64>, T)> for Archive<T> {
    fn extend<I: IntoIterator<Item = (Vec<f64>, T)>>(&mut self, points: I) {
        for (point, item) in points {
            self.insert(point, item);
        }
    }
}

impl<T> FromIterator<(Vec<f64>, T)> for Archive<T> {
    fn from_iter<I: IntoIterator<Item = (Vec<f64>, T)>>(points: I) -> Self {
        let mut archive = Self::default();
        archive.extend(points);
        archive
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pareto::front;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_holds_the_front_of_all_that_came(
            points in prop::collection::vec(prop::collection::vec((0..5i32).prop_map(f64::from), 3), 0..40)
        ) {
            let mut archive = Archive::default();
            for n in 0..points.len() {
                let before: Vec<usize> = archive.items().copied().collect();
                let gone = archive.insert(points[n].clone(), n);
                let mut now: Vec<usize> = archive.items().copied().collect();
                now.sort_unstable();
                prop_assert_eq!(&now, &front(&points[..=n]));
                let left: Vec<usize> = before.into_iter().chain([n]).filter(|i| !now.contains(i)).collect();
                prop_assert_eq!(gone, left);
            }
        }
    }
}
