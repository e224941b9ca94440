//! Why an out-of-band operation failed, and whether trying again can help.

use redfish::{ConnectError, ReadError, RequestError, TaskError, WriteError};
use std::time::Duration;
use types::ErrorClass;

/// An operation on a BMC failed.
#[derive(Debug, thiserror::Error)]
pub enum BmcError {
    /// The BMC's address or TLS cannot work.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Something could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Something could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The BMC's own task did not end well.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The whole operation, with its repeats and looks, took too long.
    #[error("{operation} took longer than {} s", budget.as_secs())]
    OutOfTime {
        /// The operation.
        operation: &'static str,
        /// What it may take.
        budget: Duration,
    },
    /// The BMC did not answer several times in a row and is left alone for a while.
    #[error("the BMC has stopped answering and is left alone for {} s", retry_in.as_secs().max(1))]
    Resting {
        /// When it is tried again.
        retry_in: Duration,
    },
    /// The BMC took the change and does not show it.
    #[error("the BMC took {change} {wanted} and still shows {found}")]
    NotApplied {
        /// What was changed.
        change: &'static str,
        /// What it was to become.
        wanted: String,
        /// What is shown.
        found: String,
    },
    /// The BMC took the change, and whether it was made could not be read.
    #[error("the BMC was asked for {change}, and looking for it failed")]
    Unproven {
        /// What was changed.
        change: &'static str,
        /// Why it could not be read.
        source: Box<BmcError>,
    },
    /// The machine's BIOS has no such attributes.
    #[error("the BIOS has no attribute {}", names.join(", "))]
    NoSuchAttribute {
        /// Their names.
        names: Vec<String>,
    },
    /// No virtual CD drive that takes an image by URL.
    #[error("the BMC has no virtual CD drive")]
    NoVirtualCd,
}

impl BmcError {
    /// Whether trying again can help.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Connect(_) | Self::NoSuchAttribute { .. } | Self::NoVirtualCd => ErrorClass::Configuration,
            Self::Read(error) => class_of_read(error),
            Self::Write(WriteError::Request(error)) => class_of_request(error),
            Self::Write(WriteError::Read(error)) => class_of_read(error),
            Self::Write(WriteError::NotOffered { .. }) => ErrorClass::Configuration,
            Self::Task(TaskError::Request(error)) => class_of_request(error),
            Self::Task(TaskError::Failed { .. } | TaskError::Vanished { .. }) => ErrorClass::Transient,
            Self::Task(TaskError::Unfinished { .. }) | Self::OutOfTime { .. } => ErrorClass::Timeout,
            Self::Resting { .. } => ErrorClass::Network,
            Self::NotApplied { .. } => ErrorClass::Transient,
            Self::Unproven { source, .. } => source.class(),
        }
    }

    /// Whether the change may have been made although this is an error.
    ///
    /// Running out of time in the middle of a change counts: its answer was not waited for.
    pub fn effect_is_unknown(&self) -> bool {
        matches!(
            self,
            Self::Write(WriteError::Request(RequestError::UnknownEffect { .. }))
                | Self::Task(TaskError::Vanished { .. } | TaskError::Unfinished { .. })
                | Self::OutOfTime { .. }
                | Self::Unproven { .. }
        )
    }

    /// Whether the BMC refused because things are not as the request assumes, such as "already off".
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Write(WriteError::Request(RequestError::Refused { status: 400 | 409, .. })))
    }
}

fn class_of_read(error: &ReadError) -> ErrorClass {
    match error {
        ReadError::Request(error) => class_of_request(error),
        // A BMC or its host that is just starting serves resources with half of their properties.
        ReadError::Missing { .. } => ErrorClass::Transient,
    }
}

fn class_of_request(error: &RequestError) -> ErrorClass {
    match error {
        RequestError::Unreachable { .. } | RequestError::Broken { .. } => ErrorClass::Network,
        RequestError::TimedOut { .. } => ErrorClass::Timeout,
        RequestError::WrongCertificate { .. }
        | RequestError::LoginRefused { .. }
        | RequestError::TooLarge { .. }
        | RequestError::TooDeep { .. }
        | RequestError::RedirectLoop { .. } => ErrorClass::Configuration,
        RequestError::NotJson { .. } => ErrorClass::Transient,
        RequestError::Refused { status, .. } => class_of_status(*status),
        RequestError::UnknownEffect { source, .. } => class_of_request(source),
    }
}

/// 404 is transient: BMCs lose links that they advertise while their host starts. So is 401 here: it is what
/// is left after a login that was accepted; one that is refused is `LoginRefused`.
fn class_of_status(status: u16) -> ErrorClass {
    match status {
        401 | 404 | 408 | 409 | 410 | 412 | 423 | 429 => ErrorClass::Transient,
        400..=499 | 501 => ErrorClass::Configuration,
        _ => ErrorClass::Transient,
    }
}
