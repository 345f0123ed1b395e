//! A way to a server that loses an answer, or passes nothing on for a while.
#![allow(dead_code, reason = "each test that goes through it uses a part")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Passes bytes on between clients and a server on this machine.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    way: Arc<Way>,
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Asked,
    Answered,
}

/// What happens next.
#[derive(Default)]
struct State {
    /// How many answers are left until one is lost, and its connection cut; 0 for none.
    answers: usize,
    /// How many messages of both directions are left until nothing passes any more; 0 for none.
    messages: usize,
    /// Since when nothing passes.
    held: Option<Instant>,
    /// How often nothing passed: no answer finds back to connections from before the last time.
    holds: usize,
}

#[derive(Default)]
struct Way {
    state: Mutex<State>,
    changed: Condvar,
}

impl Way {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    fn hold(state: &mut State) {
        state.held = Some(Instant::now());
        state.holds += 1;
    }

    /// Waits until a message may pass; `None`: the connection is cut, `false`: the message is lost.
    fn passes(&self, direction: Direction, born: usize) -> Option<bool> {
        let mut state = self.state();
        if direction == Direction::Answered && state.answers > 0 {
            state.answers -= 1;
            if state.answers == 0 {
                return None;
            }
        }
        if state.messages > 0 {
            state.messages -= 1;
            if state.messages == 0 {
                Self::hold(&mut state);
                self.changed.notify_all();
            }
        }
        let state = self.changed.wait_while(state, |state| state.held.is_some()).expect("nobody panics");
        Some(direction == Direction::Asked || born == state.holds)
    }
}

impl Proxy {
    pub(crate) fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let way = Arc::new(Way::default());
        let ours = Arc::clone(&way);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // One that is stopped refuses.
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let copy = |stream: &TcpStream| stream.try_clone().expect("a copy");
                let (asked, answered) = ((copy(&client), copy(&server)), (server, client));
                let (there, back) = (Arc::clone(&ours), Arc::clone(&ours));
                let born = ours.state().holds;
                std::thread::spawn(move || pass(asked, &there, Direction::Asked, born));
                std::thread::spawn(move || pass(answered, &back, Direction::Answered, born));
            }
        });
        Self { port, way }
    }

    /// Loses the answer of that number, counted from 1, and cuts the connection that it was on.
    pub(crate) fn lose(&self, answer: usize) {
        self.way.state().answers = answer;
    }

    /// Whether that has happened.
    pub(crate) fn has_lost(&self) -> bool {
        self.way.state().answers == 0
    }

    /// Passes nothing on from now on.
    pub(crate) fn hold(&self) {
        Way::hold(&mut self.way.state());
    }

    /// Passes nothing on from the message of that number on, counted from 1, of both directions.
    pub(crate) fn hold_at(&self, message: usize) {
        self.way.state().messages = message;
    }

    /// Lets pass again, some time after it was held. What was asked meanwhile arrives late, but of what was
    /// connected before nobody gets an answer any more.
    pub(crate) fn let_pass_after(&self, pause: Duration) {
        let state = self.way.state();
        let state = self.way.changed.wait_while(state, |state| state.held.is_none()).expect("nobody panics");
        let over = state.held.expect("waited for") + pause;
        drop(state);
        std::thread::sleep(over.saturating_duration_since(Instant::now()));
        self.way.state().held = None;
        self.way.changed.notify_all();
    }
}

fn pass((mut from, mut to): (TcpStream, TcpStream), way: &Way, direction: Direction, born: usize) {
    let mut bytes = [0; 1 << 16];
    while let Ok(n) = from.read(&mut bytes) {
        if n == 0 {
            break;
        }
        match way.passes(direction, born) {
            None => break,
            Some(false) => {}
            Some(true) if to.write_all(&bytes[..n]).is_err() => break,
            Some(true) => {}
        }
    }
    // One that is closed already is what is wanted.
    [from, to].iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
}
