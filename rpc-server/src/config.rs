//! The configuration of a server: where it listens, who may come, and its [`Limits`].
//!
//! It is put together from its defaults, a file, environment variables and the builder, each of which changes what those before
//! it have set. One table of settings drives reading, listing and printing.

mod setting;

use std::{fmt, fs, net::IpAddr, path::Path, time::Duration};

use trunkline_core::ConfigError;
use trunkline_peer::Expiry;

use self::setting::{ENV, SETTINGS, Setting, known};
use crate::{builder::Heartbeat, limits::Limits};

/// How a server is configured; see [`ServerBuilder::config`](crate::ServerBuilder::config).
///
/// Its `Display` form is a file that gives the same configuration again. There are no secrets in it.
///
/// ```
/// use trunkline_server::Config;
///
/// let config = Config::from_toml("port = 8080\nheartbeat = \"20s\"\nmax_message_size = \"64 KiB\"").unwrap();
/// assert_eq!(config.port, 8080);
/// let error = Config::from_toml("prot = 8080").unwrap_err();
/// assert!(error.to_string().contains("`prot`"));
/// ```
///
/// | Setting | Variable | |
/// |---|---|---|
/// | `port` | `TRUNKLINE_PORT` | a number |
/// | `heartbeat`, or `heartbeat_ms` | `TRUNKLINE_HEARTBEAT`, or `TRUNKLINE_HEARTBEAT_MS` | a time with its unit (`25s`, `1m 30s`), or a number of milliseconds |
/// | `max_message_size` | `TRUNKLINE_MAX_MESSAGE_SIZE` | a size (`64 KiB`, `65536`) |
/// | `connection_rate` | `TRUNKLINE_CONNECTION_RATE` | a [rate](trunkline_peer::Rate) (`5/1s`), or `off` |
/// | `allow_origins` | `TRUNKLINE_ALLOW_ORIGINS` | a list, in a variable with commas |
///
/// [`Config::settings`] names them all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The address or name to listen on: `127.0.0.1` unless set, which only this machine reaches. `0.0.0.0` is all of its
    /// addresses.
    pub host: String,
    /// The port to listen on: 2667 unless set. 0 is a free one.
    pub port: u16,
    /// The path that connections are taken on: any unless set.
    pub path: Option<String>,
    /// Web pages of which other origins may connect: none unless set.
    pub allow_origins: Vec<String>,
    /// The names under which the server is reached: any unless set, see
    /// [`ServerBuilder::allow_hosts`](crate::ServerBuilder::allow_hosts).
    pub allow_hosts: Vec<String>,
    /// The proxies whose word about a client's address is taken, as addresses or networks: none unless set.
    pub trusted_proxies: Vec<String>,
    /// The file with the TLS certificates, in PEM: no TLS unless set.
    pub tls_certificate_file: Option<String>,
    /// The file with the private key of the certificate, in PEM.
    pub tls_key_file: Option<String>,
    /// The file with the certificates of those who may issue certificates to clients, in PEM: none unless set.
    pub tls_client_roots_file: Option<String>,
    /// How clients are found to be gone: pings every 25 s, 10 s to answer.
    pub heartbeat: Heartbeat,
    /// What happens around the end of a login: a notice 60 s before, and 30 s to log in again after.
    pub expiry: Expiry,
    /// How long calls that run have to end when the server shuts down gracefully: 15 s unless set.
    pub shutdown_grace: Duration,
    /// The limits.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 2667,
            path: None,
            allow_origins: Vec::new(),
            allow_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            tls_certificate_file: None,
            tls_key_file: None,
            tls_client_roots_file: None,
            heartbeat: Heartbeat::default(),
            expiry: Expiry::default(),
            shutdown_grace: Duration::from_secs(15),
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// The configuration of the environment: the defaults, what the file named by `TRUNKLINE_CONFIG` says, if there is that
    /// variable, and what the other variables `TRUNKLINE_*` say, in this order.
    ///
    /// Variables whose names end with `_KEY`, `_SECRET`, `_TOKEN` or `_PASSWORD` are the application's own secrets, and not
    /// looked at.
    ///
    /// # Errors
    ///
    /// If there is a variable or a setting that is not known, or one that cannot be read; the message names it and says what
    /// to write.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_vars(std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            // A value that is no text is no value of any setting, and is refused as that.
            Some((name, value.to_string_lossy().into_owned()))
        }))
    }

    /// As [`Self::from_env`], with these variables for those of the environment.
    ///
    /// # Errors
    ///
    /// As [`Self::from_env`].
    pub fn from_vars<N, V>(vars: impl IntoIterator<Item = (N, V)>) -> Result<Self, ConfigError>
    where
        N: Into<String>,
        V: Into<String>,
    {
        let mut layers = Layers::default();
        let mut from_vars = Vec::new();
        for (name, value) in vars {
            let (name, value) = (name.into(), value.into());
            let Some(setting) = name.strip_prefix(ENV) else { continue };
            if setting == "CONFIG" {
                layers.add(&value, &read(Path::new(&value))?)?;
            } else if !is_secret(setting) {
                from_vars.push(Given { place: name.clone(), name: setting.to_ascii_lowercase(), value });
            }
        }
        layers.values.extend(from_vars);
        layers.into_config(Style::Variables)
    }

    /// The defaults, and what a file in TOML says.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or has a setting that is not known or whose value cannot be read.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let mut layers = Layers::default();
        layers.add(&path.display().to_string(), &read(path)?)?;
        layers.into_config(Style::File)
    }

    /// The defaults, and what a text in TOML says.
    ///
    /// # Errors
    ///
    /// If it is not TOML, or has a setting that is not known or whose value cannot be read.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let mut layers = Layers::default();
        layers.add("the configuration", text)?;
        layers.into_config(Style::File)
    }

    /// The configuration of a profile: `default`, or `test`, in which limits and times are so small that a test reaches each of
    /// them within seconds.
    ///
    /// # Errors
    ///
    /// If there is none of this name.
    pub fn profile(name: &str) -> Result<Self, ConfigError> {
        let limits = Limits::profile(name)?;
        Ok(match name {
            "test" => Self {
                heartbeat: Heartbeat::every(2 * SECOND).timeout(2 * SECOND),
                expiry: Expiry { notice: 2 * SECOND, grace: 2 * SECOND },
                shutdown_grace: 3 * SECOND,
                limits,
                ..Self::default()
            },
            _ => Self { limits, ..Self::default() },
        })
    }

    /// For tests: a free port, and the profile `test`. Two such servers never collide.
    pub fn for_tests() -> Self {
        Self { port: 0, ..Self::profile("test").unwrap_or_default() }
    }

    /// Where to listen: what [`Server::bind`](crate::Server::bind) and [`Server::serve`](crate::Server::serve) take.
    pub fn addr(&self) -> (String, u16) {
        (self.host.clone(), self.port)
    }

    /// The names of all settings, as in a file; a variable is `TRUNKLINE_` and the name in upper case.
    pub fn settings() -> impl Iterator<Item = &'static str> {
        SETTINGS.iter().map(|setting| setting.name)
    }

    /// Refuses what cannot work.
    ///
    /// # Errors
    ///
    /// Naming the setting and what it may be.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.host.is_empty() {
            return Err(ConfigError(
                "host is empty: write `127.0.0.1`, or `0.0.0.0` for all addresses".to_owned(),
            ));
        }
        if let Some(path) = self.path.as_deref().filter(|path| !path.starts_with('/')) {
            return Err(ConfigError(format!("the path `{path}` must begin with `/`: write `/{path}`")));
        }
        self.heartbeat.check()?;
        self.limits.check()
    }

    /// Whether anything of TLS is set.
    pub(crate) fn has_tls(&self) -> bool {
        let files = [&self.tls_certificate_file, &self.tls_key_file, &self.tls_client_roots_file];
        files.into_iter().any(Option::is_some)
    }

    /// The configuration in one line, for the log.
    pub(crate) fn line(&self) -> String {
        let values: Vec<String> =
            SETTINGS.iter().map(|setting| format!("{}={}", setting.name, setting.written(self))).collect();
        values.join(" ")
    }
}

/// As a file.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for setting in SETTINGS {
            let value = setting.written(self);
            // TOML has no form for what is absent: a setting that is not there keeps its default, which is absent too.
            if !value.is_empty() {
                writeln!(f, "{} = {value}", setting.name)?;
            }
        }
        Ok(())
    }
}

/// Whether a host is this machine or in a private network, so that its name could be made up (DNS rebinding).
pub(crate) fn is_private(addr: IpAddr) -> bool {
    match addr.to_canonical() {
        IpAddr::V4(addr) => {
            // 100.64.0.0/10 is where carriers and VPNs have theirs (RFC 6598).
            let is_shared = addr.to_bits() >> 22 == u32::from_be_bytes([100, 64, 0, 0]) >> 22;
            addr.is_loopback() || addr.is_private() || addr.is_link_local() || is_shared
        }
        IpAddr::V6(addr) => addr.is_loopback() || addr.is_unique_local() || addr.is_unicast_link_local(),
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// A value that was given for a setting, and where.
struct Given {
    place: String,
    name: String,
    value: String,
}

/// How names are written where somebody has to be told.
#[derive(Clone, Copy)]
enum Style {
    File,
    Variables,
}

/// What was given, later ones last.
#[derive(Default)]
struct Layers {
    values: Vec<Given>,
}

impl Layers {
    /// Adds what a file says.
    fn add(&mut self, place: &str, text: &str) -> Result<(), ConfigError> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            ConfigError(format!("{place} is not TOML: {}", error.message()))
        })?;
        let mut values = Vec::new();
        for (name, value) in table {
            let value = text_of(&value).ok_or_else(|| {
                ConfigError(format!("`{name}` in {place} is a text, a number, or a list of texts"))
            })?;
            values.push(Given { place: format!("`{name}` in {place}"), name, value });
        }
        // Before what was given by variables, whichever came first.
        self.values.splice(0..0, values);
        Ok(())
    }

    fn into_config(self, style: Style) -> Result<Config, ConfigError> {
        let profile = self.values.iter().rfind(|given| given.name == "profile");
        let mut config = match profile {
            Some(given) => Config::profile(given.value.trim()).map_err(|error| given.wrong(&error.0))?,
            None => Config::default(),
        };
        for given in self.values.iter().filter(|given| given.name != "profile") {
            let (setting, is_ms) = find(&given.name).ok_or_else(|| {
                let known = known(matches!(style, Style::Variables) && given.place.starts_with(ENV));
                ConfigError(format!("{} is not a setting: the known ones are {known}", given.place))
            })?;
            let value = match is_ms {
                true => format!("{}ms", given.value.trim()),
                false => given.value.clone(),
            };
            (setting.set)(&mut config, &value).map_err(|why| given.wrong(&why))?;
        }
        Ok(config)
    }
}

impl Given {
    fn wrong(&self, why: &str) -> ConfigError {
        ConfigError(format!("{}: {why}", self.place))
    }
}

/// The setting of this name, and whether the name says that the value is in milliseconds.
fn find(name: &str) -> Option<(&'static Setting, bool)> {
    let named = |name: &str| SETTINGS.iter().find(|setting| setting.name == name);
    let in_ms =
        || named(name.strip_suffix("_ms")?).filter(|setting| setting.is_time).map(|found| (found, true));
    named(name).map(|found| (found, false)).or_else(in_ms)
}

/// Whether a variable is a secret of the application.
fn is_secret(name: &str) -> bool {
    ["_KEY", "_SECRET", "_TOKEN", "_PASSWORD"].iter().any(|ending| name.ends_with(ending))
}

fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path)
        .map_err(|error| ConfigError(format!("{} cannot be read: {error}", path.display())))
}

/// A value of TOML as it would stand in a variable.
fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            Some(items?.join(","))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
