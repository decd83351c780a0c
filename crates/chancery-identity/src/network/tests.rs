//! Tests of where requests go: no host that a token chose leads inside. Canaries on the loopback
//! addresses count the connections that are made to them.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Mutex;

use reqwest::dns::{Addrs, Name, Resolving};

use super::*;
use crate::address::Bounds;

/// Listeners on one port of 127.0.0.2 to 127.0.0.9 and `::1`.
struct Canaries {
    port: u16,
    listeners: Vec<TcpListener>,
}

impl Canaries {
    fn start() -> Self {
        let first = TcpListener::bind("127.0.0.2:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let others = (3..=9).map(|last| SocketAddr::from(([127, 0, 0, last], port)));
        let mut listeners = vec![first];
        listeners.extend(others.map(|address| TcpListener::bind(address).unwrap()));
        listeners.extend(TcpListener::bind(("::1", port))); // where there is IPv6
        for listener in &listeners {
            listener.set_nonblocking(true).unwrap();
        }
        Self { port, listeners }
    }

    /// The kernel has completed what was connected, whether it was accepted or not.
    fn connections(&self) -> usize {
        let accepted = |listener: &TcpListener| listener.accept().is_ok();
        self.listeners.iter().filter(|one| accepted(one)).count()
    }
}

/// A resolver that has an answer for the first time it is asked, for the second, and so on; the last
/// one is for ever.
struct Scripted(Mutex<Vec<Vec<IpAddr>>>);

impl Scripted {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new(answers.iter().map(parse).collect())))
    }
}

impl Resolve for Scripted {
    fn resolve(&self, _: Name) -> Resolving {
        let mut answers = self.0.lock().unwrap();
        let answer = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.remove(0),
        };
        let addresses = answer.into_iter().map(|ip| SocketAddr::new(ip, 0));
        Box::pin(async move { Ok(Box::new(addresses) as Addrs) })
    }
}

fn network(public_only: bool, resolver: Arc<dyn Resolve>) -> Network {
    let way = Way {
        allow_http: true,
        ca_cert: None,
        in_cluster: None,
        proxy: None,
        bounds: match public_only {
            true => Bounds::public(None),
            false => Bounds::none(),
        },
    };
    Network {
        resolver,
        ..Network::new(way).unwrap()
    }
}

async fn asked(network: &Network, host: &str, port: u16) -> bool {
    let url = Url::parse(&format!("http://{host}:{port}/x")).unwrap();
    let fetch = network.get(&url);
    let brief = Duration::from_millis(300);
    matches!(tokio::time::timeout(brief, fetch).await, Ok(Ok(_)))
}

#[tokio::test]
async fn a_canary_sees_a_connection_that_is_allowed() {
    let canaries = Canaries::start();
    let network = network(false, Arc::new(SystemResolver));
    assert!(!asked(&network, "127.0.0.2", canaries.port).await);
    assert_eq!(canaries.connections(), 1);
}

#[tokio::test]
async fn no_notation_of_an_address_leads_inside() {
    let canaries = Canaries::start();
    let network = network(true, Arc::new(SystemResolver));
    for host in [
        "127.0.0.2",
        "127.0.2",
        "127.2",
        "2130706434",
        "0x7f000002",
        "0x7f.0.0.2",
        "0177.0.0.2",
        "017700000002",
        "0x7F.2",
        "127.0.0.2.",
        "%31%32%37.0.0.2",
        "１２７.0.0.2",
        "127。0。0。2",
        "①②⑦.0.0.2",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.2]",
        "[::ffff:7f00:2]",
        "[::127.0.0.2]",
        "[64:ff9b::127.0.0.2]",
        "[2002:7f00:2::]",
        "[::]",
        "0.0.0.0",
        "0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
    ] {
        let url = Url::parse(&format!("http://{host}:{}/x", canaries.port)).unwrap();
        let refused = network.get(&url).await;
        assert!(matches!(refused, Err(FetchError::AddressRefused)), "{host}");
    }
    assert_eq!(canaries.connections(), 0);
}

#[tokio::test]
async fn no_name_that_resolves_inside_leads_there() {
    let canaries = Canaries::start();
    for inside in [
        "127.0.0.2",
        "::1",
        "::ffff:127.0.0.3",
        "::127.0.0.4",
        "64:ff9b::127.0.0.5",
        "2002:7f00:6::",
        "0.0.0.0",
        "10.1.2.3",
        "172.31.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "fe80::1",
        "fd12::1",
    ] {
        let network = network(true, Scripted::new(&[&[inside]]));
        assert!(
            !asked(&network, "idp.test", canaries.port).await,
            "{inside}"
        );
    }
    let many = ["127.0.0.2", "127.0.0.3", "10.0.0.1", "::1"];
    let network = network(true, Scripted::new(&[&many]));
    assert!(!asked(&network, "idp.test", canaries.port).await);
    assert_eq!(canaries.connections(), 0);
}

/// The name is public when it is looked at and inside when it is connected to, were those two times.
#[tokio::test]
async fn a_name_that_changes_its_answer_leads_nowhere() {
    let canaries = Canaries::start();
    // Global unicast, and given to nobody.
    let public: &[&str] = &["2000::1"];
    let network = network(
        true,
        Scripted::new(&[public, &["127.0.0.2"], public, &["::1"]]),
    );
    for _ in 0..6 {
        assert!(!asked(&network, "idp.test", canaries.port).await);
    }
    assert_eq!(canaries.connections(), 0);
    // Where it is allowed, the same resolver leads inside.
    let allowed = self::network(false, Scripted::new(&[&["127.0.0.2"]]));
    assert!(!asked(&allowed, "idp.test", canaries.port).await);
    assert_eq!(canaries.connections(), 1);
}
