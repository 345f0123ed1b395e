//! Heartbeats: a thread with a connection of its own says which trials are still worked on.
//!
//! It is a thread of the operating system, so an objective that does not let Python go cannot stop it. It
//! never raises: a server that is away is tried again, and a lease that is lost is noticed by whoever writes
//! next.

use super::connection::Session;
use super::target::Target;
use std::collections::HashSet;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Renewals are that many in the time that a lease lasts: three may fail.
const BEATS: u32 = 4;

/// The leases of one process on one server.
pub(super) struct Heart {
    target: Target,
    held: Arc<Mutex<HashSet<i64>>>,
    /// Keeps the thread alive: it ends when this is dropped.
    beating: Mutex<Option<Sender<()>>>,
}

impl Heart {
    pub(super) fn new(target: Target) -> Self {
        Self { target, held: Arc::default(), beating: Mutex::new(None) }
    }

    fn held(held: &Mutex<HashSet<i64>>) -> MutexGuard<'_, HashSet<i64>> {
        held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews the lease of a run from now on.
    pub(super) fn hold(&self, token: i64) {
        Self::held(&self.held).insert(token);
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

    /// Does so no longer.
    pub(super) fn release(&self, token: i64) {
        Self::held(&self.held).remove(&token);
    }
}

/// One beat. Nothing is waited for: a renewal that a crash of the server takes away is done again soon.
fn renew(session: &mut Session, held: &Mutex<HashSet<i64>>, lease: std::time::Duration) {
    let tokens: Vec<i64> = Heart::held(held).iter().copied().collect();
    if tokens.is_empty() {
        return;
    }
    // It is set and not added to, so that a clock that jumps does not make a lease that never ends.
    let sql = "WITH quiet AS (SELECT set_config('synchronous_commit', 'off', true))
               UPDATE lightcrest.trial SET lease = clock_timestamp() + make_interval(secs => $2) FROM quiet
               WHERE token = ANY($1) AND state = 'running' AND lease IS NOT NULL";
    match session.once(sql, &[&tokens, &lease.as_secs_f64()]) {
        Ok(Ok(_)) => {}
        Ok(Err(_)) => session.forget(),
        Err(error) => log::warn!("the leases of running trials could not be renewed: {error}"),
    }
}
