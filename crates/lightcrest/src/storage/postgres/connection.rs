//! The connection to a server, on a thread of its own.
//!
//! Whoever uses it blocks, so it cannot be used inside of an asynchronous runtime, and may wait for a network
//! that is dead. So it lives on a thread that is told what to do and is never waited for longer than whoever
//! asks likes: Ctrl-C is heard, and what takes long is left behind.
//!
//! All handles of one process on one server share one thread. A child that was forked has none of it, and
//! begins anew.

use super::failure::unreachable;
use super::session::{SLICE, Session};
use super::target::Target;
use crate::storage::{CallOff, StorageError};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What the thread is told to do.
type Job = Box<dyn FnOnce(&mut Session) + Send>;

/// A way to the thread of a server, for all who say the same of it.
pub(super) struct Server {
    jobs: Mutex<Sender<Job>>,
    pub(super) target: Target,
    pub(super) place: String,
    pub(super) process: u32,
    pub(super) heart: super::lease::Heart,
}

impl Server {
    /// That of this process, made if there is none yet. It connects when it is first asked something.
    pub(super) fn of(target: &Target) -> Arc<Self> {
        type Servers = (u32, Vec<Weak<Server>>);
        static SERVERS: Mutex<Servers> = Mutex::new((0, Vec::new()));
        let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if servers.0 != process {
            *servers = (process, Vec::new());
        }
        let mut known = servers.1.iter().filter_map(Weak::upgrade);
        if let Some(server) = known.find(|server| server.target == *target) {
            return server;
        }
        let (jobs, told) = mpsc::channel::<Job>();
        let session_of = target.clone();
        // Nobody joins it: it ends when nobody can tell it anything any more.
        let thread = std::thread::Builder::new().name("postgres".to_owned()).spawn(move || {
            let mut session = Session::new(session_of);
            while let Ok(job) = told.recv() {
                job(&mut session);
            }
        });
        drop(thread);
        let (place, target) = (target.place(), target.clone());
        let heart = super::lease::Heart::new(target.clone());
        let server = Arc::new(Self { jobs: Mutex::new(jobs), target, place, process, heart });
        servers.1.retain(|server| server.strong_count() > 0);
        servers.1.push(Arc::downgrade(&server));
        server
    }

    /// Lets the thread do something, and waits for it.
    ///
    /// # Errors
    /// What `work` gives; [`StorageError::CalledOff`] if whoever waits is called off.
    pub(super) fn call<T: Send + 'static>(
        &self,
        call_off: Option<&CallOff>,
        work: impl FnOnce(&mut Session) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (answer, answered) = mpsc::sync_channel(1);
        let job = Box::new(move |session: &mut Session| {
            // Whoever asked may be gone.
            answer.send(work(session)).ok();
        });
        if self.jobs.lock().unwrap_or_else(PoisonError::into_inner).send(job).is_err() {
            return Err(unreachable(&self.place, "its thread could not be started"));
        }
        loop {
            match answered.recv_timeout(SLICE) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Timeout) => {
                    if call_off.is_some_and(|call_off| call_off()) {
                        return Err(StorageError::CalledOff { place: self.place.clone() });
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(unreachable(&self.place, "its thread ended"));
                }
            }
        }
    }

    /// Lets the thread do something when it has time; nobody hears what came of it.
    pub(super) fn tell(&self, work: impl FnOnce(&mut Session) + Send + 'static) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).send(Box::new(work)).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::super::target::Surroundings;
    use super::*;

    #[test]
    fn a_connection_is_shared_by_those_who_say_the_same_of_it() {
        let around = Surroundings { variable: Box::new(|_| None) };
        let server = |rest: &str| Server::of(&Target::parse(rest, &around).unwrap());
        let one = server("u:a@h/d");
        assert!(Arc::ptr_eq(&one, &server("u:a@h/d")));
        for other in [
            "u@h/d",
            "u:b@h/d",
            "u:a@h/d?connect_timeout=3",
            "u:a@h/d?sslrootcert=own.pem",
            "u:a@h/d?sslmode=disable",
            "u:a@h/d?lease=5",
        ] {
            let server = server(other);
            assert!(!Arc::ptr_eq(&one, &server), "{other}");
        }
    }
}
