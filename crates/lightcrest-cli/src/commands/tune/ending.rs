//! How the processes of a trial are brought to an end: asked, then killed, then left behind.

use std::time::Duration;

/// How long to wait for processes that were killed. The system ends a process when it comes out of the
/// kernel; in there it may wait for ever, for a file server or the driver of a device.
const LAST: Duration = Duration::from_secs(30);
/// How soon the processes are looked at again: at first, and at most.
const LOOK: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(100)];

/// Processes that are to end.
pub(super) trait Processes {
    /// A clock.
    fn elapsed(&self) -> Duration;

    /// Asks those that live, each once; says which they are.
    fn ask(&mut self) -> Vec<u32>;

    /// Kills those that live; says which they are.
    fn kill(&mut self) -> Vec<u32>;
}

/// Processes that did not end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} did not end within {} s after SIGKILL: stuck in the kernel (a file server, a driver?), or not ours to kill; left behind",
    .pids.iter().map(|pid| format!("process {pid}")).collect::<Vec<_>>().join(", "),
    LAST.as_secs()
)]
pub(super) struct Left {
    /// Their numbers.
    pub(super) pids: Vec<u32>,
}

/// Asks processes to end, kills those that are left after the grace time, and gives up on what outlives even
/// that. `pause` waits, and may do something meanwhile.
///
/// # Errors
/// Those that are left.
pub(super) fn wind_down(
    processes: &mut impl Processes,
    grace: Duration,
    mut pause: impl FnMut(Duration),
) -> Result<(), Left> {
    let begun = processes.elapsed();
    let [mut look, longest] = LOOK;
    loop {
        let spent = processes.elapsed().saturating_sub(begun);
        let pids = if spent < grace { processes.ask() } else { processes.kill() };
        if pids.is_empty() {
            return Ok(());
        }
        if spent >= grace.saturating_add(LAST) {
            return Err(Left { pids });
        }
        pause(look.min(grace.saturating_sub(spent).max(LOOK[0])));
        look = (look * 2).min(longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Processes whose time passes as the test says.
    struct Mock<'a> {
        now: &'a Cell<Duration>,
        ends: fn(asked: Option<Duration>, killed: Option<Duration>, now: Duration) -> bool,
        asked: Option<Duration>,
        killed: Option<Duration>,
    }

    impl Mock<'_> {
        fn living(&self) -> Vec<u32> {
            if (self.ends)(self.asked, self.killed, self.now.get()) { vec![] } else { vec![77, 78] }
        }
    }

    impl Processes for Mock<'_> {
        fn elapsed(&self) -> Duration {
            self.now.get()
        }

        fn ask(&mut self) -> Vec<u32> {
            let living = self.living();
            self.asked.get_or_insert(self.now.get());
            living
        }

        fn kill(&mut self) -> Vec<u32> {
            let living = self.living();
            self.killed.get_or_insert(self.now.get());
            living
        }
    }

    fn end(
        ends: fn(Option<Duration>, Option<Duration>, Duration) -> bool,
    ) -> (Result<(), Left>, Duration, Option<Duration>) {
        let now = Cell::new(Duration::ZERO);
        let mut mock = Mock { now: &now, ends, asked: None, killed: None };
        let result = wind_down(&mut mock, Duration::from_secs(5), |time| now.set(now.get() + time));
        (result, now.get(), mock.killed)
    }

    #[test]
    fn who_ends_when_asked_is_not_killed() {
        let (result, time, killed) = end(|asked, _, now| asked.is_some_and(|at| now > at));
        assert!(result.is_ok() && killed.is_none() && time < Duration::from_millis(10));
    }

    #[test]
    fn who_does_not_is_killed_when_the_grace_is_over() {
        let (result, _, killed) = end(|_, killed, now| killed.is_some_and(|at| now > at));
        assert!(result.is_ok());
        assert_eq!(killed, Some(Duration::from_secs(5)));
    }

    #[test]
    fn a_wait_for_who_outlives_even_that_has_an_end() {
        let (result, time, _) = end(|_, _, _| false);
        let left = result.unwrap_err();
        assert_eq!(left.pids, [77, 78]);
        assert!(left.to_string().starts_with("process 77, process 78 did not end within 30 s"), "{left}");
        assert!(time >= Duration::from_secs(35) && time < Duration::from_secs(36));
    }
}
