//! Single programs: there are no process groups, and nothing can be asked to end.

use std::io;
use std::path::Path;
use std::process::{Child, Command};

pub(super) const HOLDS_NUMBERS: bool = false;

pub(super) type Asked = ();

#[derive(Debug, Default)]
pub(super) struct System;

pub(super) fn lead(_: &mut Command) {}

pub(super) fn has_ended(_: u32) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn memory(_: &[()], _: u64) -> u64 {
    0
}

impl System {
    pub(super) fn new() -> Self {
        Self
    }

    pub(super) fn begin(&mut self, _: u32, _: &Path) {}

    pub(super) fn end(&mut self, _: u32) {}

    pub(super) fn look(&mut self) {}

    pub(super) fn members(&self, _: u32) -> Vec<()> {
        Vec::new()
    }

    /// There is no way to ask.
    pub(super) fn ask(&mut self, child: &mut Child, _: &mut Vec<Asked>) -> Vec<u32> {
        self.kill(child)
    }

    pub(super) fn kill(&mut self, child: &mut Child) -> Vec<u32> {
        match child.try_wait() {
            Ok(None) => {
                // It may just have ended.
                drop(child.kill());
                vec![child.id()]
            }
            _ => Vec::new(),
        }
    }

    /// The programs end with the console.
    pub(super) fn kill_all(&mut self) {}

    pub(super) fn suspend(&mut self) {}

    pub(super) fn resume(&mut self) {}
}
