//! What the REST API and its clients say to each other, as far as it is not a stored object itself.
//!
//! Plain data: the API fills it in, the client reads it back, neither depends on the other.

mod apply;
mod change;
mod deployment;
mod health;
mod media;
mod object;
mod pool;
mod problem;
mod run;
mod session;

pub use apply::{Applied, ApplyFile, ApplyReport, ApplyRequest, Change, Export};
pub use change::{
    CloneObject, FindingView, MachineParams, ParamView, RenderPreview, RenderedPreview, Revert, UseView, Uses,
    VersionView,
};
pub use deployment::{
    Deployment, DeploymentCommand, DeploymentReport, Design, MachineReport, MachineStageReport, SheetReport,
    StageReport,
};
pub use health::{Health, HealthStatus, Trouble};
pub use media::{MediaList, MediumFile};
pub use object::{
    Bmc, BootEnv, Create, Image, Machine, NoStatus, Page, Reservation, Subnet, Template, Update, View, Workflow,
};
pub use pool::{PoolUse, Pools, QuarantinedAddress, SubnetPools};
pub use problem::{DocumentProblem, Problem, code};
pub use run::{RunView, StageView, StartRun, StepView, TaskView};
pub use session::{Login, PrincipalKind, Version, Whoami};

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
