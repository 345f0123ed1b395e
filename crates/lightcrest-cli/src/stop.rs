//! Signals: the first Ctrl-C asks politely, the second ends at once, and Ctrl-Z stops the programs of a run
//! as well.
//!
//! A signal that the program inherits as ignored stays ignored: SIGHUP under `nohup`, SIGINT and SIGQUIT of
//! what a script starts in the background. Whoever started it so wants it to outlive the terminal.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::error::INTERRUPTED;

/// What runs on behalf of this program where the signals of the terminal do not reach it.
pub(crate) trait Programs: Send + Sync {
    /// Kills all of it, and lets nothing new begin: this program is about to exit.
    fn kill(&self);

    /// Stops it until [`resume`](Self::resume), and lets nothing new begin until then.
    fn suspend(&self);

    /// Lets it go on.
    fn resume(&self);
}

/// The flag that the first Ctrl-C, SIGTERM or SIGHUP sets. A second one ends the process at once, with its
/// programs; what is stored is whole all the same.
pub(crate) fn install(programs: Option<Arc<dyn Programs>>) -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    // Without handlers Ctrl-C still ends the process, only less politely.
    drop(system::listen(Arc::clone(&flag), programs));
    flag
}

/// Asks to end; `false` when that was asked before.
fn ask(flag: &AtomicBool) -> bool {
    let first = !flag.swap(true, std::sync::atomic::Ordering::SeqCst);
    if first {
        crate::terminal::tell("stopping: what is finished is stored; Ctrl-C again ends at once");
    }
    first
}

fn leave(programs: Option<&Arc<dyn Programs>>) -> ! {
    if let Some(programs) = programs {
        programs.kill();
    }
    std::process::exit(i32::from(INTERRUPTED));
}

#[cfg(unix)]
mod system {
    use std::io;
    use std::mem::MaybeUninit;
    use std::ptr::null;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::thread;
    use std::time::{Duration, Instant};

    use libc::{SIG_IGN, SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, c_int};
    use rustix::process::{Signal, getpid, kill_process};
    use signal_hook::iterator::Signals;

    use super::{Programs, ask, leave};

    /// `timeout` sends SIGTERM to the process and to its group, a terminal that is closed SIGHUP and more:
    /// together they ask once.
    const TOGETHER: Duration = Duration::from_secs(1);

    /// Whether the process was started with the signal ignored.
    fn is_ignored(signal: c_int) -> bool {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: without a new action the call only writes the present one to `action`, which has room for
        // it; all zeros are a valid value of it, should the call fail.
        let action = unsafe {
            libc::sigaction(signal, null(), action.as_mut_ptr());
            action.assume_init()
        };
        action.sa_sigaction == SIG_IGN
    }

    /// Handles signals in a thread of their own.
    pub(super) fn listen(flag: Arc<AtomicBool>, programs: Option<Arc<dyn Programs>>) -> io::Result<()> {
        let mut wanted = vec![SIGINT, SIGTERM, SIGHUP];
        // What has no programs is stopped well enough by the system.
        wanted.extend(programs.iter().flat_map(|_| [SIGTSTP, SIGCONT]));
        wanted.retain(|signal| !is_ignored(*signal));
        let mut signals = Signals::new(wanted)?;
        let work = move || {
            let mut asked = None;
            loop {
                let arrived: Vec<c_int> = signals.wait().collect();
                for signal in &arrived {
                    match (*signal, &programs) {
                        (SIGCONT, Some(programs)) => programs.resume(),
                        // Whoever lets it go on in the same moment has the last word.
                        (SIGTSTP, Some(programs)) if !arrived.contains(&SIGCONT) => suspend(&**programs),
                        (SIGTSTP, _) => {}
                        _ if ask(&flag) => asked = Some(Instant::now()),
                        (SIGINT, programs) => leave(programs.as_ref()),
                        (SIGTERM, programs) if asked.is_none_or(|at| at.elapsed() > TOGETHER) => {
                            leave(programs.as_ref());
                        }
                        _ => {}
                    }
                }
            }
        };
        thread::Builder::new().name("signals".into()).spawn(work).map(drop)
    }

    /// Stops the programs, then this one; SIGCONT will tell when it goes on.
    fn suspend(programs: &dyn Programs) {
        programs.suspend();
        // The process may always signal itself.
        let _ = kill_process(getpid(), Signal::STOP);
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::{Programs, ask, leave};

    pub(super) fn listen(flag: Arc<AtomicBool>, programs: Option<Arc<dyn Programs>>) -> io::Result<()> {
        let handler = move || {
            if !ask(&flag) {
                leave(programs.as_ref());
            }
        };
        ctrlc::set_handler(handler).map_err(io::Error::other)
    }
}
