//! The boot services on loopback over a backend in memory, and clients for them.

use async_trait::async_trait;
use dhcp::client::{Answer, ClientMessage};
use dhcp::{Lease, Subnet};
use lifecycle::{BootEnvFiles, BootFacts, MachineFacts};
use netboot::{
    BackendError, BootBackend, BootFiles, Config, DhcpListener, FileSource, ListenDhcp, MachineBoot, Netboot,
    TftpListener,
};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_util::sync::{CancellationToken, DropGuard};
use types::agent::AgentConfig;
use types::event::NewEvent;
use types::machine::{Loader, MachineState};
use types::subnet::{Pool, SubnetSpec, UnknownPolicy};
use types::{HumanDuration, MacAddr, MachineId, Name, Secret};

/// Long enough for a loaded machine; a test that needs it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// The rest of the server, in memory, with levers.
pub(crate) struct World {
    pub(crate) subnets: Mutex<Arc<[Subnet]>>,
    pub(crate) files: Arc<BootFiles>,
    pub(crate) unknown: UnknownPolicy,
    pub(crate) machines: Mutex<HashMap<MacAddr, MachineFacts>>,
    pub(crate) events: Mutex<Vec<NewEvent>>,
    pub(crate) disk: Mutex<Vec<Lease>>,
    pub(crate) commits: AtomicUsize,
    pub(crate) disk_full: AtomicBool,
}

impl World {
    pub(crate) fn new(unknown: UnknownPolicy, server: Ipv4Addr, files: BootFiles) -> Self {
        let spec = SubnetSpec {
            pool: Some(Pool { first: [10, 77, 0, 10].into(), last: [10, 77, 0, 250].into() }),
            lease: HumanDuration::from_secs(600),
            unknown,
            ..SubnetSpec::new("10.77.0.0/24".parse().unwrap())
        };
        // Where the tests' own connections come from; it gives no addresses.
        let loopback = SubnetSpec { cidr: "127.0.0.0/8".parse().unwrap(), pool: None, ..spec.clone() };
        Self {
            subnets: Mutex::new(Arc::new([
                Subnet::new(name("lab"), spec, server, []),
                Subnet::new(name("loopback"), loopback, server, []),
            ])),
            files: Arc::new(files),
            unknown,
            machines: Mutex::default(),
            events: Mutex::default(),
            disk: Mutex::default(),
            commits: AtomicUsize::new(0),
            disk_full: AtomicBool::new(false),
        }
    }

    pub(crate) fn machine(&self, mac: MacAddr, state: MachineState) {
        let machine =
            MachineFacts { id: MachineId::new(), name: name("m1"), state, wanted_env: None, awaits_discovery: false };
        self.machines.lock().unwrap().insert(mac, machine);
    }

    /// An operator changes the network of the first subnet.
    pub(crate) fn resize(&self, cidr: &str) {
        let mut subnets = self.subnets.lock().unwrap();
        let mut changed = subnets.to_vec();
        let (name, server) = (changed[0].name.clone(), changed[0].server);
        changed[0] =
            Subnet::new(name, SubnetSpec { cidr: cidr.parse().unwrap(), ..changed[0].spec.clone() }, server, []);
        *subnets = changed.into();
    }

    /// The data of the events of a kind.
    pub(crate) fn events(&self, kind: &str) -> Vec<serde_json::Value> {
        let events = self.events.lock().unwrap();
        events.iter().filter(|event| event.kind == kind).map(|event| event.data.clone()).collect()
    }

    /// Waits for an event of a kind: events come after the answers.
    pub(crate) async fn event(&self, kind: &str) -> serde_json::Value {
        self.event_where(kind, |_| true).await
    }

    pub(crate) async fn event_where(
        &self,
        kind: &str,
        wanted: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        let started = tokio::time::Instant::now();
        loop {
            if let Some(event) = self.events(kind).into_iter().find(&wanted) {
                return event;
            }
            assert!(started.elapsed() < PATIENCE, "no {kind} in {:?}", self.events.lock().unwrap());
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl BootBackend for World {
    fn subnets(&self) -> Arc<[Subnet]> {
        Arc::clone(&self.subnets.lock().unwrap())
    }

    fn files(&self) -> Arc<BootFiles> {
        Arc::clone(&self.files)
    }

    async fn boot_facts(&self, mac: MacAddr, _subnet: Option<&Name>) -> Result<BootFacts, BackendError> {
        let machine = self.machines.lock().unwrap().get(&mac).cloned();
        Ok(BootFacts { machine, unknown: self.unknown, discovery_env: name("discovery"), loader: Loader::Ipxe })
    }

    async fn boot_env(&self, boot: MachineBoot<'_>) -> Result<Option<BootEnvFiles>, BackendError> {
        Ok((boot.env.as_str() == "discovery").then(|| BootEnvFiles {
            env: boot.env.clone(),
            kernel: "discovery/vmlinuz".into(),
            initrds: vec!["discovery/initrd.img".into()],
            args: vec!["console=ttyS0".into()],
            agent_config: true,
        }))
    }

    async fn agent_config(&self, boot: MachineBoot<'_>) -> Result<Option<AgentConfig>, BackendError> {
        let server = boot.server_url.parse().map_err(|error| BackendError::new("writing the URL", error))?;
        Ok(Some(AgentConfig { server, token: Secret::new(format!("token-of-{}", boot.mac)), env: boot.env.clone() }))
    }

    async fn load_leases(&self) -> Result<Vec<Lease>, BackendError> {
        Ok(self.disk.lock().unwrap().clone())
    }

    async fn commit_leases(&self, leases: &[Lease]) -> Result<(), BackendError> {
        if self.disk_full.load(Ordering::SeqCst) {
            return Err(BackendError::new("storing leases", "no space left on device"));
        }
        self.commits.fetch_add(1, Ordering::SeqCst);
        let mut disk = self.disk.lock().unwrap();
        for lease in leases {
            disk.retain(|row| row.address != lease.address);
            disk.push(lease.clone());
        }
        Ok(())
    }

    fn record(&self, event: NewEvent) {
        self.events.lock().unwrap().push(event);
    }
}

/// Loaders, a kernel and an initrd: small stand-ins with the right names, on disk and in memory.
pub(crate) fn boot_files(folder: &std::path::Path) -> BootFiles {
    let mut files = BootFiles::default();
    for (file, size) in [("undionly.kpxe", 70_000), ("snponly.efi", 220_000), ("ipxe.efi", 1_000_001)] {
        std::fs::write(folder.join(file), content(size)).unwrap();
    }
    files.insert_folder("", folder).unwrap();
    files.insert("discovery/vmlinuz", FileSource::Bytes(content(50_000).into())).unwrap();
    files.insert("discovery/initrd.img", FileSource::Bytes(content(1_468 * 20).into())).unwrap();
    files
}

pub(crate) fn content(size: usize) -> Vec<u8> {
    (0..size).map(|at| u8::try_from(at * 31 % 253).unwrap()).collect()
}

/// The services, running.
pub(crate) struct Rig {
    pub(crate) world: Arc<World>,
    pub(crate) netboot: Netboot,
    pub(crate) dhcp: SocketAddr,
    pub(crate) tftp: SocketAddr,
    pub(crate) http: SocketAddr,
    _stop: DropGuard,
    _folder: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn start(unknown: UnknownPolicy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = World::new(unknown, Ipv4Addr::LOCALHOST, boot_files(folder.path()));
        Self::start_over(Arc::new(world), folder).await
    }

    pub(crate) async fn start_over(world: Arc<World>, folder: tempfile::TempDir) -> Self {
        let stop = CancellationToken::new();
        let http = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let config = Config { http_port: http.local_addr().unwrap().port(), ..Config::default() };
        let netboot = Netboot::start(world.clone(), config).await.unwrap();
        let listen = ListenDhcp { interface: None, address: Ipv4Addr::LOCALHOST, port: 0 };
        let dhcp = DhcpListener::bind(&listen).unwrap();
        let tftp = TftpListener::bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
        let addresses = (dhcp.local_addr().unwrap(), tftp.local_addr().unwrap(), http.local_addr().unwrap());
        let (one, two, stopped) = (netboot.clone(), netboot.clone(), stop.clone());
        tokio::spawn(async move { one.serve_dhcp(dhcp, stopped).await.unwrap() });
        let stopped = stop.clone();
        tokio::spawn(async move { two.serve_tftp(tftp, stopped).await.unwrap() });
        let routes = netboot.http_routes().into_make_service_with_connect_info::<SocketAddr>();
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move { axum::serve(http, routes).with_graceful_shutdown(stopped).await.unwrap() });
        let (dhcp, tftp, http) = addresses;
        Self { world, netboot, dhcp, tftp, http, _stop: stop.drop_guard(), _folder: folder }
    }

    /// Asks as a relay of the lab's subnet does; `None` when the message was recorded as not answered.
    pub(crate) async fn ask(&self, message: ClientMessage) -> Option<Answer> {
        let full = self.world.disk_full.load(Ordering::SeqCst);
        self.ask_within(message, if full { Duration::from_millis(300) } else { PATIENCE }).await
    }

    /// The same; `None` also when nothing is heard of the message for as long.
    pub(crate) async fn ask_within(&self, message: ClientMessage, patience: Duration) -> Option<Answer> {
        let relay = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let relayed = ClientMessage { giaddr: Some(Ipv4Addr::LOCALHOST), ..message }
            .option(82, &[5, 4, 10, 77, 0, 0, 19, 2, 0, 0]);
        relay.send_to(&relayed.encode(), self.dhcp).await.unwrap();
        let mut buffer = [0; 1500];
        // A message that is not answered is recorded: whichever comes first.
        let before = self.world.events(types::event::kind::BOOT_DHCP).len();
        let started = tokio::time::Instant::now();
        loop {
            if let Ok(length) = relay.try_recv(&mut buffer) {
                return Some(Answer::parse(&buffer[..length]).unwrap());
            }
            let events = self.world.events(types::event::kind::BOOT_DHCP);
            let unanswered =
                |event: &serde_json::Value| event["answered"] == false && event["mac"] == relayed.mac.to_string();
            if events[before..].iter().any(unanswered) {
                return None;
            }
            if started.elapsed() > patience {
                assert!(patience < PATIENCE, "neither answered nor recorded");
                return None;
            }
            tokio::task::yield_now().await;
        }
    }

    /// A GET as `curl --http1.1` sends it: status, headers in lower case, body.
    pub(crate) async fn http(&self, method: &str, path: &str, headers: &[&str]) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.http).await.unwrap();
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head, answer.split_off(end + 4))
    }
}

/// A TFTP client's read with options, over a network that loses every `lose`-th packet in each direction.
pub(crate) async fn tftp_get(
    server: SocketAddr,
    file: &str,
    options: &[(&str, &str)],
    lose: usize,
) -> Result<Vec<u8>, String> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut request = [&b"\0\x01"[..], file.as_bytes(), b"\0octet\0"].concat();
    for (option, value) in options {
        request.extend_from_slice(format!("{option}\0{value}\0").as_bytes());
    }
    let find = |wanted: &str| options.iter().find(|(option, _)| *option == wanted).map(|(_, value)| *value);
    let mut block_size = 512;
    let window: u64 = find("windowsize").map_or(1, |value| value.parse().unwrap());
    let (mut received, mut blocks, mut since, mut packets) = (Vec::new(), 0u64, 0u64, 0usize);
    let mut buffer = vec![0; 70_000];
    let mut answer = request;
    let mut to = server;
    loop {
        packets += 1;
        if lose == 0 || packets % lose != 0 {
            socket.send_to(&answer, to).await.unwrap();
        }
        // Until there is something to say: the next packets of the window, or silence.
        loop {
            let wait = tokio::time::timeout(Duration::from_millis(200), socket.recv_from(&mut buffer)).await;
            let Ok(got) = wait else {
                since = 0;
                break;
            };
            let (length, from) = got.unwrap();
            packets += 1;
            assert!(packets < 200_000, "the transfer does not end");
            if lose != 0 && packets % lose == 0 {
                continue;
            }
            match &buffer[..length] {
                [0, 5, _, code, message @ ..] => {
                    return Err(format!("{code} {}", String::from_utf8_lossy(message).trim_end_matches('\0')));
                }
                [0, 6, accepted @ ..] => {
                    let texts: Vec<String> =
                        accepted.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into()).collect();
                    let size = texts.iter().position(|text| text == "blksize").map(|at| texts[at + 1].parse().unwrap());
                    block_size = size.unwrap_or(512);
                    (to, answer) = (from, vec![0, 4, 0, 0]);
                    break;
                }
                [0, 3, high, low, block @ ..] => {
                    to = from;
                    let number = u16::from_be_bytes([*high, *low]);
                    let good = u64::from(number) == (blocks + 1) & 0xffff;
                    if good {
                        blocks += 1;
                        since += 1;
                        received.extend_from_slice(block);
                    }
                    let [high, low] = u16::try_from(blocks & 0xffff).unwrap().to_be_bytes();
                    answer = vec![0, 4, high, low];
                    if good && block.len() < block_size {
                        socket.send_to(&answer, to).await.unwrap();
                        return Ok(received);
                    }
                    if !good || since == window {
                        since = 0;
                        break;
                    }
                }
                other => panic!("not a server's packet: {other:?}"),
            }
        }
    }
}
