//! A throwaway server of PostgreSQL, from the binaries that are installed.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::process::quiet;

/// A server that is stopped when this is dropped.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    binaries: PathBuf,
    port: u16,
}

impl Server {
    /// Starts one, with the settings that PostgreSQL has by itself. `None` where it is not installed.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start() -> Result<Option<Self>, String> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders =
            versions.map(|version| version.path().join("bin")).chain(std::env::split_paths(&path));
        let Some(binaries) = folders.find(|folder| folder.join("initdb").exists()) else { return Ok(None) };
        let failed = |e: std::io::Error| e.to_string();
        let folder = tempfile::Builder::new().prefix("lcpg").tempdir_in("/tmp").map_err(failed)?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(failed)?.port();
        let server = Self { folder, binaries, port };
        if is_root() {
            quiet(Command::new("chown").arg("postgres").arg(server.folder.path()))?;
        }
        let data = server.folder.path().join("data");
        let words = ["-U", "lightcrest", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"];
        quiet(server.command("initdb").arg("-D").arg(data).args(words))?;
        let (socket, log) = (server.folder.path().display(), server.folder.path().join("log"));
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={socket} -c max_connections=60"
        );
        quiet(server.control().arg("-l").arg(log).args(["-o", &options, "start"]))?;
        Ok(Some(server))
    }

    /// A program of PostgreSQL. It refuses to run as root: the package's own user runs it then.
    fn command(&self, name: &str) -> Command {
        let program = self.binaries.join(name);
        let mut command = Command::new(if is_root() { "runuser".as_ref() } else { program.as_os_str() });
        if is_root() {
            command.args(["-u", "postgres", "--"]).arg(program);
        }
        // Where it may not look, it complains.
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    fn control(&self) -> Command {
        let mut command = self.command("pg_ctl");
        command.arg("-D").arg(self.folder.path().join("data")).args(["-w", "-t", "60"]);
        command
    }

    /// A new database of that name; its URL.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn database(&self, name: &str) -> Result<String, String> {
        let mut create = self.command("createdb");
        create.arg("-h").arg(self.folder.path()).args([
            "-p",
            &self.port.to_string(),
            "-U",
            "lightcrest",
            name,
        ]);
        quiet(&mut create)?;
        Ok(format!("postgresql://lightcrest@127.0.0.1:{}/{name}", self.port))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        quiet(self.control().args(["-m", "immediate", "stop"])).ok();
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
