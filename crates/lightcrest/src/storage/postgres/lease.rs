//! Heartbeats: a thread with a connection of its own says which trials are still worked on.
//!
//! It is a thread of the operating system, so an objective that does not let Python go cannot stop it. It
//! never raises: a server that is away is tried again, and a lease that is lost is noticed by whoever writes
//! next. A worker that cannot be [sure](Heart::is_sure) of its lease asks before it goes on.

use super::session::Session;
use super::target::Target;
use std::collections::HashMap;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Renewals are that many in the time that a lease lasts: three may fail.
const BEATS: u32 = 4;

/// When the lease of each run was last renewed, by the clock of this machine.
type Held = HashMap<i64, Instant>;

/// The leases of one process on one server.
pub(super) struct Heart {
    target: Target,
    held: Arc<Mutex<Held>>,
    /// Keeps the thread alive: it ends when this is dropped.
    beating: Mutex<Option<Sender<()>>>,
}

impl Heart {
    pub(super) fn new(target: Target) -> Self {
        Self { target, held: Arc::default(), beating: Mutex::new(None) }
    }

    fn held(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
        held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews the lease of a run from now on.
    pub(super) fn hold(&self, token: i64) {
        Self::held(&self.held).entry(token).or_insert_with(Instant::now);
        let mut beating = self.beating.lock().unwrap_or_else(PoisonError::into_inner);
        if beating.is_none() {
            let (alive, ended) = mpsc::channel();
            let (target, held) = (self.target.clone(), Arc::clone(&self.held));
            let beat = move || {
                let pause = target.lease / BEATS;
                let mut session = Session::new(target);
                while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    renew(&mut session, &held, pause * BEATS);
                }
            };
            // Without it leases end early, and whoever is late is told.
            if std::thread::Builder::new().name("heartbeat".to_owned()).spawn(beat).is_ok() {
                *beating = Some(alive);
            }
        }
    }

    /// Whether the run is this worker's for certain: its lease was renewed in half the time that it lasts.
    pub(super) fn is_sure(&self, token: i64) -> bool {
        let held = Self::held(&self.held);
        held.get(&token).is_some_and(|renewed| renewed.elapsed() < self.target.lease / 2)
    }

    /// Does so no longer.
    pub(super) fn release(&self, token: i64) {
        Self::held(&self.held).remove(&token);
    }
}

/// One beat. Nothing is waited for: a renewal that a crash of the server takes away is done again soon.
fn renew(session: &mut Session, held: &Mutex<Held>, lease: std::time::Duration) {
    let tokens: Vec<i64> = Heart::held(held).keys().copied().collect();
    if tokens.is_empty() {
        return;
    }
    // It is set and not added to, so that a clock that jumps does not make a lease that never ends.
    let sql = "WITH quiet AS (SELECT set_config('synchronous_commit', 'off', true))
               UPDATE lightcrest.trial SET lease = clock_timestamp() + make_interval(secs => $2) FROM quiet
               WHERE token = ANY($1) AND state = 'running' AND lease IS NOT NULL RETURNING token";
    let begun = Instant::now();
    match session.once(sql, &[&tokens, &lease.as_secs_f64()]) {
        Ok(Ok(rows)) => {
            let mut held = Heart::held(held);
            for row in rows {
                if let Some(renewed) = held.get_mut(&row.get::<_, i64>(0)) {
                    *renewed = begun;
                }
            }
        }
        Ok(Err(_)) => session.forget(),
        Err(error) => log::warn!("the leases of running trials could not be renewed: {error}"),
    }
}
