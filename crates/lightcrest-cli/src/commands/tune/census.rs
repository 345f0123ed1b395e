//! Which process belongs to which trial.
//!
//! On Linux this program is the subreaper of everything that its trials start: whatever a process does (a
//! session of its own, a daemon's double fork, an environment that is emptied), it stays below this one in
//! the tree of processes. So what is left to say is which of the trials an orphan belongs to. It was seen
//! below its trial before, or shares a group or session with what was, or its environment names the folder of
//! the trial. Otherwise it is of one of the trials that ran when it appeared, and ends with the last of them.
//!
//! A shell that became this program (`server & exec lightcrest tune spec.toml`) has left its own children
//! below it. They are strangers, and so is everything that may be of theirs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::process::{Id, Stat};

/// The number of the process that a trial began with, which leads its group.
pub(super) type Leader = u32;

/// What is known of the processes of all trials.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// The folders of the trials that run, by leader.
    trials: BTreeMap<Leader, PathBuf>,
    members: BTreeMap<Id, Member>,
    /// What was below this program before the first trial, and what came from there.
    strangers: BTreeSet<Id>,
    /// Whether there ever were any.
    has_strangers: bool,
}

/// A process of a trial.
#[derive(Debug, Clone)]
struct Member {
    stat: Stat,
    /// The trials that it may belong to: mostly one.
    trials: BTreeSet<Leader>,
}

impl Census {
    /// Takes all processes below this program, `own`, for strangers: no trial has begun yet.
    pub(super) fn ignore(&mut self, all: &[Stat], own: u32) {
        self.strangers.extend(all.iter().filter(|stat| stat.parent == own).map(|stat| stat.id));
        self.has_strangers = !self.strangers.is_empty();
    }

    /// A trial has begun.
    pub(super) fn begin(&mut self, leader: Leader, folder: &Path) {
        self.trials.insert(leader, folder.to_path_buf());
    }

    /// A trial has ended.
    pub(super) fn end(&mut self, leader: Leader) {
        self.trials.remove(&leader);
        self.members.values_mut().for_each(|member| {
            member.trials.remove(&leader);
        });
    }

    /// Looks at all processes of the system again; `own` is this program, `folder` tells the trial's folder
    /// that the environment of a process names.
    pub(super) fn take(&mut self, all: &[Stat], own: u32, folder: impl Fn(u32) -> Option<PathBuf>) {
        let mut children: HashMap<u32, Vec<&Stat>> = HashMap::new();
        all.iter().for_each(|stat| children.entry(stat.parent).or_default().push(stat));
        let session = all.iter().find(|stat| stat.id.pid == own).map(|stat| stat.session);
        let below = |pid: u32| children.get(&pid).into_iter().flatten().copied();
        let (mut members, mut strangers) = (BTreeMap::new(), BTreeSet::new());
        // None for strangers.
        let mut open: Vec<(&Stat, Option<BTreeSet<Leader>>)> =
            below(own).map(|stat| (stat, self.of_child(stat, session, &folder))).collect();
        while let Some((stat, trials)) = open.pop() {
            for child in below(stat.id.pid) {
                let known = self.members.get(&child.id).map(|member| member.trials.clone());
                let known = known.filter(|known| !known.is_empty());
                open.push((child, trials.clone().map(|trials| known.unwrap_or(trials))));
            }
            match trials {
                Some(trials) => drop(members.insert(stat.id, Member { stat: stat.clone(), trials })),
                None => drop(strangers.insert(stat.id)),
            }
        }
        self.members = members;
        self.strangers = strangers;
    }

    /// The trials that a child of this program may belong to: the leader of one, or an orphan. None for a
    /// stranger.
    fn of_child(
        &self,
        stat: &Stat,
        session: Option<u32>,
        folder: &impl Fn(u32) -> Option<PathBuf>,
    ) -> Option<BTreeSet<Leader>> {
        if self.trials.contains_key(&stat.id.pid) {
            return Some(BTreeSet::from([stat.id.pid]));
        }
        if self.strangers.contains(&stat.id) {
            return None;
        }
        if let Some(known) = self.members.get(&stat.id) {
            return Some(known.trials.clone());
        }
        if self.trials.contains_key(&stat.group) {
            return Some(BTreeSet::from([stat.group]));
        }
        let relative = |member: &&Member| {
            let shares_session = member.stat.session == stat.session && Some(stat.session) != session;
            member.trials.len() == 1 && (shares_session || member.stat.group == stat.group)
        };
        if let Some(relative) = self.members.values().find(relative) {
            return Some(relative.trials.clone());
        }
        let named = folder(stat.id.pid);
        let named = self.trials.iter().find(|(_, folder)| named.as_deref() == Some(folder.as_path()));
        match named {
            Some((leader, _)) => Some(BTreeSet::from([*leader])),
            None if self.has_strangers => None,
            None => Some(self.trials.keys().copied().collect()),
        }
    }

    /// The processes that end with a trial, living and dead: those that no other one may claim.
    pub(super) fn of(&self, leader: Leader) -> impl Iterator<Item = &Stat> {
        self.members
            .values()
            .filter(move |member| member.trials.len() == 1 && member.trials.contains(&leader))
            .map(|member| &member.stat)
    }

    /// The processes of trials that have all ended.
    pub(super) fn of_none(&self) -> impl Iterator<Item = &Stat> {
        self.members.values().filter(|member| member.trials.is_empty()).map(|member| &member.stat)
    }

    /// The trials that run.
    pub(super) fn leaders(&self) -> impl Iterator<Item = Leader> {
        self.trials.keys().copied()
    }

    /// All processes.
    pub(super) fn all(&self) -> impl Iterator<Item = &Stat> {
        self.members.values().map(|member| &member.stat)
    }

    /// The orphans that have ended, which wait for this program to take notice.
    pub(super) fn ended_orphans(&self, own: u32) -> impl Iterator<Item = &Stat> {
        let ended = move |stat: &&Stat| stat.parent == own && !stat.is_alive();
        self.all().filter(move |stat| ended(stat) && !self.trials.contains_key(&stat.id.pid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u32 = 10;

    /// A process, by its number, its parent, its group and its session.
    fn stat(pid: u32, parent: u32, group: u32, session: u32) -> Stat {
        Stat { id: Id { pid, started: 1 }, state: 'S', parent, group, session, ..Stat::default() }
    }

    /// Two trials run, 20 and 30.
    fn census() -> (Census, Vec<Stat>) {
        let mut census = Census::default();
        census.begin(20, Path::new("/run/trials/0"));
        census.begin(30, Path::new("/run/trials/1"));
        (census, vec![stat(1, 0, 1, 1), stat(OWN, 1, OWN, 5), stat(20, OWN, 20, 5), stat(30, OWN, 30, 5)])
    }

    fn numbers<'a>(stats: impl Iterator<Item = &'a Stat>) -> Vec<u32> {
        stats.map(|stat| stat.id.pid).collect()
    }

    #[test]
    fn an_orphan_goes_with_the_trial_that_it_was_seen_below() {
        let (mut census, mut all) = census();
        all.extend([stat(21, 20, 20, 5), stat(22, 21, 22, 22), stat(23, 22, 22, 22), stat(50, 1, 50, 50)]);
        census.take(&all, OWN, |_| None);
        assert_eq!(numbers(census.of(20)), [20, 21, 22, 23]);
        // Its parents end, and it comes to this program; so does one more of the same session, which was not
        // seen before.
        all.retain(|stat| !matches!(stat.id.pid, 21 | 22));
        all.iter_mut().filter(|stat| stat.id.pid == 23).for_each(|stat| stat.parent = OWN);
        all.push(stat(24, OWN, 24, 22));
        census.take(&all, OWN, |_| None);
        assert_eq!(numbers(census.of(20)), [20, 23, 24]);
        assert_eq!(numbers(census.of(30)), [30]);
    }

    #[test]
    fn an_orphan_without_a_past_goes_by_its_environment_or_with_the_last_trial() {
        let (mut census, mut all) = census();
        all.extend([stat(40, OWN, 40, 40), stat(41, OWN, 41, 41), stat(42, 41, 41, 41)]);
        census.take(&all, OWN, |pid| (pid == 40).then(|| "/run/trials/1".into()));
        assert_eq!(numbers(census.of(30)), [30, 40]);
        assert_eq!(numbers(census.of(20)), [20]);
        census.end(30);
        assert_eq!(numbers(census.of_none()), [30, 40], "what did not end with its trial is of none");
        all.retain(|stat| !matches!(stat.id.pid, 30 | 40));
        census.take(&all, OWN, |_| None);
        assert_eq!(numbers(census.of(20)), [20, 41, 42]);
        // A trial that begins later has nothing to do with them.
        census.begin(60, Path::new("/run/trials/2"));
        all.push(stat(60, OWN, 60, 5));
        census.take(&all, OWN, |_| None);
        assert_eq!(numbers(census.of(20)), [20, 41, 42]);
    }

    #[test]
    fn what_was_there_before_is_left_alone() {
        let (mut census, all) = census();
        let mut all = [&all[..2], &[stat(15, OWN, 5, 5), stat(16, 15, 5, 5)]].concat();
        census.ignore(&all, OWN);
        all.extend([stat(20, OWN, 20, 5), stat(21, OWN, 21, 21), stat(22, OWN, 22, 22)]);
        census.take(&all, OWN, |pid| (pid == 22).then(|| "/run/trials/0".into()));
        assert_eq!(numbers(census.all()), [20, 22], "21 may be of either");
        all.retain(|stat| stat.id.pid != 15);
        all.iter_mut().filter(|stat| stat.id.pid == 16).for_each(|stat| stat.parent = OWN);
        census.take(&all, OWN, |_| None);
        assert_eq!(numbers(census.all()), [20, 22]);
    }

    #[test]
    fn only_orphans_are_taken_notice_of() {
        let (mut census, mut all) = census();
        all.extend([stat(21, OWN, 20, 5), stat(22, 20, 20, 5)]);
        all.iter_mut().for_each(|stat| stat.state = 'Z');
        census.take(&all, OWN, |_| None);
        assert_eq!(numbers(census.ended_orphans(OWN)), [21]);
    }
}
