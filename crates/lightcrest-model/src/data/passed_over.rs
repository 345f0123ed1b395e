//! What a loader found and did not read.

use std::collections::BTreeMap;

/// Kinds that are named; a folder of a thousand kinds would hide the rest of a message.
const NAMED: usize = 6;

/// Files that were passed over, counted by kind, and folders that no split is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassedOver {
    kinds: BTreeMap<String, usize>,
    folders: Vec<String>,
}

impl PassedOver {
    /// True when everything was read.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.folders.is_empty()
    }

    /// One more file of a kind, such as `.txt`.
    pub(super) fn add(&mut self, kind: &str) {
        *self.kinds.entry(kind.to_owned()).or_default() += 1;
    }

    /// What another part of the folder passed over.
    pub(super) fn extend(&mut self, other: Self) {
        for (kind, count) in other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        self.folders.extend(other.folders);
    }

    /// A folder beside the splits.
    pub(super) fn add_folder(&mut self, name: &str) {
        self.folders.push(name.to_owned());
    }
}

/// `3 files passed over: 2 .txt, 1 .heic`, the most frequent kind first.
impl std::fmt::Display for PassedOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut kinds: Vec<(&String, usize)> =
            self.kinds.iter().map(|(kind, &count)| (kind, count)).collect();
        kinds.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let total: usize = kinds.iter().map(|(_, count)| count).sum();
        if total > 0 {
            let mut list: Vec<String> =
                kinds.iter().take(NAMED).map(|(kind, count)| format!("{count} {kind}")).collect();
            let more: usize = kinds.iter().skip(NAMED).map(|(_, count)| count).sum();
            list.extend((more > 0).then(|| format!("{more} of other kinds")));
            let files = if total == 1 { "file" } else { "files" };
            write!(f, "{total} {files} passed over: {}", list.join(", "))?;
        }
        if !self.folders.is_empty() {
            let separator = if total > 0 { "; " } else { "" };
            let names: Vec<String> = self.folders.iter().map(|name| format!("`{name}`")).collect();
            let folders = if names.len() == 1 { "folder" } else { "folders" };
            write!(f, "{separator}{folders} beside the splits passed over: {}", names.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_and_said() {
        let mut passed_over = PassedOver::default();
        assert!(passed_over.is_empty());
        [".heic", ".txt", ".txt"].iter().for_each(|kind| passed_over.add(kind));
        assert_eq!(passed_over.to_string(), "3 files passed over: 2 .txt, 1 .heic");
        passed_over.add_folder("unlabeled");
        assert!(passed_over.to_string().ends_with("; folder beside the splits passed over: `unlabeled`"));
        (0..9).for_each(|kind| passed_over.add(&format!(".{kind}")));
        assert!(passed_over.to_string().contains("5 of other kinds"), "{passed_over}");
    }
}
