//! Steps of pooling.

use lightcrest_graph::network::{Pool2d, PoolKind};

use super::{Executor, Source, Target};
use crate::kernel::pool::{GlobalAverage, GlobalAverageGradient, Pool, PoolGradient};
use crate::kernel::{Element, Machine};

impl<E: Element, M: Machine<E>> Executor<E, M> {
    pub(super) fn pool(&self, pool: &Pool2d, x: Source<'_, E>, y: Target<'_, E>) {
        self.machine.run(Pool {
            images: y.images,
            pool,
            maximum: pool.kind == PoolKind::Max,
            x: x.values,
            x_layout: x.layout,
            y: y.values,
            y_layout: y.layout,
        });
    }

    /// `x` is the input, for the maximum.
    pub(super) fn pool_gradient(
        &self,
        pool: &Pool2d,
        dy: Source<'_, E>,
        x: Option<Source<'_, E>>,
        dx: Target<'_, E>,
    ) {
        self.machine.run(PoolGradient {
            images: dx.images,
            pool,
            x: x.map(|x| (x.values, x.layout)),
            dy: dy.values,
            dy_layout: dy.layout,
            dx: dx.values,
            dx_layout: dx.layout,
            accumulate: dx.accumulate,
        });
    }

    pub(super) fn global_average(&self, x: Source<'_, E>, y: Target<'_, E>) {
        self.machine.run(GlobalAverage {
            images: y.images,
            x: x.values,
            x_layout: x.layout,
            y: y.values,
            y_layout: y.layout,
        });
    }

    pub(super) fn global_average_gradient(&self, dy: Source<'_, E>, dx: Target<'_, E>) {
        self.machine.run(GlobalAverageGradient {
            images: dx.images,
            dy: dy.values,
            dy_layout: dy.layout,
            dx: dx.values,
            dx_layout: dx.layout,
            accumulate: dx.accumulate,
        });
    }
}
