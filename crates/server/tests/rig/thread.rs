//! A server in a runtime and thread of its own, which can be killed between two awaits.

use super::crash::{Commits, Crash, CrashingStore};
use super::looks::{Looks, WatchedCatalogue};
use super::pace::Pace;
use serde_json::json;
use server::{Config, Server};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{Notify, oneshot};
use types::Secret;

/// What a server of the rig is started with.
#[derive(Clone)]
pub(crate) struct ServerSetup {
    pub(crate) folder: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) pace: Pace,
    pub(crate) crash: Crash,
    pub(crate) commits: Commits,
    pub(crate) looks: Looks,
}

impl ServerSetup {
    fn config(&self) -> Config {
        let boot = self.folder.join("boot");
        let config = json!({
            "data": self.folder.join("data"),
            "listen": self.address,
            "boot": {"loaders": boot, "maintenance_os": boot},
        });
        Config::parse(&config.to_string(), Path::new("test.yaml")).unwrap()
    }

    async fn start(self) -> Server {
        let (config, surroundings) = (self.config(), self.pace.surroundings());
        let Self { crash, commits, looks, .. } = self;
        let wrap_store = |store| CrashingStore { store, crash, commits };
        let wrap_steps = |steps| WatchedCatalogue { steps, looks };
        Server::start_with(config, surroundings, wrap_store, wrap_steps).await.unwrap()
    }
}

/// Dropping it kills the server.
pub(crate) struct ServerThread {
    /// Something sent stops the server instead.
    kill: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ServerThread {
    /// Starts a server and waits until it serves. At its first start it tells its token.
    pub(crate) async fn start(setup: ServerSetup) -> (Self, Option<Secret>) {
        let (started, has_started) = oneshot::channel();
        let (kill, killed) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let stop = Arc::new(Notify::new());
            let stopped = Arc::clone(&stop);
            let serving = async move {
                let server = setup.start().await;
                started.send(server.first_token().cloned()).unwrap();
                server.run_until(stopped.notified()).await.unwrap();
            };
            runtime.block_on(async {
                let mut serving = std::pin::pin!(serving);
                let killed = tokio::select! {
                    () = &mut serving => return,
                    killed = killed => killed,
                };
                if killed.is_ok() {
                    stop.notify_one();
                    serving.await;
                }
            });
            runtime.shutdown_background();
        });
        let token = has_started.await.expect("the server starts");
        (Self { kill: Some(kill), thread: Some(thread) }, token)
    }

    /// Stops the server as SIGTERM does.
    pub(crate) fn stop(mut self) {
        if let Some(kill) = self.kill.take() {
            kill.send(()).ok();
        }
    }
}

impl Drop for ServerThread {
    fn drop(&mut self) {
        drop(self.kill.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
