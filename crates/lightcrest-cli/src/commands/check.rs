//! `lightcrest check`: is a spec right, and what would it search?

use lightcrest::Objective;
use lightcrest_model::objective::NetworkObjective;
use lightcrest_model::spec::{Phase, Spec};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::print;
use crate::arguments::CheckArguments;
use crate::error::CliError;
use crate::metric::Kind;
use crate::prepare;

/// How many configurations are drawn to see what models cost.
const DRAWN: usize = 200;

/// Checks a spec and its data; prints what a search would choose from.
pub(crate) fn check(arguments: &CheckArguments) -> Result<(), CliError> {
    let (spec, _) = prepare::read_spec(&arguments.spec)?;
    let (splits, test) = spec.data(Phase::Search).load()?;
    let images = format!(
        "{} to train, {} to validate, {} to test",
        splits.train.len(),
        splits.validation.len(),
        test.len()
    );
    let (name, shape, classes) =
        (splits.train.name().to_owned(), splits.train.shape(), splits.train.classes().len());
    let objective = NetworkObjective::new(&spec, splits);
    prepare::pruner(&spec)?;
    prepare::check_feasible(&spec, &objective)?;
    let mut lines = vec![
        format!("{} is right", arguments.spec.display()),
        format!("  data        {name}: {images}; {shape}, {classes} classes"),
        format!("  parameters  {}", spec.space().parameters().len()),
    ];
    for objective in spec.objectives() {
        lines.push(format!(
            "  objective   {} {}",
            format!("{:?}", objective.direction).to_lowercase(),
            objective.name
        ));
    }
    lines.extend(
        prepare::settings(&spec)
            .into_iter()
            .map(|(label, value)| format!("  {:<11} {value}", label.to_lowercase())),
    );
    lines.extend(drawn(&spec, &objective));
    print(&lines.join("\n"));
    Ok(())
}

/// How many configurations are possible at all, and what their networks cost.
fn drawn(spec: &Spec, objective: &NetworkObjective) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(spec.seed);
    let drawn: Vec<_> = (0..DRAWN).map(|_| spec.space().sample(&mut rng)).collect();
    let possible: Vec<_> = drawn.iter().filter(|c| objective.preview(c).violation.is_none()).collect();
    let mut lines =
        vec![format!("  feasible    {} of {DRAWN} configurations drawn at random", possible.len())];
    let costs =
        possible.iter().filter_map(|configuration| objective.candidate(configuration, Phase::Search).ok());
    let costs: Vec<_> = costs.map(|candidate| candidate.network.cost()).collect();
    for (name, cost) in [
        ("macs", costs.iter().map(|c| c.macs).collect::<Vec<_>>()),
        ("parameters", costs.iter().map(|c| c.parameters).collect()),
    ] {
        if let (Some(least), Some(most)) = (cost.iter().min(), cost.iter().max()) {
            let format = |value: u64| Kind::of(name).format(value as f64);
            lines.push(format!("  {name:<11} {} to {}", format(*least), format(*most)));
        }
    }
    lines
}
