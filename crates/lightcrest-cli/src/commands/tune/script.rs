//! Why a file that is there and executable cannot be run, from its first bytes.
//!
//! The system says "No such file or directory" of a script whose interpreter is missing, as it is after a
//! copy from Windows, and shells try to run a program for another machine as a script.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// As much of a file is looked at; the system looks at no more of its first line.
const FIRST: u64 = 256;

/// What is wrong with a file that ought to be a program; none if nothing is known to be.
pub(super) fn suspicion(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(FIRST).read_to_end(&mut bytes).ok()?;
    match &bytes[..] {
        [b'#', b'!', line @ ..] => of_script(path, line),
        [0x7f, b'E', b'L', b'F', ..] => of_elf(path, &bytes),
        [0xef, 0xbb, 0xbf, b'#', b'!', ..] => Some(format!(
            "{} begins with a byte order mark, behind which the system does not see its #! line; save it as UTF-8 without one",
            path.display()
        )),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Some(format!("{} is in UTF-16; save it as UTF-8", path.display()))
        }
        [b'M', b'Z', ..] if cfg!(unix) => Some(format!("{} is a program for Windows", path.display())),
        _ => None,
    }
}

/// What is wrong with the first line of a script, of which `#!` is cut off.
fn of_script(path: &Path, rest: &[u8]) -> Option<String> {
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = String::from_utf8_lossy(line);
    let shown = path.display();
    let first = format!("#!{}", text.trim_end());
    if text.ends_with('\r') {
        return Some(format!(
            "the first line of {shown}, `{first}`, ends with a carriage return, so its interpreter is not found; the file has \
             Windows line ends: `sed -i 's/\\r$//'` or dos2unix makes them Unix ones"
        ));
    }
    let mut words = text.split_whitespace();
    let interpreter = words.next()?;
    if !Path::new(interpreter).exists() {
        return Some(format!(
            "the interpreter that the first line of {shown} names, `{first}`, does not exist; install {interpreter} or correct the line"
        ));
    }
    if !super::program::is_executable(Path::new(interpreter)) {
        return Some(format!(
            "the interpreter that the first line of {shown} names, `{first}`, is not executable"
        ));
    }
    // `env` looks for the real interpreter.
    let name = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    let is_env = Path::new(interpreter).file_name().is_some_and(|name| name == "env");
    (is_env && find(name).is_none()).then(|| {
        format!("the interpreter that the first line of {shown} names, `{first}`, is in no folder of PATH; install {name} or correct the line")
    })
}

/// The program of this name in PATH, or at this path.
fn find(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut paths = std::env::split_paths(&folders).map(|folder| folder.join(name));
    paths.find(|path| super::program::is_executable(path))
}

/// The machine that a program was made for (ELF, `e_machine`), where this one has no emulator for others.
fn of_elf(path: &Path, bytes: &[u8]) -> Option<String> {
    let machine = bytes.get(18..20)?;
    let little = *bytes.get(5)? == 1;
    let machine = if little {
        u16::from_le_bytes([machine[0], machine[1]])
    } else {
        u16::from_be_bytes([machine[0], machine[1]])
    };
    let known: [(u16, &[&str], &str); 8] = [
        (3, &["x86", "x86_64"], "32-bit x86"),
        (21, &["powerpc64"], "PowerPC"),
        (22, &["s390x"], "S/390"),
        (40, &["arm", "aarch64"], "32-bit ARM"),
        (62, &["x86_64"], "x86-64"),
        (183, &["aarch64"], "64-bit ARM"),
        (243, &["riscv32", "riscv64"], "RISC-V"),
        (258, &["loongarch64"], "LoongArch"),
    ];
    let (_, runs_on, name) = known.iter().find(|(number, ..)| *number == machine)?;
    let emulated = || {
        let formats = std::fs::read_dir("/proc/sys/fs/binfmt_misc").into_iter().flatten().flatten();
        formats.filter(|entry| entry.file_name() != "register" && entry.file_name() != "status").count() > 0
    };
    (!runs_on.contains(&std::env::consts::ARCH) && !emulated()).then(|| {
        format!("{} is a program for {name}, and this machine is {}", path.display(), std::env::consts::ARCH)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(contents: &[u8]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train");
        std::fs::write(&path, contents).unwrap();
        suspicion(&path)
    }

    #[cfg(unix)]
    #[test]
    fn what_keeps_a_file_from_running_is_named() {
        let foreign = if cfg!(target_arch = "x86_64") { 22u8 } else { 62 };
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(64, 0);
        elf[18] = foreign;
        for (contents, said) in [
            (&b"#!/bin/sh\r\necho\r\n"[..], "Windows line ends"),
            (b"#!/usr/bin/env python3\r\n", "interpreter"),
            (b"#!/opt/no/such/python -u\n", "`#!/opt/no/such/python -u`, does not exist"),
            (b"#! /usr/bin/env no-such-python\n", "in no folder of PATH; install no-such-python"),
            (b"#!/usr/bin/env -S A=1 no-such-python -u\n", "install no-such-python"),
            (b"#!/etc/passwd\n", "is not executable"),
            (b"\xef\xbb\xbf#!/bin/sh\n", "byte order mark"),
            (b"\xff\xfe#\0!\0", "UTF-16"),
            (b"MZ\x90\0", "Windows"),
        ] {
            let found = of(contents);
            assert!(found.as_ref().is_some_and(|found| found.contains(said)), "{said}: {found:?}");
        }
        let emulated = std::fs::read_dir("/proc/sys/fs/binfmt_misc").is_ok_and(|formats| formats.count() > 2);
        assert!(emulated || of(&elf).is_some_and(|found| found.contains("is a program for")));
        for contents in [&b"#!/bin/sh\necho\n"[..], b"#!/usr/bin/env sh\n", b"echo\n", b"", b"#!"] {
            assert_eq!(of(contents), None);
        }
        assert_eq!(suspicion(&std::env::current_exe().unwrap()), None);
    }
}
