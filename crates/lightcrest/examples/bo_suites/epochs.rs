//! Runs a sampler with a pruner, one trial after the other, until a number of epochs is spent.

use crate::curve::CurveTask;
use crate::peer::{self, Peer};
use crate::setup::{TRAININGS, cpu_seconds, sampler};
use lightcrest::pruner::{
    HalvingConfig, HyperbandConfig, HyperbandPruner, MaxResource, MedianPruner, MinResource, NoPruner,
    Pruner, SuccessiveHalving,
};
use lightcrest::{Configuration, Evaluation, ObjectiveInfo, Study, TrialError};
use std::path::Path;

/// What proposes and what stops: a study of ours, or another program that does both.
enum Method {
    Ours(Box<Study>),
    Peer(Peer),
}

impl Method {
    /// `SAMPLER+PRUNER`.
    fn new(name: &str, task: &CurveTask, seed: u64, peers: Option<&Path>) -> Self {
        let (kind, pruner) = name.rsplit_once('+').unwrap_or((name, "none"));
        if let (Some(script), true) = (peers, peer::is_one(kind)) {
            let mut peer = Peer::start(script, kind, seed, &[pruner, &task.epochs.to_string()]);
            peer.show(&task.space);
            return Self::Peer(peer);
        }
        let study = Study::builder(task.space.clone(), vec![ObjectiveInfo::minimize("loss")])
            .seed(seed)
            .boxed_sampler(sampler(kind, seed, peers))
            .boxed_pruner(make_pruner(pruner, task.epochs as u64, seed))
            .build();
        Self::Ours(Box::new(study.unwrap()))
    }

    fn ask(&mut self, task: &CurveTask) -> Configuration {
        match self {
            Self::Ours(study) => study.ask().unwrap().configuration,
            Self::Peer(peer) => peer.ask(&task.space),
        }
    }

    /// Whether the trial should stop.
    fn report(&mut self, number: u64, step: u64, value: f64) -> bool {
        match self {
            Self::Ours(study) => {
                study.report(number, step, &[value]).unwrap();
                study.should_prune(number).unwrap()
            }
            Self::Peer(peer) => peer.report(step, value),
        }
    }

    fn tell(&mut self, number: u64, loss: Option<f64>) {
        match self {
            Self::Ours(study) => {
                let stopped = TrialError::Pruned { reason: "by the pruner".to_owned() };
                let outcome = loss.map(|loss| Evaluation::new([loss])).ok_or(stopped);
                study.tell(number, outcome).unwrap();
            }
            Self::Peer(peer) => peer.tell(loss),
        }
    }
}

fn make_pruner(name: &str, epochs: u64, seed: u64) -> Box<dyn Pruner> {
    match name {
        "none" => Box::new(NoPruner),
        "median" => Box::new(MedianPruner::default()),
        "halving" => {
            let config = HalvingConfig { min_resource: MinResource::Steps(1), ..Default::default() };
            Box::new(SuccessiveHalving::new(config).unwrap())
        }
        "hyperband" => {
            let max_resource = MaxResource::Steps(epochs);
            Box::new(
                HyperbandPruner::new(HyperbandConfig { max_resource, seed, ..Default::default() }).unwrap(),
            )
        }
        other => panic!("no pruner `{other}`"),
    }
}

/// Regret at the checkpoints of the complete trial that looks best, and seconds in sampler and pruner.
pub fn one(task: &CurveTask, name: &str, seed: u64, budget: usize, peers: Option<&Path>) -> (Vec<f64>, f64) {
    let mut method = Method::new(name, task, seed, peers);
    let (mut used, mut number, mut regrets) = (0, 0, Vec::new());
    // Nothing is complete yet: as good as the median.
    let (mut best, mut reached) = (f64::INFINITY, 1.0);
    let begin = cpu_seconds();
    while used < budget * task.epochs {
        let configuration = method.ask(task);
        let (curve, end) = task.train(&configuration, seed, number);
        let mut stopped = false;
        for (i, value) in curve.iter().enumerate() {
            used += 1;
            let last = i + 1 == task.epochs;
            if last && *value < best {
                (best, reached) = (*value, end);
            }
            if used % task.epochs == 0 && TRAININGS.contains(&(used / task.epochs)) {
                regrets.push(reached);
            }
            // At the end there is nothing to save.
            stopped = method.report(number, i as u64 + 1, *value) && !last;
            if stopped {
                break;
            }
        }
        method.tell(number, (!stopped).then(|| curve[task.epochs - 1]));
        number += 1;
    }
    let seconds = cpu_seconds() - begin;
    (regrets, peer::seconds().unwrap_or(seconds))
}
