use std::{env, process};

use serde_json::json;
use trunkline::{data, service};

use super::*;

mod old {
    use super::*;

    #[data]
    pub(crate) struct Message {
        text: String,
    }

    #[service]
    pub(crate) trait Chat {
        async fn last(&self) -> Message;
    }
}

mod new {
    use super::*;

    #[data]
    pub(crate) struct Said {
        text: Option<String>,
    }

    #[service]
    pub(crate) trait Chat {
        async fn last(&self) -> Said;
        async fn say(&self, text: String);
    }
}

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("trunkline-{name}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Runs `rpc` with the arguments, where a name with a dot or slash is one in this folder.
    fn rpc(&self, services: fn(Services) -> Services, args: &str) -> (u8, String, String) {
        let args = args.split_whitespace().map(|arg| match arg.contains(['.', '/']) {
            true => self.0.join(arg).into_os_string(),
            false => arg.into(),
        });
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(
            [OsString::from("rpc")].into_iter().chain(args),
            || Services::describe(services),
            &mut out,
            &mut err,
        );
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(&format!("{}/", self.0.display()), "");
        (code, text(out), text(err))
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn old(rpc: Services) -> Services {
    rpc.service::<old::ChatClient>()
}

fn new(rpc: Services) -> Services {
    rpc.service::<new::ChatClient>()
}

fn says(text: &str) -> (String, String) {
    (text.to_owned(), String::new())
}

#[test]
fn files_are_written_when_they_change() {
    let folder = Folder::new("writes");
    let rpc = |args| {
        let (code, out, err) = folder.rpc(old, args);
        assert_eq!(code, 0);
        (out, err)
    };
    assert_eq!(rpc("--out src/rpc.ts"), says("wrote src/rpc.ts\n"));
    assert_eq!(folder.read("src/rpc.ts"), typescript(&Services::describe(old)).unwrap());
    assert_eq!(rpc("--out src/rpc.ts"), says("src/rpc.ts is current\n"));
    let changed = folder.0.join("src/rpc.ts");
    let at = fs::metadata(&changed).unwrap().modified().unwrap();
    rpc("--out src/rpc.ts");
    assert_eq!(fs::metadata(&changed).unwrap().modified().unwrap(), at);
    assert_eq!(
        rpc("--out src/rpc.ts --openrpc openrpc.json --describe services.json --json-schema schemas/"),
        says("src/rpc.ts is current\nwrote openrpc.json\nwrote services.json\nwrote schemas/Message.json\n")
    );
}

#[test]
fn a_check_writes_nothing_and_shows_the_difference() {
    let folder = Folder::new("checks");
    let rpc = |services, args| folder.rpc(services, args);
    let missing = "rpc.ts is missing\ngenerate again, without --check\n";
    assert_eq!(rpc(old, "--out rpc.ts --check"), (1, missing.to_owned(), String::new()));
    assert!(!folder.0.join("rpc.ts").exists());
    rpc(old, "--out rpc.ts");
    assert_eq!(rpc(old, "--check --out rpc.ts"), (0, "rpc.ts is current\n".to_owned(), String::new()));

    let before = folder.read("rpc.ts");
    let (code, out, err) = rpc(new, "--out rpc.ts --check");
    assert_eq!((code, err.as_str()), (1, ""));
    assert!(out.starts_with("rpc.ts is stale:\n@@ line 4\n"), "{out}");
    assert!(out.contains("\n-   last(options?: CallOptions): Call<Message>;\n"), "{out}");
    assert!(out.contains("\n+   last(options?: CallOptions): Call<Said>;\n"), "{out}");
    assert!(out.ends_with("\ngenerate again, without --check\n"), "{out}");
    assert_eq!(folder.read("rpc.ts"), before);
}

#[test]
fn line_ends_that_git_changed_are_no_difference() {
    let folder = Folder::new("lines");
    folder.rpc(old, "--out rpc.ts");
    fs::write(folder.0.join("rpc.ts"), folder.read("rpc.ts").replace('\n', "\r\n")).unwrap();
    assert_eq!(folder.rpc(old, "--out rpc.ts --check").0, 0);
}

#[test]
fn schemas_of_types_that_are_gone_are_removed() {
    let folder = Folder::new("removes");
    folder.rpc(old, "--json-schema ./");
    fs::write(folder.0.join("theirs.json"), "{}").unwrap();
    let (code, out, _) = folder.rpc(new, "--json-schema ./ --check");
    assert_eq!(
        (code, out.as_str()),
        (
            1,
            "./Message.json is of a type that is gone\n./Said.json is missing\ngenerate again, without --check\n"
        )
    );
    let (code, out, _) = folder.rpc(new, "--json-schema ./");
    assert_eq!((code, out.as_str()), (0, "removed ./Message.json\nwrote ./Said.json\n"));
    assert_eq!(folder.read("theirs.json"), "{}");
    let schema: serde_json::Value = serde_json::from_str(&folder.read("Said.json")).unwrap();
    assert_eq!(schema["$comment"], json!(format!("{MARK} {}", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn versions_are_compared() {
    let folder = Folder::new("compares");
    folder.rpc(old, "--describe old.json");
    folder.rpc(new, "--describe new.json");
    assert_eq!(
        folder.rpc(old, "compat old.json"),
        (0, "nothing changed for clients\n".to_owned(), String::new())
    );
    let (code, out, err) = folder.rpc(new, "compat old.json");
    assert_eq!((code, err.as_str()), (1, ""));
    assert!(out.starts_with("1 change breaks clients of the old version:\n"), "{out}");
    assert_eq!(folder.rpc(old, "compat old.json new.json"), (code, out, err));
    assert_eq!(folder.rpc(old, "compat new.json new.json").0, 0);
}

#[test]
fn without_an_answer_the_code_is_2() {
    let folder = Folder::new("fails");
    let says = |args: &str, text: &str| {
        let (code, out, err) = folder.rpc(old, args);
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(err.contains(text), "{err}");
    };
    says("", "Usage: cargo rpc");
    says("--check", "--out <FILE>");
    says("--unknown", "unexpected argument '--unknown'");
    says("compat old.json", "error: cannot read or write old.json: ");
    fs::write(folder.0.join("none.json"), "{}").unwrap();
    says("compat none.json", "error: none.json is not what `--describe` writes: missing field");
    says("--out none.json/rpc.ts", "error: cannot read or write none.json/rpc.ts: ");
}

#[test]
fn services_that_cannot_be_generated_for_are_a_no() {
    let folder = Folder::new("refuses");
    let (code, out, err) = folder.rpc(|rpc| old(new(rpc)), "--out rpc.ts");
    assert_eq!((code, out.as_str()), (1, ""));
    let here = module_path!();
    assert_eq!(
        err,
        format!(
            "error: two services are called `Chat`: `{here}::new::Chat` and `{here}::old::Chat`; rename one of the traits, or \
             add the service once only\n"
        )
    );
    assert!(!folder.0.join("rpc.ts").exists());
}

#[test]
fn help_is_an_answer() {
    let (code, out, err) = Folder::new("helps").rpc(old, "--help");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("--json-schema <FOLDER>") && out.contains("compat"), "{out}");
}

#[test]
fn a_reader_who_has_read_enough_changes_no_answer() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let folder = Folder::new("closed");
    let described = Services::describe(|rpc| rpc.service::<old::ChatClient>());
    fs::write(folder.0.join("old.json"), json(&described)).unwrap();
    let args = ["rpc".into(), "compat".into(), folder.0.join("old.json").into_os_string()];
    let mut err = Vec::new();
    let describe = || Services::describe(|rpc| rpc.service::<new::ChatClient>());
    assert_eq!((run(args, describe, &mut Closed, &mut err), err), (NO, Vec::new()));
}
