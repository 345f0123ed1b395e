//! Where tensors lie: buffers are planned once and shared by tensors that live at different times.

use super::step::{PlanTensor, Stage};

/// Bytes that the tensors of a stage's chunk may take: what stays in a second-level cache.
const CACHE: usize = 1 << 20;

/// Chooses the chunk of every stage and the buffer of every tensor; returns the elements of each buffer.
pub(super) fn assign(
    tensors: &mut [PlanTensor],
    stages: &mut [Stage],
    batch: usize,
    element: usize,
    lanes: usize,
) -> Vec<usize> {
    let lives = lives(tensors.len(), stages);
    mark_first_writes(tensors, stages);
    for (tensor, life) in tensors.iter_mut().zip(&lives) {
        tensor.whole = life.is_some_and(|(first, last)| first != last);
    }
    for stage in stages.iter_mut() {
        let mut touched = vec![false; tensors.len()];
        for id in stage.steps.iter().flat_map(|step| step.reads.iter().chain(&step.write)) {
            touched[*id] = true;
        }
        let bytes: usize =
            (0..tensors.len()).filter(|&id| touched[id]).map(|id| tensors[id].layout.image() * element).sum();
        // even chunks: a last one of few images would waste the setup of every kernel
        let largest = (CACHE / bytes.max(1)).clamp(1, batch);
        stage.chunk = batch.div_ceil(batch.div_ceil(largest));
    }
    let mut buffers = whole_buffers(tensors, &lives, batch, lanes);
    let mut chunks: Vec<usize> = Vec::new();
    for stage in stages.iter() {
        chunk_buffers(tensors, stage, lanes, buffers.len(), &mut chunks);
    }
    buffers.extend(chunks);
    buffers
}

/// First and last stage that touches each tensor.
fn lives(count: usize, stages: &[Stage]) -> Vec<Option<(usize, usize)>> {
    let mut lives = vec![None; count];
    for (index, stage) in stages.iter().enumerate() {
        for id in stage.steps.iter().flat_map(|step| step.reads.iter().chain(&step.write)) {
            let (first, _) = lives[*id].unwrap_or((index, index));
            lives[*id] = Some((first, index));
        }
    }
    lives
}

fn mark_first_writes(tensors: &[PlanTensor], stages: &mut [Stage]) {
    let mut written = vec![false; tensors.len()];
    for step in stages.iter_mut().flat_map(|stage| &mut stage.steps) {
        if let Some(id) = step.write {
            step.clears_halo = !written[id] && tensors[id].layout.halo != (0, 0);
            written[id] = true;
        }
    }
}

/// Buffers of the tensors that outlive a stage.
fn whole_buffers(
    tensors: &mut [PlanTensor],
    lives: &[Option<(usize, usize)>],
    batch: usize,
    lanes: usize,
) -> Vec<usize> {
    let mut buffers: Vec<(usize, usize)> = Vec::new(); // elements, last stage in use
    let mut order: Vec<usize> = (0..tensors.len()).filter(|&id| tensors[id].whole).collect();
    order.sort_by_key(|&id| lives[id]);
    for id in order {
        let Some((first, last)) = lives[id] else { continue };
        let need = batch * tensors[id].layout.image() + lanes;
        let free = (0..buffers.len()).filter(|&b| buffers[b].1 < first);
        // the buffer whose size is nearest
        let buffer = match free.min_by_key(|&b| buffers[b].0.abs_diff(need)) {
            Some(buffer) => buffer,
            None => {
                buffers.push((0, 0));
                buffers.len() - 1
            }
        };
        buffers[buffer] = (buffers[buffer].0.max(need), last);
        tensors[id].buffer = buffer;
    }
    buffers.into_iter().map(|(elements, _)| elements).collect()
}

/// Buffers of the tensors of one stage; `sizes` are those of all stages so far, which the stage shares.
fn chunk_buffers(
    tensors: &mut [PlanTensor],
    stage: &Stage,
    lanes: usize,
    offset: usize,
    sizes: &mut Vec<usize>,
) {
    let last_use = |id: usize| {
        stage.steps.iter().rposition(|s| s.reads.contains(&id) || s.write == Some(id)).unwrap_or(0)
    };
    let mut busy_until: Vec<Option<usize>> = vec![None; sizes.len()];
    let mut placed = vec![];
    for (index, step) in stage.steps.iter().enumerate() {
        let Some(id) = step.write.filter(|&id| !tensors[id].whole) else { continue };
        if placed.contains(&id) {
            continue;
        }
        placed.push(id);
        let need = stage.chunk * tensors[id].layout.image() + lanes;
        let free = (0..sizes.len()).filter(|&b| busy_until[b].is_none_or(|until| until < index));
        let buffer = match free.min_by_key(|&b| sizes[b].abs_diff(need)) {
            Some(buffer) => buffer,
            None => {
                sizes.push(0);
                busy_until.push(None);
                sizes.len() - 1
            }
        };
        sizes[buffer] = sizes[buffer].max(need);
        busy_until[buffer] = Some(last_use(id));
        tensors[id].buffer = offset + buffer;
    }
}
