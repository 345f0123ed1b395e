//! From a plan to its exact cost and to the model.
//!
//! The cost of a plan is asked for thousands of times, for every candidate that a sampler weighs, so no model
//! is made for it: which channels go is known from their ranking ([`Sizer`]), and the multiply-accumulates of
//! a layer are the numbers of its weight times the positions at which it is read.
//!
//! Conventions: parameters are all numbers in constants of numbers, a shared constant once for each reader. A
//! number takes 4 bytes. In a layer of int8 that of a weight takes 1, each of its outputs 8 more for the
//! scales of weights and bias, and what it reads and writes 5 each for scale and zero point; what layers
//! share is counted once for each, so that the file has a few bytes less or more.

use std::collections::{BTreeMap, HashMap, HashSet};

use lightcrest_graph::compress::decompose::Method;
use lightcrest_graph::compress::decompose::layer::recognize;
use lightcrest_graph::compress::decompose::method::{KernelShape, Positions};
use lightcrest_graph::compress::prune::{Importance, PruneConfig, SizedLayer, Sizer, Sizes, prune};
use lightcrest_graph::onnx::proto::NodeProto;
use lightcrest_graph::onnx::{Facts, Index, Model};

use super::error::CompressError;
use super::judge::Judge;
use super::outline::{Channels, Layer, LayerKind, Outline};
use super::plan::{Change, LowRank, Plan};
use super::section::Section;
use super::spec::CompressSpec;

/// Bytes of an output of a layer of int8: the scales of its weights and of its bias.
const OUTPUT_BYTES: u64 = 8;
/// Bytes of a value that a layer of int8 reads or writes: scale and zero point.
const VALUE_BYTES: u64 = 5;

/// What a plan costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanCost {
    /// Multiply-accumulates of one image.
    pub macs: u64,
    /// Numbers in constants.
    pub parameters: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// What became of a layer of the original.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerFate {
    /// Its name.
    pub name: String,
    /// Its operator.
    pub operator: String,
    /// Sizes of its output for one image.
    pub shape: String,
    /// Numbers of its weights, now.
    pub parameters: u64,
    /// Multiply-accumulates, now.
    pub macs: u64,
    /// Numbers of its weights in the original.
    pub parameters_before: u64,
    /// Multiply-accumulates in the original.
    pub macs_before: u64,
    /// `keep`, `prune`, or a low-rank method.
    pub method: &'static str,
    /// In words; empty where nothing was done.
    pub detail: String,
    /// Whether it is 8-bit integers.
    pub int8: bool,
}

/// What is known of a network before a plan is chosen.
#[derive(Debug, Clone)]
pub(super) struct Passes {
    sizer: Sizer,
    config: PruneConfig,
    /// As many as the sizer has layers.
    places: Vec<Place>,
}

/// Where a layer works.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    /// Times that each weight is multiplied for one image.
    positions: u64,
    /// What a decomposition reads and writes, and how often for one image; none for what stays whole.
    at: Option<(Positions, u64)>,
    kind: LayerKind,
    /// Height times width of the output.
    area: usize,
    /// Sizes of the output, without the batch.
    output: Vec<usize>,
    /// Whether the layer can have 8 bits.
    int8: bool,
}

/// A low-rank form of a layer.
#[derive(Debug, Clone, PartialEq)]
struct Form {
    method: Method,
    ranks: Vec<usize>,
    macs: u64,
    weights: u64,
}

/// A model under way.
#[derive(Debug, Clone)]
pub(super) struct Applied {
    pub(super) model: Model,
    pub(super) layers: Vec<LayerFate>,
    pub(super) notes: Vec<String>,
}

impl Passes {
    /// What is to be known of `model` when its input has these sizes; `int8` where layers may become so.
    ///
    /// # Errors
    /// [`CompressError::Method`].
    pub(super) fn new(
        model: &Model,
        input: (&str, Vec<usize>),
        config: PruneConfig,
        int8: bool,
    ) -> Result<Self, CompressError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| CompressError::Method {
            method: "the network cannot be analysed",
            source,
        };
        let sizer = Sizer::new(model, &config).map_err(|error| failed(error.into()))?;
        let batch = input.1[0].max(1);
        let sizes = HashMap::from([(input.0.to_owned(), input.1)]);
        let facts = Facts::infer_with(model, &sizes).map_err(|error| failed(error.into()))?;
        let (graph, index) = (model.graph(), Index::new(model.graph()));
        let int8 = if int8 { super::int8::possible(model) } else { HashSet::new() };
        let mut places = Vec::new();
        for layer in sizer.layers() {
            let unknown = |what: &str| {
                failed(format!("layer `{}`: the sizes of what it {what} are not known", layer.name).into())
            };
            // The sizer works on a model without constants as nodes: nodes are found by what they write.
            let at = graph.node.iter().position(|node| node.output.contains(&layer.output));
            let at = at.ok_or_else(|| unknown("is"))?;
            let node = &graph.node[at];
            let sizes = |name: Option<&str>| name.and_then(|name| facts.known_shape(name));
            let reads = sizes(node.input_name(0)).ok_or_else(|| unknown("reads"))?;
            let writes = sizes(Some(&layer.output)).ok_or_else(|| unknown("writes"))?;
            let found = recognize(model, &index, &facts, at).and_then(Result::ok);
            let int8 = int8.contains(&layer.name);
            places.push(Place { int8, ..Place::new(node, &reads, &writes, batch, found) });
        }
        Ok(Self { sizer, config, places })
    }

    /// The layers and groups, for whoever ties them.
    pub(super) fn outline(&self) -> Outline {
        let layer = |(layer, place): (&SizedLayer, &Place)| {
            let weights = self.sizer.weight(layer).iter().product::<usize>() as u64;
            Layer {
                name: layer.name.clone(),
                operator: layer.operator.clone(),
                kind: place.kind,
                macs: weights * place.positions,
                weights,
                group: layer.groups.first().copied(),
                area: Some(place.area),
                int8: place.int8,
            }
        };
        let groups = self.sizer.groups().iter().map(|group| Channels {
            free: true,
            writers: group.layers.len(),
            size: group.channels,
        });
        Outline {
            layers: self.sizer.layers().iter().zip(&self.places).map(layer).collect(),
            groups: groups.collect(),
        }
    }

    /// The share of each group that goes.
    fn ratios(&self, sections: &[&Section], plan: &Plan) -> Vec<f64> {
        let mut ratios = vec![0.0; self.sizer.groups().len()];
        for (section, change) in sections.iter().zip(&plan.changes) {
            if let Change::Prune { ratio } = change {
                section.groups.iter().for_each(|&group| ratios[group] = *ratio);
            }
        }
        ratios
    }

    /// What a plan costs.
    pub(super) fn cost(&self, sections: &[&Section], plan: &Plan) -> PlanCost {
        let (sizes, forms) = self.forms(sections, plan);
        let mut cost = PlanCost { parameters: sizes.parameters, ..Default::default() };
        let int8 = self.int8(sections, plan);
        let (mut weights, mut scales) = (0, 0);
        for ((((layer, place), dims), form), int8) in
            self.sizer.layers().iter().zip(&self.places).zip(&sizes.weights).zip(&forms).zip(int8)
        {
            let dense = dims.iter().product::<usize>() as u64;
            let (macs, own) = match form {
                Some(form) => (form.macs, form.weights),
                None => (dense * place.positions, dense),
            };
            cost.macs += macs;
            cost.parameters = cost.parameters - dense + own;
            if int8 {
                let (stages, inner) = form.as_ref().map_or((1, 0), Form::stages);
                weights += own;
                scales += OUTPUT_BYTES * (dims[layer.output_axis] as u64 + inner);
                scales += VALUE_BYTES * (stages + 1);
            }
        }
        cost.bytes = 4 * cost.parameters - 3 * weights + scales;
        cost
    }

    /// Whether each layer becomes 8-bit integers.
    fn int8(&self, sections: &[&Section], plan: &Plan) -> Vec<bool> {
        let mut int8 = vec![false; self.places.len()];
        for (section, _) in sections.iter().zip(&plan.int8).filter(|(_, int8)| **int8) {
            section.layers.iter().for_each(|&at| int8[at] = self.places[at].int8);
        }
        int8
    }

    /// Sizes under a plan, and the low-rank form of each layer that has one.
    fn forms(&self, sections: &[&Section], plan: &Plan) -> (Sizes, Vec<Option<Form>>) {
        let sizes = self.sizer.sizes(&self.ratios(sections, plan));
        let mut forms = vec![None; self.places.len()];
        for (section, change) in sections.iter().zip(&plan.changes) {
            let Change::LowRank { method, rank } = change else { continue };
            for &at in &section.layers {
                if self.places[at].kind.admits(method.name()) {
                    forms[at] = self.form(at, &sizes.weights[at], *method, *rank);
                }
            }
        }
        (sizes, forms)
    }

    /// The low-rank form of a layer whose weights have the sizes `dims`; none where it costs no less.
    fn form(&self, at: usize, dims: &[usize], method: LowRank, rank: f64) -> Option<Form> {
        let (layer, place) = (&self.sizer.layers()[at], &self.places[at]);
        let (positions, repeats) = place.at?;
        let shape = shape_of(layer, dims)?;
        let method = method.pass().on(shape);
        let part = |full: usize| ((full as f64 * rank).round() as usize).clamp(1, full);
        let ranks: Vec<usize> = method.full(shape).into_iter().map(part).collect();
        let (macs, weights) = method.cost(shape, &ranks, positions);
        let macs = macs * repeats;
        let dense = dims.iter().product::<usize>() as u64;
        (macs < dense * place.positions && weights < dense).then_some(Form { method, ranks, macs, weights })
    }

    /// The model of a plan, and what became of each layer.
    ///
    /// # Errors
    /// [`CompressError::Method`].
    pub(super) fn apply(
        &self,
        original: &Model,
        sections: &[&Section],
        plan: &Plan,
    ) -> Result<Applied, CompressError> {
        let ratios = self.ratios(sections, plan);
        let mut notes = Vec::new();
        let mut model = original.clone();
        if ratios.iter().any(|&ratio| ratio > 0.0) {
            let named =
                self.sizer.groups().iter().zip(&ratios).map(|(group, &ratio)| (group.name.clone(), ratio));
            let config = PruneConfig { ratios: named.collect(), ..self.config.clone() };
            let (cut, report) = prune(original, &config).map_err(|error| CompressError::Method {
                method: "cutting channels",
                source: error.into(),
            })?;
            notes.extend(report.warnings);
            model = cut;
        }
        let (_, forms) = self.forms(sections, plan);
        let chosen: Vec<(&str, &Form)> = self
            .sizer
            .layers()
            .iter()
            .zip(&forms)
            .filter_map(|(layer, form)| Some((layer.name.as_str(), form.as_ref()?)))
            .collect();
        if !chosen.is_empty() {
            model = super::low_rank::decompose(
                &model,
                chosen.iter().map(|(name, form)| (*name, form.method, form.ranks.as_slice())),
            )?;
        }
        let layers = self.fates(sections, plan);
        Ok(Applied { model, layers, notes })
    }

    /// The channels of the original that are left of what its layers write, by value.
    pub(super) fn kept(&self, sections: &[&Section], plan: &Plan) -> HashMap<String, Vec<usize>> {
        self.sizer.kept(&self.ratios(sections, plan))
    }

    /// What a plan makes of each layer.
    pub(super) fn fates(&self, sections: &[&Section], plan: &Plan) -> Vec<LayerFate> {
        let (sizes, forms) = self.forms(sections, plan);
        let int8 = self.int8(sections, plan);
        let before = self.sizer.sizes(&vec![0.0; self.sizer.groups().len()]);
        let layers = self.sizer.layers().iter().zip(&self.places).enumerate();
        let fate = |(at, (layer, place)): (usize, (&SizedLayer, &Place))| {
            let (old, new) = (&before.weights[at], &sizes.weights[at]);
            let numbers = |dims: &[usize]| dims.iter().product::<usize>() as u64;
            let mut output = place.output.clone();
            if let Some(channels) = output.iter_mut().find(|size| **size == old[layer.output_axis]) {
                *channels = new[layer.output_axis];
            }
            let mut fate = LayerFate {
                name: layer.name.clone(),
                operator: layer.operator.clone(),
                shape: output.iter().map(usize::to_string).collect::<Vec<_>>().join("x"),
                parameters: numbers(new),
                macs: numbers(new) * place.positions,
                parameters_before: numbers(old),
                macs_before: numbers(old) * place.positions,
                method: "keep",
                detail: String::new(),
                int8: int8[at],
            };
            if old != new {
                fate.method = "prune";
                fate.detail = cut(layer.input_axis, layer.output_axis, old, new);
            }
            if let Some(form) = &forms[at] {
                let ranks: Vec<String> = form.ranks.iter().map(usize::to_string).collect();
                let cut = std::mem::take(&mut fate.detail);
                fate.method = super::plan::name_of(form.method);
                fate.detail = [format!("rank {}", ranks.join(", ")), cut]
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
                    .join("; ");
                (fate.parameters, fate.macs) = (form.weights, form.macs);
            }
            fate
        };
        layers.map(fate).collect()
    }

    /// Sizes of the kernel of a layer as it is; none of one that stays whole.
    pub(super) fn shape(&self, at: usize) -> Option<KernelShape> {
        self.places[at].at?;
        let layer = &self.sizer.layers()[at];
        shape_of(layer, self.sizer.weight(layer))
    }

    /// Names of the layers, in the order of the network.
    pub(super) fn layer_names(&self) -> impl Iterator<Item = &str> {
        self.sizer.layers().iter().map(|layer| layer.name.as_str())
    }
}

impl Form {
    /// How many stages there are, and how many outputs those before the last have.
    fn stages(&self) -> (u64, u64) {
        let ranks = self.ranks.iter().sum::<usize>() as u64;
        match self.method {
            // Two depthwise stages more of the same rank.
            Method::Cp => (4, 3 * ranks),
            Method::Tucker => (3, ranks),
            Method::Svd | Method::Spatial => (2, ranks),
        }
    }
}

fn shape_of(layer: &SizedLayer, dims: &[usize]) -> Option<KernelShape> {
    let size = |axis: usize| dims.get(axis).copied().unwrap_or(1);
    let (out, input) = (dims[layer.output_axis], dims[layer.input_axis?]);
    Some(KernelShape { out, input, height: size(2), width: size(3) })
}

/// What went of a layer, in words.
fn cut(input: Option<usize>, output: usize, old: &[usize], new: &[usize]) -> String {
    let changed = |axis: usize, what: &str| {
        (old[axis] != new[axis]).then(|| format!("{} to {} {what}", old[axis], new[axis]))
    };
    let parts = [input.and_then(|axis| changed(axis, "inputs")), changed(output, "channels")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

impl Place {
    fn new(
        node: &NodeProto,
        reads: &[usize],
        writes: &[usize],
        batch: usize,
        found: Option<lightcrest_graph::compress::decompose::layer::Layer>,
    ) -> Self {
        let area = |sizes: &[usize]| sizes.get(2..).map_or(1, |sizes| sizes.iter().product::<usize>());
        let positions = match node.op_type.as_str() {
            "Conv" => area(writes),
            "ConvTranspose" => area(reads),
            // Rows of one image that the matrix is applied to.
            _ => (reads.iter().rev().skip(1).product::<usize>() / batch).max(1),
        };
        let kind = match &found {
            Some(layer) if layer.shape.height * layer.shape.width == 1 => LayerKind::Matrix,
            Some(_) => LayerKind::Window,
            None => LayerKind::Other,
        };
        let repeats = |layer: &lightcrest_graph::compress::decompose::layer::Layer| {
            (layer.positions, (layer.repeats / batch).max(1) as u64)
        };
        Self {
            positions: positions as u64,
            at: found.as_ref().map(repeats),
            kind,
            area: if matches!(node.op_type.as_str(), "Conv" | "ConvTranspose") { area(writes) } else { 1 },
            output: writes.get(1..).unwrap_or(&[]).to_vec(),
            int8: false,
        }
    }
}

/// How channels are ranked and rounded, as a spec says.
pub(super) fn prune_config(importance: Option<&str>, round_to: usize, keep: &[String]) -> PruneConfig {
    let importance = match importance {
        Some("l1") => Importance::L1,
        Some("fpgm") => Importance::Fpgm,
        Some("bn") => Importance::BatchNorm,
        _ => Importance::L2,
    };
    PruneConfig { importance, round_to, keep: keep.to_vec(), ratios: BTreeMap::new(), ..Default::default() }
}

impl Applied {
    /// Makes 8-bit integers of weights and activations, where that is their fate.
    ///
    /// # Errors
    /// [`CompressError::Method`].
    pub(super) fn quantize(&mut self, spec: &CompressSpec, judge: &Judge) -> Result<(), CompressError> {
        if self.layers.iter().any(|layer| layer.int8) {
            let feeds = super::repair::feeds(spec, judge, super::int8::IMAGES);
            self.model = super::int8::quantize(&self.model, &self.layers, &feeds)?;
        }
        Ok(())
    }
}
