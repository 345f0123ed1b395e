//! Ctrl-C: the first asks politely, the second ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code of an interrupted program: 128 + SIGINT, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

/// The flag that the first Ctrl-C (or SIGTERM) sets. A second one ends the process at once, after `last_words`; what is stored is
/// whole all the same.
pub(crate) fn install(last_words: impl Fn() + Send + 'static) -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&flag);
    let handler = move || {
        if shared.swap(true, Ordering::SeqCst) {
            last_words();
            std::process::exit(i32::from(INTERRUPTED));
        }
        eprintln!("stopping: what is finished is stored; Ctrl-C again ends at once");
    };
    // Without a handler Ctrl-C still ends the process, only less politely.
    drop(ctrlc::set_handler(handler));
    flag
}
