//! Which server a URL means, and who one is there.
//!
//! `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=...`, as libpq has it. What the URL leaves out
//! comes from `PGUSER`, `PGPASSWORD` and `PGSSLROOTCERT`; a password also from `PGPASSFILE` or `~/.pgpass`.
//! Nothing here shows a password: not [`Target::place`], not the `Debug` of it, no error.
//!
//! To a server on another machine the connection is encrypted and the server's certificate verified, unless
//! the URL says `sslmode=disable`. There is no mode that encrypts without verifying: for a server with a
//! certificate of one's own authority, `sslrootcert=FILE` names that.

use crate::storage::StorageError;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a trial stays its worker's without a heartbeat, unless the URL says so.
const LEASE: Duration = Duration::from_secs(60);

/// Where to connect, and as whom.
#[derive(Clone, PartialEq)]
pub(super) struct Target {
    pub(super) hosts: Vec<(String, u16)>,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) password: Option<String>,
    pub(super) encrypted: bool,
    pub(super) authority: Option<PathBuf>,
    pub(super) connect_timeout: Duration,
    pub(super) lease: Duration,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())
    }
}

/// The value of a variable of the environment.
type Variable = Box<dyn Fn(&str) -> Option<String>>;

/// What the environment says where the URL says nothing.
pub(super) struct Surroundings {
    pub(super) variable: Variable,
}

impl Surroundings {
    pub(super) fn real() -> Self {
        Self { variable: Box::new(|name| std::env::var(name).ok().filter(|value| !value.is_empty())) }
    }
}

fn bad(what: impl Into<String>) -> StorageError {
    StorageError::BadUrl { what: what.into() }
}

impl Target {
    /// Reads what follows `postgresql://`.
    ///
    /// # Errors
    /// [`StorageError::BadUrl`], without what may be a password.
    pub(super) fn parse(rest: &str, around: &Surroundings) -> Result<Self, StorageError> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').map_or((login, None), |(user, word)| (user, Some(word)));
        let mut user = Some(decoded(user)?).filter(|user| !user.is_empty());
        let mut password = password.map(decoded).transpose()?;
        let mut database = Some(decoded(path)?).filter(|database| !database.is_empty());
        let (mut mode, mut root) = (None, None);
        let (mut connect_timeout, mut lease) = (Duration::from_secs(10), LEASE);
        let mut hosts = hosts.to_owned();
        let mut port = None;
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let value = decoded(value)?;
            let seconds = |value: &str| match value.parse() {
                Ok(seconds) if (1..=86_400).contains(&seconds) => Ok(Duration::from_secs(seconds)),
                _ => Err(bad(format!(
                    "`{name}={value}` of the storage is no number of seconds from 1 to 86400"
                ))),
            };
            match name {
                "user" => user = Some(value),
                "password" => password = Some(value),
                "dbname" => database = Some(value),
                "host" => hosts = value,
                "port" => port = Some(value),
                "sslmode" => mode = Some(value),
                "sslrootcert" => root = Some(PathBuf::from(value)),
                "connect_timeout" => connect_timeout = seconds(&value)?,
                "lease" => lease = seconds(&value)?,
                // Drivers of other languages are told more, which changes nothing here.
                "application_name" | "target_session_attrs" | "client_encoding" => {}
                _ => {
                    return Err(bad(format!(
                        "`{name}` is no option of a PostgreSQL storage: sslmode, sslrootcert, connect_timeout, lease, \
                         host, port, user, password and dbname are"
                    )));
                }
            }
        }
        let user = user
            .or_else(|| (around.variable)("PGUSER"))
            .or_else(|| (around.variable)("USER"))
            .unwrap_or_else(|| "postgres".to_owned());
        let database = database.unwrap_or_else(|| user.clone());
        if hosts.is_empty() {
            "localhost".clone_into(&mut hosts);
        }
        let hosts: Vec<(String, u16)> =
            hosts.split(',').map(|host| place_of(host, port.as_deref())).collect::<Result<_, _>>()?;
        let near = hosts.iter().all(|(host, _)| is_near(host));
        let encrypted = match mode.as_deref() {
            None => !near,
            Some("disable") => false,
            Some("require" | "verify-ca" | "verify-full") => true,
            Some(mode @ ("prefer" | "allow")) => {
                let what = format!(
                    "`sslmode={mode}` goes without encryption where the server has none: say `verify-full`, or `disable`"
                );
                return Err(bad(what));
            }
            Some(mode) => {
                return Err(bad(format!("`sslmode={mode}` is none of disable, require and verify-full")));
            }
        };
        let password = password.or_else(|| (around.variable)("PGPASSWORD")).or_else(|| {
            let (host, port) = &hosts[0];
            let file = (around.variable)("PGPASSFILE").map(PathBuf::from);
            let home = || Some(PathBuf::from((around.variable)("HOME")?).join(".pgpass"));
            password_of(&file.or_else(home)?, host, *port, &database, &user)
        });
        let authority = root.or_else(|| (around.variable)("PGSSLROOTCERT").map(PathBuf::from));
        Ok(Self { hosts, user, database, password, encrypted, authority, connect_timeout, lease })
    }

    /// How long the server lets a statement wait for a lock: a small part of a lease, so that whoever is cut
    /// off notices early, and what it asked for does not happen long after.
    pub(super) fn lock_timeout(&self) -> Duration {
        (self.lease / 4).clamp(Duration::from_secs(5), Duration::from_secs(10))
    }

    /// For messages: who is where, without a password.
    pub(super) fn place(&self) -> String {
        let host = |(host, port): &(String, u16)| match host.starts_with('/') {
            true => format!("{}:{port}", host.replace('/', "%2F")),
            false if host.contains(':') => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        let hosts: Vec<String> = self.hosts.iter().map(host).collect();
        format!("postgresql://{}@{}/{}", self.user, hosts.join(","), self.database)
    }
}

/// The host and the port of `host`, `host:port` or `[address]:port`.
fn place_of(text: &str, port: Option<&str>) -> Result<(String, u16), StorageError> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, own) = match bracketed {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = own.or(port).filter(|port| !port.is_empty()).unwrap_or("5432");
    let number = port.parse().map_err(|_| bad(format!("`{port}` is no port of a server")))?;
    Ok((decoded(host)?, number))
}

/// Whether the host is this machine, so that nobody listens in between.
fn is_near(host: &str) -> bool {
    host.starts_with('/')
        || host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Text of a URL without its percent signs.
fn decoded(text: &str) -> Result<String, StorageError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digits =
                    std::str::from_utf8(&[*high, *low]).ok().and_then(|d| u8::from_str_radix(d, 16).ok());
                bytes.push(digits.ok_or_else(|| bad("the URL of the storage has a `%` that is no %XX"))?);
                rest = tail;
            }
            (b'%', _) => return Err(bad("the URL of the storage has a `%` that is no %XX")),
            (byte, tail) => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| bad("the URL of the storage is no UTF-8"))
}

/// The password that a file in the form of `~/.pgpass` has: `host:port:database:user:password`, of which `*`
/// stands for anything and a backslash makes the next character a plain one. A file that others may read is
/// left alone.
fn password_of(path: &Path, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).ok()?.permissions().mode();
        if mode & 0o077 != 0 {
            log::warn!("{} is not read, since others may read it: chmod 600", path.display());
            return None;
        }
    }
    let host = if host.starts_with('/') { "localhost" } else { host };
    let port = port.to_string();
    let wanted = [host, &port, database, user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let [rules @ .., password] = fields.as_slice() else { return None };
        let fits = |(rule, wanted): (&String, &&str)| rule == "*" || rule == wanted;
        (rules.len() == 4 && rules.iter().zip(&wanted).all(fits)).then(|| password.clone())
    })
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let last = fields.len() - 1;
        match character {
            '\\' => fields[last].extend(characters.next()),
            // Colons of the password are its own.
            ':' if fields.len() < 5 => fields.push(String::new()),
            other => fields[last].push(other),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(variables: &'static [(&'static str, &'static str)]) -> Surroundings {
        let find = move |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Surroundings { variable: Box::new(find) }
    }

    fn parse(rest: &str) -> Result<Target, String> {
        Target::parse(rest, &around(&[("USER", "me")])).map_err(|error| error.to_string())
    }

    #[test]
    fn urls_are_read_as_libpq_reads_them() {
        let target =
            parse("ann:s%3Acret%40@db.example.org:6543/st%2Fudies?lease=5&connect_timeout=3").unwrap();
        assert_eq!(target.hosts, [("db.example.org".to_owned(), 6543)]);
        assert_eq!((target.user.as_str(), target.database.as_str()), ("ann", "st/udies"));
        assert_eq!(target.password.as_deref(), Some("s:cret@"));
        assert_eq!((target.lease.as_secs(), target.connect_timeout.as_secs()), (5, 3));
        let bare = parse("").unwrap();
        assert_eq!(bare.place(), "postgresql://me@localhost:5432/me");
        let socket = parse("me@/studies?host=/var/run/postgresql&port=5433").unwrap();
        assert_eq!(socket.hosts, [("/var/run/postgresql".to_owned(), 5433)]);
        assert_eq!(parse("[::1]:1/d").unwrap().place(), "postgresql://me@[::1]:1/d");
        assert_eq!(parse("a:1,b/d").unwrap().place(), "postgresql://me@a:1,b:5432/d");
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_it_is_said() {
        for (url, encrypted) in [
            ("db.example.org/d", true),
            ("db.example.org/d?sslmode=disable", false),
            ("10.0.0.1/d?sslmode=require", true),
            ("localhost/d", false),
            ("127.0.0.1/d", false),
            ("localhost/d?sslmode=verify-full", true),
            ("localhost,db.example.org/d", true),
        ] {
            assert_eq!(parse(url).unwrap().encrypted, encrypted, "{url}");
        }
    }

    #[test]
    fn what_cannot_be_is_said_without_the_password() {
        for (url, what) in [
            ("u:hunter2@h:port/d", "`port` is no port of a server"),
            (
                "u:hunter2@h/d?sslmode=prefer",
                "`sslmode=prefer` goes without encryption where the server has none",
            ),
            ("u:hunter2@h/d?sslmode=on", "`sslmode=on` is none of disable, require and verify-full"),
            ("u:hunter2@h/d?pool=3", "`pool` is no option of a PostgreSQL storage"),
            ("u:hunter2@h/d?lease=0", "`lease=0` of the storage is no number of seconds from 1 to 86400"),
            ("u:hunter2%@h/d", "the URL of the storage has a `%` that is no %XX"),
        ] {
            let error = parse(url).unwrap_err();
            assert!(error.starts_with(what) && !error.contains("hunter2"), "{error}");
        }
        let target = parse("u:hunter2@h/d?password=hunter2").unwrap();
        assert!(!format!("{target:?} {}", target.place()).contains("hunter2"));
    }

    #[test]
    fn passwords_come_from_the_environment_or_a_file_that_nobody_else_can_read() {
        let find = |variables| Target::parse("u@h/d", &around(variables)).unwrap().password;
        assert_eq!(find(&[]), None);
        assert_eq!(find(&[("PGPASSWORD", "p")]).as_deref(), Some("p"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".pgpass");
        let text = "# h:*:*:*:no\nother:5432:d:u:no\nh:5432:*:u:a\\:b:c\\\\\nh:*:*:*:late\n";
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            mode(0o644);
            assert_eq!(password_of(&path, "h", 5432, "d", "u"), None, "others may read it");
            mode(0o600);
        }
        assert_eq!(password_of(&path, "h", 5432, "d", "u").as_deref(), Some("a:b:c\\"));
        assert_eq!(password_of(&path, "h", 5433, "d", "u").as_deref(), Some("late"));
        assert_eq!(password_of(&path, "g", 5432, "d", "u"), None);
    }
}
