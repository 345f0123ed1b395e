//! Normalisations.

use super::super::{Affine, BatchNorm, GroupNorm, LayerNorm, LocalNorm, Op};
use super::Importer;
use super::node::name_of;
use super::view::View;
use super::weight::Constant;
use crate::onnx::Array;

impl Importer<'_> {
    pub(super) fn batch_norm(&mut self, at: usize) -> Result<View, String> {
        let x = self.channels_first(at, 0)?;
        let node = &self.model.graph().node[at];
        if node.int_or("training_mode", 0) == 1 {
            return Err("it is in training mode".into());
        }
        let channels = self.network.shape(x.node).channels;
        let momentum = 1.0 - f64::from(node.float_or("momentum", 0.9));
        let epsilon = f64::from(node.float_or("epsilon", 1e-5));
        // f32 knows 0.9 to seven digits, and so the rest
        let momentum = (momentum * 1e6).round() / 1e6;
        let y =
            self.push(name_of(node), Op::BatchNorm(BatchNorm { channels, epsilon, momentum }), &[x.node])?;
        let path = self.network.nodes()[y].name.clone();
        for (slot, role) in [(1, "weight"), (2, "bias"), (3, "running_mean"), (4, "running_var")] {
            let (value, array) = self.constant(at, slot, role)?;
            self.load(&format!("{path}.{role}"), &Constant { value: &value, array: &array }, vec![channels])?;
        }
        Ok(x.of(y))
    }

    pub(super) fn layer_norm(&mut self, at: usize) -> Result<View, String> {
        let x = self.view(at, 0)?;
        let x = self.plain(&x)?;
        let node = &self.model.graph().node[at];
        let axis = node.int_or("axis", -1);
        let last = axis == -1 || axis == x.rank() as i64 - 1;
        let channels = self.network.shape(x.node).channels;
        if !last || x.channel_axis() != Some(x.rank() - 1) {
            return Err("only the normalisation over channels, last, is understood".into());
        }
        let epsilon = f64::from(node.float_or("epsilon", 1e-5));
        let bias = node.input_name(2).is_some();
        let y = self.push(name_of(node), Op::LayerNorm(LayerNorm { channels, epsilon, bias }), &[x.node])?;
        let path = self.network.nodes()[y].name.clone();
        for (slot, role) in [(1, "weight"), (2, "bias")].into_iter().take(1 + usize::from(bias)) {
            let (value, array) = self.constant(at, slot, role)?;
            self.load(&format!("{path}.{role}"), &Constant { value: &value, array: &array }, vec![channels])?;
        }
        Ok(x.of(y))
    }

    pub(super) fn local_norm(&mut self, at: usize) -> Result<View, String> {
        let x = self.channels_first(at, 0)?;
        let node = &self.model.graph().node[at];
        let norm = LocalNorm {
            size: usize::try_from(node.int_or("size", 0)).unwrap_or(0),
            alpha: node.float_or("alpha", 1e-4).into(),
            beta: node.float_or("beta", 0.75).into(),
            offset: node.float_or("bias", 1.0).into(),
        };
        Ok(x.of(self.push(name_of(node), Op::LocalNorm(norm), &[x.node])?))
    }

    /// `InstanceNormalization` of maps, or of groups of channels that a reshape laid in a row each, as
    /// exporters write group normalisation.
    pub(super) fn instance_norm(&mut self, at: usize) -> Result<View, String> {
        let view = self.view(at, 0)?;
        let node = &self.model.graph().node[at];
        let epsilon = f64::from(node.float_or("epsilon", 1e-5));
        let (scale, shift) = (self.constant(at, 1, "scale")?, self.constant(at, 2, "shift")?);
        let shape = self.network.shape(view.node);
        if view.is_channels_first(shape) {
            let norm = GroupNorm { groups: shape.channels, epsilon };
            return self.scaled(at, &view, norm, scale, shift);
        }
        let map = View::map(view.node, shape);
        let groups = view.sizes().get(1).copied().unwrap_or(0);
        let rows = map.reshaped(&[1, groups, shape.len() / groups.max(1)]);
        if view.rank() != 3 || rows.as_ref() != Some(&view) || !shape.channels.is_multiple_of(groups.max(1)) {
            return Err("only channels of a map are normalised, or groups of them in a row each".into());
        }
        let all = |array: &Array, value: f32| array.as_f32().is_some_and(|v| v.iter().all(|&v| v == value));
        if !all(&scale.1, 1.0) || !all(&shift.1, 0.0) {
            return Err("groups of channels have a scale or a shift of their own".into());
        }
        let y = self.push(name_of(node), Op::GroupNorm(GroupNorm { groups, epsilon }), &[view.node])?;
        Ok(view.of(y))
    }

    /// `GroupNormalization` with a scale for every channel, as since opset 21.
    pub(super) fn group_norm(&mut self, at: usize) -> Result<View, String> {
        let x = self.channels_first(at, 0)?;
        let node = &self.model.graph().node[at];
        let groups = usize::try_from(node.int_or("num_groups", 0)).unwrap_or(0);
        let epsilon = f64::from(node.float_or("epsilon", 1e-5));
        let (scale, shift) = (self.constant(at, 1, "scale")?, self.constant(at, 2, "shift")?);
        self.scaled(at, &x, GroupNorm { groups, epsilon }, scale, shift)
    }

    /// A normalisation with a scale and a shift for every channel.
    fn scaled(
        &mut self,
        at: usize,
        x: &View,
        norm: GroupNorm,
        scale: (String, Array),
        shift: (String, Array),
    ) -> Result<View, String> {
        let channels = self.network.shape(x.node).channels;
        if scale.1.len() != channels || shift.1.len() != channels {
            let found = scale.1.len();
            return Err(format!("it has {found} scales, and {channels} channels need one each"));
        }
        let name = name_of(&self.model.graph().node[at]);
        let y = self.push(&format!("{name}/norm"), Op::GroupNorm(norm), &[x.node])?;
        let affine = Affine { channels, weight: true, bias: true, trained: true };
        let y = self.push(name, Op::Affine(affine), &[y])?;
        let path = self.network.nodes()[y].name.clone();
        for (role, (value, array)) in [("weight", &scale), ("bias", &shift)] {
            self.load(&format!("{path}.{role}"), &Constant { value, array }, vec![channels])?;
        }
        Ok(x.of(y))
    }
}
