//! What is simulated besides the seed: how long, and with which rule of the program broken.

/// What is simulated.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// A rule that is broken on purpose, to see that it is noticed.
    pub sabotage: Option<Sabotage>,
}

/// A rule that can be broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The store takes commits of engines that have lost their run.
    EpochsIgnored,
    /// Agents carry out an order again that they have carried out.
    OrdersRepeated,
    /// The server acknowledges leases that it forgets when it restarts.
    LeasesForgotten,
    /// The store says that a note is durable which it has not written.
    NotesForgotten,
}
