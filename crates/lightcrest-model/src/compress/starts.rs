//! The configurations that a search begins with: the network as it is, channels cut evenly at several
//! strengths, low rank everywhere (at the ranks of EVBMF, then evenly), and the even cuts again as 8-bit
//! integers.

use lightcrest::space::{Configuration, Domain, Value};
use lightcrest_graph::compress::decompose::{DecomposeConfig, Method, Outcome, Ranks, decompose};
use lightcrest_spec::setting::Setting;

use super::plan::{Change, LowRank, Plan};
use super::spec::{CompressSpec, SectionSpec};

/// Parameters of a network above which its kernels are not analysed for the start.
const LARGE: u64 = 20_000_000;

/// Multiply-accumulates of the original over those of the starts.
const FACTORS: [f64; 3] = [2.0, 4.0, 8.0];

/// The first trials, each once; those that the spec rules out are left out.
pub(super) fn starts(spec: &CompressSpec) -> Vec<Configuration> {
    let mut plans = vec![Plan::fp32(vec![Change::Keep; spec.sections.len()])];
    plans.extend(FACTORS.iter().filter_map(|factor| {
        evenly(spec, *factor, (0.0, 0.98), |spec, ratio| {
            Change::Prune { ratio }.filter(|| spec.section.methods.contains(&"prune"))
        })
    }));
    let even = plans.clone();
    plans.extend(evbmf(spec));
    plans.extend(FACTORS[..1].iter().filter_map(|factor| {
        evenly(spec, *factor, (1.0, 0.01), |section, rank| {
            low_rank(section).map(|method| Change::LowRank { method, rank })
        })
    }));
    if spec.sections.iter().any(|section| section.section.int8) {
        let int8: Vec<bool> = spec.sections.iter().map(|section| section.section.int8).collect();
        plans.extend(even.into_iter().map(|plan| Plan { int8: int8.clone(), ..plan }));
    }
    let mut starts: Vec<Configuration> = Vec::new();
    for plan in plans {
        if let Some(configuration) = configuration(spec, &plan).filter(|c| !starts.contains(c)) {
            starts.push(configuration);
        }
    }
    starts
}

impl Change {
    fn filter(self, test: impl FnOnce() -> bool) -> Option<Self> {
        test().then_some(self)
    }
}

/// Tucker where there are windows, SVD where there are none, or what else the section admits.
fn low_rank(section: &SectionSpec) -> Option<LowRank> {
    let methods = [LowRank::Tucker, LowRank::Svd, LowRank::Spatial, LowRank::Cp];
    methods.into_iter().find(|method| section.section.methods.contains(&method.name()))
}

/// The ranks that stand out of noise (EVBMF: Nakajima et al. 2013), in every section the mean over its layers
/// of rank over full rank, weighted by multiply-accumulates; none where nothing admits it, or the network is
/// so large that a search should not wait for it.
fn evbmf(spec: &CompressSpec) -> Option<Plan> {
    if spec.original_cost().parameters > LARGE || !spec.sections.iter().any(|s| low_rank(s).is_some()) {
        return None;
    }
    let config =
        DecomposeConfig { allow_growth: true, ..DecomposeConfig::uniform(Method::Tucker, Ranks::Evbmf) };
    let (_, report) = decompose(&spec.original.model, &config).ok()?;
    let layers = &spec.outline.layers;
    let fraction = |at: usize| -> Option<f64> {
        let found = report.layers.iter().find(|layer| layer.name == layers[at].name)?;
        let Outcome::Decomposed { method, ranks, .. } = &found.outcome else { return None };
        let full = method.full(spec.passes.shape(at)?);
        let shares = ranks.iter().zip(&full).map(|(rank, full)| *rank as f64 / *full as f64);
        Some(shares.sum::<f64>() / full.len() as f64)
    };
    let change = |section: &SectionSpec| {
        let method = low_rank(section)?;
        let (mut sum, mut weight) = (0.0, 0.0);
        for &at in section.section.layers.iter().filter(|&&at| layers[at].kind.admits(method.name())) {
            let macs = layers[at].macs as f64;
            sum += macs * fraction(at)?;
            weight += macs;
        }
        Some(Change::LowRank { method, rank: sum / weight.max(1.0) })
    };
    let changes = spec.sections.iter().map(|section| change(section).unwrap_or(Change::Keep)).collect();
    Some(Plan::fp32(changes))
}

/// One strength for all sections, at which the multiply-accumulates are those of the original over `factor`,
/// as near as it goes; none where even the strongest does not reach it. `range` is from the weakest to the
/// strongest.
fn evenly(
    spec: &CompressSpec,
    factor: f64,
    range: (f64, f64),
    change: impl Fn(&SectionSpec, f64) -> Option<Change>,
) -> Option<Plan> {
    let plan = |strength: f64| {
        Plan::fp32(spec.sections.iter().map(|s| change(s, strength).unwrap_or(Change::Keep)).collect())
    };
    let macs = |strength: f64| spec.cost(&plan(strength)).macs as f64;
    let (mut weak, mut strong) = range;
    let target = macs(weak).max(spec.original_cost().macs as f64) / factor;
    if macs(strong) > target {
        return None;
    }
    for _ in 0..24 {
        let middle = (weak + strong) / 2.0;
        if macs(middle) > target { weak = middle } else { strong = middle }
    }
    Some(plan(strong))
}

/// The configuration that does this, with everything else in the middle of its range; none where the spec
/// does not allow it.
fn configuration(spec: &CompressSpec, plan: &Plan) -> Option<Configuration> {
    let mut configuration = Configuration::new();
    let mut set = |name: &str, value: Value| configuration.set(name, value);
    let names: Vec<(&str, &Domain)> =
        spec.space().parameters().iter().map(|p| (&*p.name, &p.domain)).collect();
    let domain = |name: &str| names.iter().find(|(other, _)| *other == name).map(|(_, domain)| *domain);
    for ((SectionSpec { group, .. }, change), int8) in spec.sections.iter().zip(&plan.changes).zip(&plan.int8)
    {
        let (method, strength) = match change {
            Change::Keep => ("keep", None),
            Change::Prune { ratio } => ("prune", Some(("ratio", *ratio))),
            Change::LowRank { method, rank } => (method.name(), Some(("rank", *rank))),
        };
        let wanted = [Some(("method", Value::from(method))), strength.map(|(k, v)| (k, Value::Float(v)))];
        let precision = Value::from(if *int8 { "int8" } else { "fp32" });
        let precision = group.entry("precision").map(|_| ("precision", precision));
        for (key, value) in wanted.into_iter().chain([precision]).flatten() {
            let entry = group.entry(key)?;
            match (&entry.setting, domain(&entry.parameter)) {
                (Setting::Vary(_), Some(domain)) => set(&entry.parameter, nearest(domain, &value)?),
                (Setting::Fixed(fixed), _) if *fixed == value || key != "method" => {}
                _ => return None,
            }
        }
    }
    for (name, domain) in &names {
        let of_section = |section: &SectionSpec| section.group.entries.iter().any(|e| e.parameter == *name);
        if !spec.sections.iter().any(of_section) {
            set(name, middle(domain));
        }
    }
    // What is not active has no value.
    let active = spec.space().active(&configuration);
    let mut kept = Configuration::new();
    for (parameter, active) in spec.space().parameters().iter().zip(active) {
        if let Some(value) = configuration.get(&parameter.name).filter(|_| active) {
            kept.set(parameter.name.clone(), value.clone());
        }
    }
    spec.space().validate(&kept).ok()?;
    let preview = super::objective::preview(spec, &kept);
    preview.violation.is_none().then_some(kept)
}

/// The value of the domain that is nearest; none where it does not go so far.
fn nearest(domain: &Domain, value: &Value) -> Option<Value> {
    let wanted = value.as_f64();
    match domain {
        Domain::Float { low, high, step, .. } => {
            let value = wanted?.clamp(*low, *high);
            let value = step.map_or(value, |step| {
                let steps = ((value - low) / step).round();
                (low + steps * step).min(*high)
            });
            Some(Value::Float(value))
        }
        Domain::Int { low, high, .. } => Some(Value::Int((wanted?.round() as i64).clamp(*low, *high))),
        Domain::Categorical { choices, .. } => match wanted {
            Some(wanted) if !domain.contains(value) => {
                let distance = |v: &Value| v.as_f64().map_or(f64::INFINITY, |v| (v - wanted).abs());
                choices.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).cloned()
            }
            _ => domain.contains(value).then(|| value.clone()),
        },
    }
}

/// The middle of a range, on its own scale; the middle of ordered choices, the first of others.
fn middle(domain: &Domain) -> Value {
    let between = |low: f64, high: f64, log: bool| {
        if log { (low * high).sqrt() } else { (low + high) / 2.0 }
    };
    let value = match domain {
        Domain::Float { low, high, log, .. } => Value::Float(between(*low, *high, *log)),
        Domain::Int { low, high, log, .. } => {
            Value::Int(between(*low as f64, *high as f64, *log).round() as i64)
        }
        Domain::Categorical { choices, ordered } => {
            choices[if *ordered { (choices.len() - 1) / 2 } else { 0 }].clone()
        }
    };
    nearest(domain, &value).unwrap_or(value)
}
