//! One life of the server: from its start to its death, in a runtime of its own that dies with it.

use crate::bmc::SimulatedBmcs;
use crate::engine_view::EngineView;
use crate::gate::{Gate, Gated};
use crate::happening::Happening;
use crate::machine::SERVER;
use crate::network::{Answer, Message, Question};
use crate::probe::{Crash, CrashingProbe};
use crate::rules::Sabotage;
use crate::timeline::{ServerClock, Timeline};
use crate::world::{ForServer, Shared};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use netboot::Netboot;
use server::{Config, Core, Surroundings};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use steps::StepCatalogue;
use store::Store;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use types::agent::LONG_POLL_SECONDS;
use workflow::Engine;
use workflow::ports::{Chance, RunStore};

/// How a life ended.
pub(crate) enum End {
    /// The server was killed.
    Killed,
    /// Nothing more is to happen.
    Over,
}

/// Real time after which work that does not come to rest is an endless loop.
const STUCK: Duration = Duration::from_secs(60);
/// Turns of the runtime without work after which all is quiet.
const QUIET_TURNS: u32 = 4;

/// A server that is up.
pub(crate) struct Life<'a> {
    number: u64,
    world: &'a Shared,
    timeline: Arc<Timeline>,
    crash: Arc<Crash>,
    store: Store,
    router: Router,
    netboot: Netboot,
    gates: Vec<Arc<Gate>>,
    due: Vec<Arc<Notify>>,
    commands: watch::Sender<i64>,
    /// Engines that have not begun.
    resting: Vec<Option<Engine<EngineView, Arc<StepCatalogue>>>>,
    working: Vec<JoinHandle<()>>,
    /// It stands still until then.
    frozen_until: Duration,
}

/// Lives until it is killed or nothing more happens.
pub(crate) async fn live(world: &Shared, config: &Config, number: u64, crash: Arc<Crash>) -> anyhow::Result<End> {
    let opened = tokio::select! {
        biased;
        () = crash.happens() => return Ok(End::Killed),
        opened = Life::open(world, config, number, Arc::clone(&crash)) => opened,
    };
    let mut life = opened?;
    loop {
        if !life.comes_to_rest().await? {
            return Ok(End::Killed);
        }
        let Some(happening) = life.timeline.next() else { return Ok(End::Over) };
        if happening.is_the_servers() && life.timeline.now() < life.frozen_until {
            life.timeline.at(life.frozen_until, happening);
            continue;
        }
        let for_server = world.lock().handle(happening);
        match for_server {
            ForServer::Nothing => {}
            ForServer::Die => return Ok(End::Killed),
            ForServer::Answer(message) => life.answer(message),
            ForServer::Inspect => {
                crate::checks::inspect(world, &life.store).await?;
                if crate::checks::is_over(world, &life.store).await? {
                    return Ok(End::Over);
                }
            }
            ForServer::Own(happening) => life.own(happening),
        }
    }
}

impl<'a> Life<'a> {
    async fn open(world: &'a Shared, config: &Config, number: u64, crash: Arc<Crash>) -> anyhow::Result<Self> {
        let timeline = Arc::clone(&world.lock().common.timeline);
        let transactions = Arc::new(AtomicU64::new(0));
        let probe = CrashingProbe { crash: Arc::clone(&crash), transactions: Arc::clone(&transactions) };
        let surroundings = Surroundings {
            clock: Arc::new(ServerClock::start(&timeline)),
            chance: Arc::new(WorldChance(world.clone())),
            bmcs: Arc::new(SimulatedBmcs { world: world.clone(), timeline: Arc::clone(&timeline) }),
            probe: Arc::new(probe),
        };
        let core = Core::open(config, surroundings).await?;
        if world.lock().common.rules.sabotage == Some(Sabotage::LeasesForgotten) {
            forget_leases(core.store()).await?;
        }
        let netboot = core.netboot(80).await?;
        let stop = CancellationToken::new();
        let router = core.router(config, 80, &netboot, stop.clone()).await?;
        let store = core.store().clone();
        let (commands, commanded) = watch::channel(*store.command_seq().borrow());
        let count = world.lock().common.faults.engines;
        forward(&store, &timeline, number, count);
        tokio::spawn(core.attend(stop.clone()));
        crate::checks::know_machines(world, &store).await?;
        world.lock().common.tell(|| format!("the server is up (life {number})"));
        // Last: from here on every wait is on the timeline.
        let due: Vec<_> = (0..count).map(|_| Arc::new(Notify::new())).collect();
        let resting = (0..count).map(|engine| {
            let (world, due, commands) = (world.clone(), Arc::clone(&due[engine]), commanded.clone());
            let transactions = Arc::clone(&transactions);
            let wrap =
                |store| EngineView { engine, store, world, due, commands, transactions, known_due: Mutex::default() };
            timeline.after(Duration::ZERO, Happening::EngineStarts { life: number, engine });
            Some(core.engine(config, wrap).0)
        });
        let (resting, working) = (resting.collect(), Vec::new());
        let (gates, frozen_until) = (Vec::new(), Duration::ZERO);
        Ok(Self {
            number,
            world,
            timeline,
            crash,
            store,
            router,
            netboot,
            gates,
            due,
            commands,
            resting,
            working,
            frozen_until,
        })
    }

    /// Waits until only time can bring the next change. False when the server was killed meanwhile.
    async fn comes_to_rest(&mut self) -> anyhow::Result<bool> {
        let since = Instant::now();
        let mut quiet = 0;
        while quiet < QUIET_TURNS {
            if self.crash.has_happened() {
                return Ok(false);
            }
            tokio::task::yield_now().await;
            if self.store.is_idle() {
                quiet += 1;
            } else {
                quiet = 0;
                anyhow::ensure!(since.elapsed() < STUCK, "the server does not come to rest");
                std::thread::yield_now();
            }
        }
        anyhow::ensure!(!self.working.iter().any(JoinHandle::is_finished), "an engine has ended by itself");
        self.gates.retain(|gate| Arc::strong_count(gate) > 1);
        self.gates.iter().for_each(|gate| gate.park());
        Ok(true)
    }

    fn answer(&mut self, message: Message) {
        let world = self.world.clone();
        let (router, netboot) = (self.router.clone(), self.netboot.clone());
        let asked = message.clone();
        if message.exchange != 0 {
            world.lock().in_flight.push(message.clone());
        }
        let inside = Box::pin(async move {
            let peer = asked.address.unwrap_or(Ipv4Addr::UNSPECIFIED);
            let answer = match asked.question.clone() {
                Question::Dhcp(bytes) => {
                    Answer::Dhcp(netboot.answer_dhcp(SERVER, &bytes, SocketAddrV4::new(peer, 68)).await)
                }
                http => request(router, http, peer).await,
            };
            world.lock().server_answers(asked, answer);
        });
        let gate = Gate::open(&self.timeline);
        self.gates.push(Arc::clone(&gate));
        let held = tokio::spawn(Gated { gate, inside }).abort_handle();
        if message.question.is_poll() {
            self.timeline.after(Duration::from_secs(LONG_POLL_SECONDS), Happening::PollEnds(message, held));
        }
    }

    fn own(&mut self, happening: Happening) {
        match happening {
            Happening::Alarm(alarm) => {
                alarm.ring();
            }
            Happening::Proceed(gate) => gate.proceed(),
            Happening::EngineStarts { life, engine } if life == self.number => {
                if let Some(engine) = self.resting[engine].take() {
                    let stop = CancellationToken::new();
                    self.working.push(tokio::spawn(async move { engine.run(stop).await }));
                }
            }
            Happening::Due { life, engine } if life == self.number => self.due[engine].notify_one(),
            Happening::Commanded(life, seq) if life == self.number => {
                self.commands.send_replace(seq);
            }
            Happening::PollEnds(message, held) if !held.is_finished() => {
                held.abort();
                self.world.lock().server_answers(message, Answer::Http(204, Vec::new()));
            }
            Happening::Freeze(time) => {
                self.world.lock().common.tell(|| format!("the server stands still for {} s", time.as_secs()));
                self.frozen_until = self.timeline.now() + time;
            }
            _ => {}
        }
    }
}

/// The broken rule: what was acknowledged is as if it had never been.
async fn forget_leases(store: &Store) -> anyhow::Result<()> {
    let mut leases = store.load_leases().await?;
    for lease in &mut leases {
        lease.expires = lease.since;
    }
    store.commit_leases(&leases).await?;
    Ok(())
}

/// Puts what the store tells the engine on the timeline.
fn forward(store: &Store, timeline: &Arc<Timeline>, life: u64, engines: usize) {
    let (due, mut commands) = (store.due_changed(), store.command_seq());
    let (for_due, for_commands) = (Arc::clone(timeline), Arc::clone(timeline));
    tokio::spawn(async move {
        loop {
            due.notified().await;
            for engine in 0..engines {
                for_due.after(Duration::ZERO, Happening::Due { life, engine });
            }
        }
    });
    tokio::spawn(async move {
        while commands.changed().await.is_ok() {
            let seq = *commands.borrow_and_update();
            for_commands.after(Duration::ZERO, Happening::Commanded(life, seq));
        }
    });
}

/// Answers a request as the server's HTTP does, without a connection.
pub(crate) async fn request(router: Router, question: Question, peer: Ipv4Addr) -> Answer {
    const MOST: usize = 1 << 20;
    let Question::Http { method, path, token, body } = question else { return Answer::Broken };
    let mut request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.extension(ConnectInfo(SocketAddr::from((peer, 40_000)))).body(Body::from(body));
    let response = match request {
        Ok(request) => router.oneshot(request).await,
        Err(_) => return Answer::Broken,
    };
    let Ok(response) = response;
    let status = response.status().as_u16();
    match axum::body::to_bytes(response.into_body(), MOST).await {
        Ok(body) => Answer::Http(status, body.to_vec()),
        Err(_) => Answer::Broken,
    }
}

/// The world's dice, for the engine.
struct WorldChance(Shared);

impl Chance for WorldChance {
    fn fraction(&self) -> f64 {
        self.0.lock().common.dice.fraction()
    }
}

/// Starts a server once more, to see what it has on record.
pub(crate) async fn check(world: &Shared, config: &Config) -> anyhow::Result<()> {
    let timeline = Arc::clone(&world.lock().common.timeline);
    let clock = Arc::new(ServerClock::start(&timeline));
    let core = Core::open(config, Surroundings { clock, ..Surroundings::default() }).await?;
    crate::checks::at_the_end(world, core.store()).await
}
