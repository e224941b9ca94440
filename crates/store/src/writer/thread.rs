//! A thread that may wait for the disk.
//!
//! It is the writer's own. The runtime's blocking threads serve files too, and a hundred machines that read a cold
//! image from a slow disk must not keep a commit from its turn.

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use tokio::sync::oneshot;

type Order = Box<dyn FnOnce() + Send>;

/// The way to the thread, which ends when this is dropped and its last order is done.
pub(super) struct DiskThread {
    orders: Sender<Order>,
}

impl DiskThread {
    pub(super) fn start() -> io::Result<Self> {
        let (orders, received) = channel::<Order>();
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || received.into_iter().for_each(|order| order()))?;
        Ok(Self { orders })
    }

    /// Does `work` with what it is lent, and gives that back with what came of it.
    ///
    /// # Panics
    /// When `work` does.
    pub(super) async fn lend<L, T>(&self, mut lent: L, work: impl FnOnce(&mut L) -> T + Send + 'static) -> (L, T)
    where
        L: Send + 'static,
        T: Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let order = move || {
            let done = work(&mut lent);
            // Nobody waits for it any more when the runtime is gone.
            let _unheard = answer.send((lent, done));
        };
        self.orders.send(Box::new(order)).expect("the thread ends by a panic only, which ended this task as well");
        answered.await.expect("the work panicked: the message is in the log")
    }
}
