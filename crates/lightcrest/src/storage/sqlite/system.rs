//! What the operating system is asked beside SQLite: locks on single bytes of a file, and what kind of file
//! system a file lies on.

#[cfg(unix)]
pub(super) use unix::{lock_exclusive, lock_shared, locked_by_another, unlock};

/// The name of a network file system, by the number that `statfs` gives for it.
///
/// SQLite's locks and its shared memory do not work across the machines that see such a file. FUSE is not
/// among them: it may be anything, also a local disk.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "other systems do not tell"))]
fn network_file_system(magic: u64) -> Option<&'static str> {
    Some(match magic & 0xffff_ffff {
        0x6969 => "NFS",
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => "SMB",
        0x0bd0_0bd3 => "Lustre",
        0x4750_4653 => "GPFS",
        0x0102_1997 => "9P",
        0x0116_1970 => "GFS2",
        0x00c3_6400 => "Ceph",
        0x5346_414f => "AFS",
        0x1980_0202 => "BeeGFS",
        _ => return None,
    })
}

/// The network file system on which the folder lies, if it does.
#[cfg(target_os = "linux")]
pub(super) fn network_folder(folder: &std::path::Path) -> Option<&'static str> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(folder.as_os_str().as_bytes()).ok()?;
    let mut found = std::mem::MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the path ends with a zero, and `found` has room for what the call writes there.
    let result = unsafe { libc::statfs(path.as_ptr(), found.as_mut_ptr()) };
    if result != 0 {
        return None; // whoever opens the file will say why
    }
    // SAFETY: all zeros are a valid value of it, and the call has filled it.
    let magic = unsafe { found.assume_init() }.f_type;
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "the type differs by architecture")]
    network_file_system(magic as u64)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn network_folder(_folder: &std::path::Path) -> Option<&'static str> {
    None
}

#[cfg(unix)]
#[allow(clippy::useless_conversion, reason = "the type of these constants differs by system")]
mod unix {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;

    fn range(kind: libc::c_int, start: i64, length: i64) -> libc::flock {
        // SAFETY: all zeros are a valid value of this struct of numbers.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = kind as _;
        lock.l_whence = libc::SEEK_SET as _;
        lock.l_start = start as _;
        lock.l_len = length as _;
        lock
    }

    fn call(file: &File, command: libc::c_int, lock: &mut libc::flock) -> io::Result<()> {
        loop {
            // SAFETY: the descriptor is open, and these commands take a pointer to such a struct.
            if unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut *lock) } != -1 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    /// Takes bytes of the file for this process alone; fails if another one has them.
    pub(in super::super) fn lock_exclusive(file: &File, start: i64, length: i64) -> io::Result<()> {
        call(file, libc::F_SETLK, &mut range(libc::F_WRLCK.into(), start, length))
    }

    /// As [`lock_exclusive`], together with others.
    pub(in super::super) fn lock_shared(file: &File, start: i64, length: i64) -> io::Result<()> {
        call(file, libc::F_SETLK, &mut range(libc::F_RDLCK.into(), start, length))
    }

    pub(in super::super) fn unlock(file: &File, start: i64, length: i64) -> io::Result<()> {
        call(file, libc::F_SETLK, &mut range(libc::F_UNLCK.into(), start, length))
    }

    /// Whether another process has the byte.
    pub(in super::super) fn locked_by_another(file: &File, byte: i64) -> io::Result<bool> {
        let mut lock = range(libc::F_WRLCK.into(), byte, 1);
        call(file, libc::F_GETLK, &mut lock)?;
        Ok(i64::from(lock.l_type) != i64::from(libc::F_UNLCK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_numbers() {
        assert_eq!(network_file_system(0x6969), Some("NFS"));
        // As a 32-bit number with a sign, which some systems have.
        assert_eq!(network_file_system(i64::from(0xff53_4d42_u32 as i32) as u64), Some("SMB"));
        assert_eq!(network_file_system(0xef53), None, "ext4");
        assert_eq!(network_file_system(0x6573_5546), None, "FUSE");
        assert_eq!(network_folder(&std::env::temp_dir()), None, "tests run on a local disk");
    }
}
