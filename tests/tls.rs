//! TLS, with certificates made for the test: trust, renewal, clients' certificates, deadlines.

use std::{net::SocketAddr, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use trunkline::{
    Client, ClientBuilder, Config, ConnectError, Credentials, Server, ServerBuilder, Tls, User, service,
};

use crate::raw::{serve, within};

#[service]
trait Ping {
    async fn ping(&self) -> String;
}

struct App;

impl Ping for App {
    async fn ping(&self) -> String {
        "pong".to_owned()
    }
}

/// Who issues certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn root(&self) -> String {
        self.0.pem()
    }

    /// A certificate and its key: of a host, or of somebody.
    fn issue(&self, hosts: &[&str], name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params =
            CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, "Example");
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    fn tls(&self) -> Tls {
        let (certificate, key) = self.issue(&["localhost", "127.0.0.1"], "server");
        Tls::pem(certificate, key)
    }
}

fn builder() -> ServerBuilder {
    Server::builder().service(PingServer::new(App))
}

fn client(addr: SocketAddr, authority: &Authority) -> ClientBuilder {
    Client::builder(format!("wss://localhost:{}/", addr.port())).root_certificates(authority.root())
}

async fn ping(client: ClientBuilder) -> String {
    let client = within(client.connect()).await.unwrap();
    within(PingClient::new(&client).ping()).await.unwrap()
}

#[tokio::test]
async fn a_certificate_is_trusted_for_its_hosts_by_those_who_know_its_root() {
    let authority = Authority::new();
    let addr = serve(&builder().tls(authority.tls()).build().unwrap()).await;
    assert_eq!(ping(client(addr, &authority)).await, "pong");
    let by_address = Client::builder(format!("wss://{addr}/")).root_certificates(authority.root());
    assert_eq!(ping(by_address).await, "pong");

    let stranger = client(addr, &Authority::new()).connect().await.unwrap_err();
    assert!(matches!(stranger, ConnectError::Tls { .. }), "{stranger:?}");
    assert!(
        stranger.to_string().starts_with("there is no secure connection to the server at `wss://localhost"),
        "{stranger}"
    );
    let other_host = authority.issue(&["other.example"], "server");
    let addr = serve(&builder().tls(Tls::pem(other_host.0, other_host.1)).build().unwrap()).await;
    assert!(matches!(client(addr, &authority).connect().await, Err(ConnectError::Tls { .. })));

    // Neither takes the other for what it is not.
    let plain = Client::builder(format!("ws://{addr}/")).connect().await.unwrap_err();
    assert!(matches!(plain, ConnectError::NotWebSocket(_) | ConnectError::Io { .. }), "{plain:?}");
    let addr = serve(&builder().build().unwrap()).await;
    assert!(matches!(client(addr, &authority).connect().await, Err(ConnectError::Tls { .. })));
}

#[tokio::test]
async fn large_answers_pass_whole() {
    #[service]
    trait Blob {
        async fn blob(&self, n: usize) -> String;
    }
    struct Blobs;
    impl Blob for Blobs {
        async fn blob(&self, n: usize) -> String {
            "x".repeat(n)
        }
    }
    let authority = Authority::new();
    let server = Server::builder().service(BlobServer::new(Blobs)).tls(authority.tls()).build().unwrap();
    let client = within(client(serve(&server).await, &authority).connect()).await.unwrap();
    for n in [0, 10_000, 500_000] {
        assert_eq!(within(BlobClient::new(&client).blob(n)).await.unwrap().len(), n);
    }
}

#[tokio::test]
async fn a_new_certificate_is_used_without_a_restart() {
    let folder = std::env::temp_dir().join(format!("trunkline-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (certificate, key) = (folder.join("chat.pem"), folder.join("chat.key"));
    let write = |authority: &Authority| {
        let (pem, secret) = authority.issue(&["localhost"], "server");
        std::fs::write(&certificate, pem).unwrap();
        std::fs::write(&key, secret).unwrap();
    };
    let (one, two, three) = (Authority::new(), Authority::new(), Authority::new());
    write(&one);
    let tls = Tls::files(&certificate, &key).reload_every(Duration::from_millis(20));
    let addr = serve(&builder().tls(tls.clone()).build().unwrap()).await;
    let old = within(client(addr, &one).connect()).await.unwrap();

    write(&two);
    tls.reload().unwrap();
    assert_eq!(ping(client(addr, &two)).await, "pong");
    assert!(matches!(client(addr, &one).connect().await, Err(ConnectError::Tls { .. })));
    assert_eq!(within(PingClient::new(&old).ping()).await.unwrap(), "pong", "who is there stays");

    // What cannot be used changes nothing, and names the file.
    std::fs::write(&key, "CANARY, no key").unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("chat.key") && !error.contains("CANARY"), "{error}");
    assert_eq!(ping(client(addr, &two)).await, "pong");

    // By itself as well.
    write(&three);
    within(async {
        while client(addr, &three).connect().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_clients_certificate_is_a_credential() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let by_certificate = |creds: &Credentials| {
        Ok(creds.peer_certificate().map(|certificate| {
            assert!(!certificate.der().is_empty() && certificate.subject().contains("O=Example"));
            User::new(certificate.common_name().unwrap_or_default())
        }))
    };
    let server =
        builder().auth(by_certificate).tls(authority.tls().client_roots(clients.root())).build().unwrap();
    let addr = serve(&server).await;
    let with = |issuer: &Authority| {
        let (certificate, key) = issuer.issue(&[], "ada");
        client(addr, &authority).client_certificate(certificate, key)
    };
    let ada = within(with(&clients).connect()).await.unwrap();
    assert_eq!(ada.user().as_deref(), Some("ada"));
    assert_eq!(within(PingClient::new(&ada).ping()).await.unwrap(), "pong");

    // Without one it is nobody, and with one of somebody else's there is no connection.
    let nobody = within(client(addr, &authority).connect()).await.unwrap();
    assert_eq!(nobody.user(), None);
    assert!(within(with(&authority).connect()).await.is_err());
    let tls = authority.tls().client_roots(clients.root()).require_client_certificates();
    let addr = serve(&builder().tls(tls).build().unwrap()).await;
    assert!(within(client(addr, &authority).connect()).await.is_err());
    let (certificate, key) = clients.issue(&[], "ada");
    assert_eq!(ping(client(addr, &authority).client_certificate(certificate, key)).await, "pong");
}

#[tokio::test]
async fn a_handshake_has_a_deadline_whatever_it_drips() {
    let mut config = Config::default();
    config.limits.tls_timeout = Duration::from_millis(300);
    let addr = serve(&builder().config(config).tls(Authority::new().tls()).build().unwrap()).await;
    for first in [&b""[..], b"\x16\x03\x01\x02\x00"] {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(first).await.unwrap();
        let dripped = async {
            let mut chunk = [0; 512];
            loop {
                tokio::select! {
                    read = stream.read(&mut chunk) => if matches!(read, Ok(0) | Err(_)) { return },
                    () = tokio::time::sleep(Duration::from_millis(50)) => {}
                }
                if !first.is_empty() && stream.write_all(b"\x01").await.is_err() {
                    return;
                }
            }
        };
        within(dripped).await;
    }
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = within(stream.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP"), "plain HTTP is not answered");
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_at_the_start() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue(&["localhost"], "server");
    let (_, other_key) = authority.issue(&["localhost"], "server");
    let toml = |text: &str| Config::from_toml(text).unwrap();
    for (builder, part) in [
        (builder().tls(Tls::files("/no/such.pem", "/no/such.key")), "/no/such.pem cannot be read"),
        (builder().tls(Tls::pem("CANARY", key.clone())), "no certificates in PEM"),
        (builder().tls(Tls::pem(certificate.clone(), "CANARY")), "no private key in PEM"),
        (builder().tls(Tls::pem(certificate.clone(), other_key)), "cannot be used"),
        (builder().tls(authority.tls().client_roots("CANARY")), "no certificates in PEM"),
        (builder().tls(authority.tls().require_client_certificates()), "client_roots_file"),
        (builder().config(toml("tls_certificate_file = \"x\"")), "tls_key_file"),
        (
            builder().config(toml("tls_certificate_file = \"/no/x\"\ntls_key_file = \"/no/y\"")),
            "/no/x cannot be read",
        ),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains("CANARY") && !error.contains("BEGIN"), "{error}");
    }
    let tls = Tls::pem(certificate, key.clone());
    assert!(!format!("{tls:?}").contains("BEGIN"));
    let client = Client::builder("wss://localhost").client_certificate("CANARY", key.clone());
    assert!(!format!("{client:?}").contains("BEGIN"));
    let error = client.connect().await.unwrap_err();
    assert!(
        matches!(error, ConnectError::Config(_)) && error.to_string().contains("the client's certificate"),
        "{error}"
    );
    let error = Client::builder("wss://localhost").root_certificates("x").connect().await.unwrap_err();
    assert!(error.to_string().contains("the root certificates"), "{error}");
}
