//! A throwaway server of PostgreSQL, from the binaries that are installed.
#![allow(dead_code, reason = "each test that starts one uses a part")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server that is gone when this is dropped, or when the process ends, however it does.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    binaries: PathBuf,
    port: u16,
    options: String,
    clock: Option<Clock>,
    /// Stops the server when the pipe to it is closed.
    guard: Option<Child>,
}

/// The clock of programs, which can jump.
pub(crate) struct Clock {
    library: PathBuf,
    /// Says by how much it is wrong.
    file: PathBuf,
}

impl Clock {
    /// A right one, with a file in a folder. `None` where libfaketime is not installed: then a line says so,
    /// and CI demands it.
    pub(crate) fn new(folder: &Path) -> Option<Self> {
        let folders = ["/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime"];
        let library = folders.iter().map(|folder| Path::new(folder).join("libfaketimeMT.so.1"));
        let Some(library) = library.into_iter().find(|library| library.exists()) else {
            assert!(std::env::var_os("CI").is_none(), "CI needs libfaketime: apt-get install libfaketime");
            eprintln!("not run: libfaketime is not installed (apt-get install libfaketime)");
            return None;
        };
        let clock = Self { library, file: folder.join("clock") };
        clock.jump("+0");
        Some(clock)
    }

    /// Lets it be wrong by so much from now on, as `+2h` or `-1d`.
    pub(crate) fn jump(&self, offset: &str) {
        std::fs::write(&self.file, format!("{offset}\n")).expect("writes");
    }

    /// A program goes by it, but for its monotonic clock, as no clock of a machine that is set does.
    pub(crate) fn give(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("FAKETIME_TIMESTAMP_FILE", &self.file);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}

/// Where `initdb` and the others are: the newest of Debian's folders, or one of the `PATH`.
fn binaries() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
        })
        .collect();
    versions.sort();
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path);
    let mut all = versions.into_iter().rev().map(|(_, folder)| folder).chain(folders);
    all.find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
}

/// The server refuses to run as root: the package's own user runs it then.
fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("`id` runs");
    output.stdout.trim_ascii() == b"0"
}

fn run(command: &mut Command) {
    let output = command.current_dir("/").stdin(Stdio::null()).output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Server {
    /// Starts one. `None` where PostgreSQL is not installed: then a line says so, and CI demands it.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(false)
    }

    /// Starts one of which the clock can [jump](Self::jump). `None` also where libfaketime is not installed.
    pub(crate) fn start_with_clock() -> Option<Self> {
        Self::start_with(true)
    }

    /// See [`Clock::jump`].
    pub(crate) fn jump(&self, offset: &str) {
        self.clock.as_ref().expect("it has a clock").jump(offset);
    }

    fn start_with(has_clock: bool) -> Option<Self> {
        let Some(binaries) = binaries() else {
            assert!(std::env::var_os("CI").is_none(), "CI needs PostgreSQL: apt-get install postgresql");
            eprintln!("not run: PostgreSQL is not installed (apt-get install postgresql)");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("lcpg").tempdir_in("/tmp").expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
        let socket = folder.path().display().to_string();
        // What a process that dies can lose is the same without fsync, and tests are much faster.
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={socket} -c fsync=off \
             -c shared_buffers=32MB -c max_connections=60"
        );
        let clock = if has_clock { Some(Clock::new(folder.path())?) } else { None };
        let mut server = Self { folder, binaries, port, options, clock, guard: None };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(server.folder.path()));
        }
        let data = server.data();
        run(server.command("initdb").arg("-D").arg(&data).args([
            "-U",
            "lightcrest",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
        ]));
        server.go_on();
        let stop = server.control(&["-m", "immediate", "stop"]);
        let words = std::iter::once(stop.get_program()).chain(stop.get_args());
        let words: Vec<String> = words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
        let script = format!("cat > /dev/null; exec {}", words.join(" "));
        let mut guard = Command::new("sh");
        guard.args(["-c", &script]).current_dir("/").stdin(Stdio::piped());
        guard.stdout(Stdio::null()).stderr(Stdio::null());
        server.guard = Some(guard.spawn().expect("`sh` runs"));
        Some(server)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of PostgreSQL, run as whoever may.
    fn command(&self, name: &str) -> Command {
        let program = self.binaries.join(name);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    }

    fn control(&self, words: &[&str]) -> Command {
        let mut command = self.command("pg_ctl");
        command.arg("-D").arg(self.data()).args(["-w", "-t", "60"]).args(words);
        command
    }

    /// Stops it as a crash does: nothing is written any more.
    pub(crate) fn crash(&self) {
        run(&mut self.control(&["-m", "immediate", "stop"]));
    }

    /// Starts it (again).
    pub(crate) fn go_on(&self) {
        let log = self.folder.path().join("log");
        let log = log.to_str().expect("it is text");
        // Its output must not be a pipe: the server would keep it open.
        let mut start = self.control(&["-l", log, "-o", &self.options, "start"]);
        if let Some(clock) = &self.clock {
            clock.give(&mut start);
        }
        start.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = start.status().expect("it runs");
        assert!(status.success(), "{}", std::fs::read_to_string(log).unwrap_or_default());
    }

    /// Starts it again with a certificate for `localhost` of a new authority; the file of that one.
    pub(crate) fn encrypt(&mut self) -> PathBuf {
        let openssl = |words: &str| {
            let mut command = Command::new("openssl");
            let output = command.args(words.split(' ')).current_dir(self.folder.path()).output();
            let output = output.expect("`openssl` runs");
            assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        };
        let extensions = "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n";
        std::fs::write(self.folder.path().join("extensions"), extensions).expect("writes");
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"));
        openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"));
        openssl(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions \
             -out server.pem",
        );
        let path = |name: &str| self.folder.path().join(name);
        run(Command::new("chmod").arg("600").arg(path("server.key")));
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(path("server.key")));
        }
        let file = |name: &str| path(name).display().to_string();
        self.options += &format!(
            " -c ssl=on -c ssl_cert_file={} -c ssl_key_file={}",
            file("server.pem"),
            file("server.key")
        );
        self.crash();
        self.go_on();
        self.folder.path().join("ca.pem")
    }

    /// A new database of that name; its URL.
    pub(crate) fn database(&self, name: &str) -> String {
        let socket = self.folder.path();
        let mut create = self.command("createdb");
        create.arg("-h").arg(socket).args(["-p", &self.port.to_string(), "-U", "lightcrest", name]);
        run(&mut create);
        format!("postgresql://lightcrest@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs SQL as the owner of everything.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let socket: &Path = self.folder.path();
        let mut psql = self.command("psql");
        psql.arg("-h").arg(socket).args(["-p", &self.port.to_string(), "-U", "lightcrest", "-qAtX"]);
        psql.args(["-v", "ON_ERROR_STOP=1", "-c", sql, database]).current_dir("/");
        let output = psql.output().expect("it runs");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            guard.wait().ok();
        }
    }
}
