//! What the images of a data set are, to tell later whether they are still the same.
//!
//! A study compares models on one set of validation images; when images come, go or change, values of before
//! and after do not belong into one front. So the identity of the images is kept with a study: the classes in
//! their order, the number of images of each in each split, and checksums of the pixels as they are loaded.
//! File names do not count, but the order that they give to the images does: the seed cuts the splits along
//! it.

use lightcrest_graph::network::Shape;
use serde::{Deserialize, Serialize};

use super::{Dataset, Source};

/// Differences that are said; the first is enough to know what happened.
const SAID: usize = 3;

/// Classes, counts and checksums of a [`Source`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataIdentity {
    image: Shape,
    classes: Vec<String>,
    splits: Vec<Split>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Split {
    name: String,
    /// Checksum of the labels in their order.
    order: String,
    /// As many as there are classes.
    classes: Vec<Class>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Class {
    images: usize,
    /// Checksum of the pixels of its images in their order.
    checksum: String,
}

impl DataIdentity {
    /// The identity of images as they are loaded, before they are cut.
    pub fn of(source: &Source) -> Self {
        let parts = [
            ("train", Some(&source.train)),
            ("validation", source.validation.as_ref()),
            ("test", source.test.as_ref()),
        ];
        let splits = parts.into_iter().filter_map(|(name, data)| Some(Split::of(name, data?))).collect();
        Self { image: source.train.shape(), classes: source.train.classes().to_vec(), splits }
    }

    /// One checksum of everything, in hexadecimal.
    pub fn checksum(&self) -> String {
        let mut sum = Checksum::default();
        sum.add(format!("{self:?}").as_bytes());
        sum.hex()
    }

    /// What is different `now`, in words, such as `class b had 20 images, has 30`; none when nothing is.
    pub fn difference(&self, now: &Self) -> Option<String> {
        let mut list = Vec::new();
        if self.image != now.image {
            list.push(format!("the images were {}, are {}", self.image, now.image));
        }
        self.class_differences(now, &mut list);
        let names =
            |identity: &Self| -> Vec<String> { identity.splits.iter().map(|s| s.name.clone()).collect() };
        for name in names(self).into_iter().filter(|name| !names(now).contains(name)) {
            list.push(format!("the {name} split is gone"));
        }
        for name in names(now).into_iter().filter(|name| !names(self).contains(name)) {
            list.push(format!("a {name} split came"));
        }
        for split in &self.splits {
            if let Some(now_split) = now.splits.iter().find(|other| other.name == split.name) {
                let place = if self.splits.len() > 1 { format!(" ({})", split.name) } else { String::new() };
                self.count_differences(now, split, now_split, &place, &mut list);
            }
        }
        let more = list.len().saturating_sub(SAID);
        list.truncate(SAID);
        list.extend((more > 0).then(|| format!("{more} more")));
        (!list.is_empty()).then(|| list.join("; "))
    }

    fn class_differences(&self, now: &Self, list: &mut Vec<String>) {
        let without = |all: &[String], others: &[String]| -> Vec<String> {
            all.iter().filter(|name| !others.contains(name)).cloned().collect()
        };
        let (gone, new) = (without(&self.classes, &now.classes), without(&now.classes, &self.classes));
        if gone.is_empty() && new.is_empty() {
            if self.classes != now.classes {
                list.push("the classes are in another order".into());
            }
            return;
        }
        let renamed = |old: &String| new.iter().find(|name| self.content(old) == now.content(name));
        for name in &gone {
            list.push(match renamed(name) {
                Some(now) => format!("class {name} is now called {now}"),
                None => format!("class {name} is gone"),
            });
        }
        for name in new.iter().filter(|name| !gone.iter().any(|old| renamed(old) == Some(*name))) {
            list.push(format!("class {name} is new"));
        }
    }

    /// The images of a class in every split.
    fn content(&self, class: &str) -> Vec<&Class> {
        let index = self.classes.iter().position(|name| name == class);
        self.splits.iter().filter_map(|split| split.classes.get(index?)).collect()
    }

    fn count_differences(&self, now: &Self, was: &Split, is: &Split, place: &str, list: &mut Vec<String>) {
        let before = list.len();
        for (name, was) in self.classes.iter().zip(&was.classes) {
            let index = now.classes.iter().position(|other| other == name);
            let Some(is) = index.and_then(|index| is.classes.get(index)) else { continue };
            if was.images != is.images {
                list.push(format!("class {name}{place} had {} images, has {}", was.images, is.images));
            } else if was.checksum != is.checksum && self.image == now.image {
                list.push(format!("class {name}{place} has as many images, but others or in another order"));
            }
        }
        if list.len() == before && was.order != is.order && self.classes == now.classes {
            list.push(format!("the images{place} are in another order"));
        }
    }
}

impl Split {
    fn of(name: &str, data: &Dataset) -> Self {
        let mut sums = vec![Checksum::default(); data.classes().len()];
        let mut order = Checksum::default();
        for (index, &label) in data.labels().iter().enumerate() {
            order.add(&label.to_le_bytes());
            sums[usize::from(label)].add(data.image(index));
        }
        let counts = data.class_counts();
        let classes =
            counts.into_iter().zip(&sums).map(|(images, sum)| Class { images, checksum: sum.hex() });
        Self { name: name.into(), order: order.hex(), classes: classes.collect() }
    }
}

/// The checksum of bytes, in hexadecimal.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    let mut sum = Checksum::default();
    sum.add(bytes);
    sum.hex()
}

/// A running checksum, eight bytes a step. Every step is a bijection of the sum and of the eight bytes, so
/// that one change always shows. Not against an adversary.
///
/// Source: FxHash of the Rust compiler, `(rotate_left(sum, 5) ^ word) * 0x517cc1b727220a95`.
#[derive(Clone, Default)]
struct Checksum(u64);

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.step(u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        // The length keeps zeros at the end apart from none.
        self.step(u64::from_le_bytes(last));
        self.step(bytes.len() as u64);
    }

    fn step(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn hex(&self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images of one pixel; a class has a name and its pixels.
    fn data(classes: &[(&str, &[u8])]) -> Dataset {
        let names = classes.iter().map(|(name, _)| name.to_string()).collect();
        let images: Vec<u8> = classes.iter().flat_map(|(_, pixels)| pixels.iter().copied()).collect();
        let labels =
            classes.iter().enumerate().flat_map(|(label, (_, pixels))| vec![label as u16; pixels.len()]);
        Dataset::new("d", names, Shape::new(1, 1, 1), images, labels.collect()).unwrap()
    }

    fn difference(now: &Source) -> Option<String> {
        let was = Source::whole(data(&[("a", &[1, 2, 3]), ("b", &[4, 5])]));
        DataIdentity::of(&was).difference(&DataIdentity::of(now))
    }

    #[test]
    fn what_changed_is_said() {
        let changed = |classes: &[(&str, &[u8])]| difference(&Source::whole(data(classes))).unwrap();
        assert_eq!(difference(&Source::whole(data(&[("a", &[1, 2, 3]), ("b", &[4, 5])]))), None);
        assert_eq!(changed(&[("a", &[1, 2, 3]), ("b", &[4, 5, 6])]), "class b had 2 images, has 3");
        let same = "class a has as many images, but others or in another order";
        assert_eq!(changed(&[("a", &[1, 2, 9]), ("b", &[4, 5])]), same);
        assert_eq!(changed(&[("a", &[2, 1, 3]), ("b", &[4, 5])]), same);
        assert_eq!(changed(&[("a", &[1, 2, 3]), ("c", &[4, 5])]), "class b is now called c");
        assert_eq!(changed(&[("a", &[1, 2, 3]), ("c", &[4])]), "class b is gone; class c is new");
        assert_eq!(changed(&[("b", &[4, 5]), ("a", &[1, 2, 3])]), "the classes are in another order");
        let swapped = changed(&[("b", &[1, 2, 3]), ("a", &[4, 5])]);
        assert!(
            swapped.starts_with("the classes are in another order; class a had 3 images, has 2"),
            "{swapped}"
        );
    }

    #[test]
    fn splits_and_shapes_count() {
        let was = data(&[("a", &[1, 2, 3]), ("b", &[4, 5])]);
        let now = Source { test: Some(was.clone()), ..Source::whole(was.clone()) };
        assert_eq!(difference(&now).unwrap(), "a test split came");
        assert_eq!(
            DataIdentity::of(&now).difference(&DataIdentity::of(&Source::whole(was.clone()))).unwrap(),
            "the test split is gone"
        );
        let other = Source { test: Some(data(&[("a", &[1]), ("b", &[4])])), ..Source::whole(was.clone()) };
        let expected = "class a (test) had 3 images, has 1; class b (test) had 2 images, has 1";
        assert_eq!(DataIdentity::of(&now).difference(&DataIdentity::of(&other)).unwrap(), expected);
        let larger = difference(&Source::whole(was.resized(2, 2))).unwrap();
        assert_eq!(larger, "the images were 1x1x1, are 1x2x2");
    }

    #[test]
    fn it_survives_its_file() {
        let identity = DataIdentity::of(&Source::whole(data(&[("a", &[1]), ("b", &[0])])));
        let back: DataIdentity = serde_json::from_str(&serde_json::to_string(&identity).unwrap()).unwrap();
        assert_eq!((back.checksum(), back), (identity.checksum(), identity));
    }

    #[test]
    fn zeros_and_lengths_count() {
        let sum = |parts: &[&[u8]]| {
            let mut sum = Checksum::default();
            parts.iter().for_each(|part| sum.add(part));
            sum.hex()
        };
        assert_ne!(sum(&[&[0]]), sum(&[&[0, 0]]));
        assert_ne!(sum(&[&[1], &[2]]), sum(&[&[1, 2]]));
        assert_ne!(sum(&[&[7; 16]]), sum(&[&[7; 8]]));
    }
}
