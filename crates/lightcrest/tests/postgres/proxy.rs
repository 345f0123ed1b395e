//! A way to a server that loses one of its answers.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Passes bytes on between clients and a server on this machine.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    left: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let left = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&left);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(("127.0.0.1", server)).expect("the server listens");
                let copy = |stream: &TcpStream| stream.try_clone().expect("a copy");
                let (asked, answered) = ((copy(&client), copy(&server)), (server, client));
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || pass(asked.0, asked.1, || true));
                std::thread::spawn(move || pass(answered.0, answered.1, || is_passed(&counter)));
            }
        });
        Self { port, left }
    }

    /// Loses the answer of that number, counted from 1, and cuts the connection that it was on.
    pub(crate) fn lose(&self, answer: usize) {
        self.left.store(answer, Ordering::SeqCst);
    }

    /// Whether that has happened.
    pub(crate) fn has_lost(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

fn is_passed(left: &AtomicUsize) -> bool {
    let before = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    before != Ok(1)
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut passes: impl FnMut() -> bool) {
    let mut bytes = [0; 1 << 16];
    while let Ok(n) = from.read(&mut bytes) {
        if n == 0 || !passes() || to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    // One that is closed already is what is wanted.
    [from, to].iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
}
