use std::time::Duration;

use trunkline_core::ConfigError;
use trunkline_peer::Rate;

use super::{Config, SETTINGS};
use crate::limits::Limits;

fn refused(result: Result<Config, ConfigError>) -> String {
    result.unwrap_err().0
}

#[test]
fn what_is_written_is_read_again() {
    for config in [Config::default(), Config::for_tests()] {
        let text = config.to_string();
        assert_eq!(Config::from_toml(&text).unwrap(), config, "{text}");
        let vars = text.lines().map(|line| {
            let (name, value) = line.split_once(" = ").unwrap();
            let value = value.trim_matches(['"', '[', ']']);
            (format!("TRUNKLINE_{}", name.to_uppercase()), value.to_owned())
        });
        assert_eq!(Config::from_vars(vars).unwrap(), config);
    }
    assert!(Config::default().line().contains(" max_message_size=\"1 MiB\" "));
}

#[test]
fn every_setting_is_read_from_a_file_and_from_a_variable() {
    for setting in SETTINGS {
        let value = match setting.written(&Config::default()).as_str() {
            "\"off\"" => "7".to_owned(),
            text if setting.is_time => format!("{}s", text.len() + 70),
            "" | "[]" => "/a,/b".to_owned(),
            "\"127.0.0.1\"" => "localhost".to_owned(),
            text if text.contains("burst") => "7/1s".to_owned(),
            text if text.contains("iB") => "3 MiB".to_owned(),
            _ => "77".to_owned(),
        };
        let value = match setting.name {
            "connection_rate" | "messages" | "bytes" => "7/1s burst 9".to_owned(),
            _ => value,
        };
        let from_var =
            Config::from_vars([(format!("TRUNKLINE_{}", setting.name.to_uppercase()), value.clone())]);
        let from_file = Config::from_toml(&format!("{} = {value:?}", setting.name));
        assert_eq!(from_var.as_ref().unwrap(), from_file.as_ref().unwrap(), "{}", setting.name);
        let config = from_var.unwrap();
        assert_ne!(config, Config::default(), "{} = {value}", setting.name);
        assert_eq!(Config::from_toml(&config.to_string()).unwrap(), config, "{}", setting.name);
    }
}

#[test]
fn values_have_the_units_that_people_write() {
    let config = Config::from_toml(
        "heartbeat = \"1m 30s\"\nheartbeat_timeout_ms = 250\nmax_message_size = \"50 KiB\"\nmax_reassembly = 70000\n\
         messages = \"100/1s\"\ncontrol_frames = \"off\"\nmax_connections_per_user = \"off\"\nallow_origins = [\"https://a.example\"]",
    );
    let config = config.unwrap();
    assert_eq!(config.heartbeat.every, Duration::from_secs(90));
    assert_eq!(config.heartbeat.timeout, Duration::from_millis(250));
    assert_eq!((config.limits.session.max_packet, config.limits.max_reassembly), (50 << 10, 70_000));
    assert_eq!(config.limits.messages, Some(Rate::new(100, Duration::from_secs(1))));
    assert_eq!((config.limits.control_frames, config.limits.max_connections_per_user), (None, None));
    assert_eq!(config.allow_origins, ["https://a.example"]);
}

#[test]
fn later_layers_change_only_what_they_name() {
    let folder = std::env::temp_dir().join(format!("trunkline-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("trunkline.toml");
    std::fs::write(&file, "profile = \"test\"\nport = 1\nhost = \"0.0.0.0\"\nmax_in_flight = 5").unwrap();
    let path = file.display().to_string();
    let vars = [
        ("TRUNKLINE_HEARTBEAT_MS", "200"),
        ("TRUNKLINE_PORT", "2"),
        ("TRUNKLINE_CONFIG", path.as_str()),
        ("TRUNKLINE_AUTH_KEY", "CANARY"),
        ("TRUNKLINES", "x"),
        ("PORT", "3"),
    ];
    let config = Config::from_vars(vars).unwrap();
    assert_eq!((config.host.as_str(), config.port), ("0.0.0.0", 2));
    assert_eq!(config.heartbeat.every, Duration::from_millis(200));
    assert_eq!(config.limits.session.max_in_flight, 5);
    assert_eq!(config.limits.login_timeout, Limits::test().login_timeout);
    assert!(!format!("{config:?}{config}").contains("CANARY"));

    let config = Config::from_vars(vars.into_iter().chain([("TRUNKLINE_PROFILE", "default")])).unwrap();
    assert_eq!(config.limits.session.max_in_flight, 5, "the profile is what all else changes");
    assert_eq!(config.limits.login_timeout, Limits::default().login_timeout);
    assert_eq!(Config::from_file(&file).unwrap().port, 1);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_wrong_is_named_with_what_to_write() {
    for (text, parts) in [
        ("prot = 1", &["`prot` in the configuration is not a setting", "port", "profile"][..]),
        ("port = \"http\"", &["`port`", "`http` is not a number"]),
        ("port = 70000", &["`port`", "70000"]),
        ("port = -1", &["`port`"]),
        ("heartbeat = 25", &["`heartbeat`", "with its unit"]),
        ("heartbeat_ms = \"25s\"", &["`heartbeat_ms`"]),
        ("port_ms = 1", &["`port_ms`", "not a setting"]),
        ("max_message_size = \"big\"", &["64 KiB"]),
        ("max_message_size = \"5 GiB\"", &["fits"]),
        ("messages = \"5\"", &["5/1s", "`off`"]),
        ("host = true", &["`host`", "a text, a number"]),
        ("limits = { port = 1 }", &["`limits`"]),
        ("port = ", &["not TOML"]),
        ("profile = \"prod\"", &["`profile`", "`default` or `test`"]),
    ] {
        let error = refused(Config::from_toml(text));
        assert!(parts.iter().all(|part| error.contains(part)), "{text}: {error}");
    }
    let error = refused(Config::from_vars([("TRUNKLINE_PROT", "1")]));
    assert!(error.contains("TRUNKLINE_PROT is not") && error.contains("TRUNKLINE_PORT"), "{error}");
    let error = refused(Config::from_vars([("TRUNKLINE_PORT", "x1")]));
    assert!(error.starts_with("TRUNKLINE_PORT: `x1`"), "{error}");
    let error = refused(Config::from_vars([("TRUNKLINE_CONFIG", "/no/such/file")]));
    assert!(error.contains("/no/such/file cannot be read"), "{error}");
    for config in [
        Config { host: String::new(), ..Config::default() },
        Config { path: Some("rpc".to_owned()), ..Config::default() },
        Config { limits: Limits { max_connections: 0, ..Limits::default() }, ..Config::default() },
    ] {
        assert!(config.check().is_err());
    }
}
