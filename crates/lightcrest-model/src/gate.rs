//! Who uses the cores: trainings share them, and a measurement has them alone.
//!
//! A training holds a [`Training`] permit while it computes: for one step, or for one batch of a validation.
//! Whoever measures waits until no permit is held, and while it waits, no new one is given. So a measurement
//! waits for one step at most, and never shares a core, its caches or its memory bandwidth with a training of
//! this process. A thread must not ask for anything while it holds a permit: it could wait for itself.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The gate of this process: the cores are there once, however many studies run on them.
pub(crate) static GATE: Gate = Gate::new();

/// Shared by trainings, alone for measurements.
#[derive(Debug)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Permits that trainings hold.
    training: usize,
    /// Measurements that wait.
    waiting: usize,
    measuring: bool,
}

/// A training computes as long as it lives.
#[must_use]
pub(crate) struct Training<'a>(&'a Gate);

/// A measurement runs as long as it lives.
#[must_use]
pub(crate) struct Measuring<'a>(&'a Gate);

impl Gate {
    const fn new() -> Self {
        let state = State { training: 0, waiting: 0, measuring: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// A permit to compute, as soon as nobody measures or waits to.
    pub(crate) fn train(&self) -> Training<'_> {
        let mut state = self.wait_while(|state| state.measuring || state.waiting > 0);
        state.training += 1;
        Training(self)
    }

    /// The cores alone, as soon as every permit was given back.
    pub(crate) fn measure(&self) -> Measuring<'_> {
        self.lock().waiting += 1;
        let mut state = self.wait_while(|state| state.measuring || state.training > 0);
        state.waiting -= 1;
        state.measuring = true;
        Measuring(self)
    }

    fn wait_while(&self, mut condition: impl FnMut(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_while(self.lock(), |state| condition(state));
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Training<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.training -= 1;
        if state.training == 0 {
            self.0.changed.notify_all();
        }
    }
}

impl Drop for Measuring<'_> {
    fn drop(&mut self) {
        self.0.lock().measuring = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn nothing_trains_while_something_is_measured() {
        let (gate, inside) = (Gate::new(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _permit = gate.train();
                        inside.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _alone = gate.measure();
                        for _ in 0..5 {
                            assert_eq!(inside.fetch_add(100, Ordering::SeqCst), 0, "somebody else computes");
                            std::thread::yield_now();
                            assert_eq!(
                                inside.fetch_sub(100, Ordering::SeqCst),
                                100,
                                "somebody else computes"
                            );
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn a_waiting_measurement_comes_before_the_next_step() {
        let (gate, order) = (Gate::new(), Mutex::new(vec![]));
        let until = |condition: &dyn Fn(&State) -> bool| {
            while !condition(&gate.lock()) {
                std::thread::yield_now();
            }
        };
        std::thread::scope(|scope| {
            let step = gate.train();
            scope.spawn(|| {
                let _alone = gate.measure();
                order.lock().unwrap().push("measured");
            });
            until(&|state| state.waiting == 1);
            let next = scope.spawn(|| {
                let _permit = gate.train();
                order.lock().unwrap().push("trained");
            });
            drop(step);
            next.join().unwrap();
        });
        assert_eq!(*order.lock().unwrap(), ["measured", "trained"]);
        assert_eq!(gate.lock().training, 0);
    }

    #[test]
    fn trainings_share_the_gate() {
        let gate = Gate::new();
        let (_one, _two) = (gate.train(), gate.train());
        assert_eq!(gate.lock().training, 2);
    }
}
