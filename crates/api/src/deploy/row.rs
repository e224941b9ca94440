//! One row of a design becomes a machine with a run: its BMC, itself and its reservations are made what the row says,
//! then its run is started. All of it may be done again at any time.

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::service::check::Check as _;
use crate::service::object;
use crate::service::start_run::{self, Wish};
use render::{Own, Resolution, Site};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use store::{Bmcs, Machine, Machines, Reservations as ReservationKind, Selector};
use types::bmc::BmcSpec;
use types::design::{DeploymentSpec, DesignRow, DesignSpec};
use types::machine::MachineSpec;
use types::object::Source;
use types::subnet::ReservationSpec;
use types::{MacAddr, MachineId, Name, RunId, Secret};
use url::Url;
use wire::{Reservation, StartRun};

/// What is begun.
#[derive(Clone, Copy)]
pub(super) struct Beginning<'a> {
    pub(super) spec: &'a DeploymentSpec,
    pub(super) row: &'a Name,
    /// The run's id, whether it was started before or not.
    pub(super) run: RunId,
    pub(super) reservations: &'a Reservations,
    /// As the history names the deployment.
    pub(super) actor: &'a str,
}

fn unavailable(reason: impl Into<String>) -> ApiError {
    ApiError::Unavailable { reasons: vec![reason.into()] }
}

/// Makes the row's objects what it says, and starts its run.
pub(super) async fn begin(app: &App, beginning: Beginning<'_>) -> ApiResult<MachineId> {
    let Beginning { spec, row: name, run, reservations, actor } = beginning;
    if let Some(run) = app.store.run(run).await? {
        return Ok(run.machine);
    }
    let site = app.sites.current().await?;
    let design = site.designs.get(&spec.design);
    let design = design.ok_or_else(|| unavailable(format!("there is no design {}", spec.design)))?;
    let row = design.rows.get(name);
    let row = row.ok_or_else(|| unavailable(format!("design {} has no row {name} any more", spec.design)))?;
    let known = find_machine(app, name, row, actor).await?;
    let mut wanted = machine_spec(spec, design, row, known.as_ref());
    if row.bmc.is_none() && row.bmc_address.is_some() {
        wanted.bmc = Some(ensure_bmc(app, &site, name, row, &wanted, actor).await?);
    }
    let machine = ensure_machine(app, name, wanted, known, actor).await?;
    for (name, mac, address) in reserved(name, row) {
        if site.subnets.values().any(|subnet| subnet.cidr.contains(address)) {
            reservations.ensure(app, name, mac, address, actor).await?;
        }
    }
    let start = StartRun { stages: spec.stages.clone(), ..StartRun::default() };
    let wish = Wish { id: run, machine: &machine, start, address: row.address, by: actor.to_owned() };
    start_run::start(app, wish).await?;
    Ok(machine.id.into())
}

/// The row's machine, if it is known: by its name, else by a card. One that was found by itself gets the row's name.
async fn find_machine(app: &App, name: &Name, row: &DesignRow, actor: &str) -> ApiResult<Option<Machine>> {
    if let Some(machine) = app.store.find::<Machines>(&Selector::from(name)).await? {
        return Ok(Some(machine));
    }
    for mac in &row.macs {
        let Some(machine) = app.store.machine_by_mac(*mac).await? else { continue };
        if machine.source != Source::Discovered {
            return Err(unavailable(format!("{mac} belongs to machine {}", machine.name)));
        }
        let renamed = app.store.rename::<Machines>(machine.id, machine.version, name.clone(), actor).await?;
        return Ok(Some(renamed));
    }
    Ok(None)
}

/// The machine as the row wants it; what the row does not speak of stays.
fn machine_spec(spec: &DeploymentSpec, design: &DesignSpec, row: &DesignRow, known: Option<&Machine>) -> MachineSpec {
    let mut wanted = known.map(|machine| machine.spec.clone()).unwrap_or_default();
    wanted.design = Some(spec.design.clone());
    wanted.group = Some(row.group.as_ref().unwrap_or(&design.group).clone());
    if !row.macs.is_empty() {
        wanted.macs.clone_from(&row.macs);
    }
    if !row.profiles.is_empty() {
        wanted.profiles.clone_from(&row.profiles);
    }
    wanted.machine_type = row.machine_type.unwrap_or(wanted.machine_type);
    wanted.hostname = row.hostname.clone().or(wanted.hostname);
    wanted.address = row.address.or(wanted.address);
    wanted.hardware_profile = row.hardware_profile.clone().or(wanted.hardware_profile);
    wanted.bmc = row.bmc.clone().or(wanted.bmc);
    wanted
}

async fn ensure_machine(
    app: &App,
    name: &Name,
    wanted: MachineSpec,
    known: Option<Machine>,
    actor: &str,
) -> ApiResult<Machine> {
    if let Some(wrong) = wanted.check(&*app.check_step).into_iter().next() {
        return Err(unavailable(format!("{}: {}", wrong.pointer, wrong.message)));
    }
    match known {
        Some(machine) if machine.spec == wanted => Ok(machine),
        Some(machine) => Ok(app.store.update::<Machines>(machine.id, machine.version, wanted, actor).await?),
        None => Ok(app.store.create::<Machines>(name.clone(), wanted, Source::Api, actor).await?),
    }
}

/// The row's name with something behind it, within what a name can hold.
fn with_suffix(name: &Name, suffix: &str) -> Name {
    let room = types::name::MAX_NAME_LEN - suffix.len();
    let start = name.as_str().get(..room).unwrap_or(name.as_str()).trim_end_matches(['-', '.', '_']);
    format!("{start}{suffix}").parse().unwrap_or_else(|_| name.clone())
}

/// Declares the BMC at the row's address, with the login that the parameters give.
async fn ensure_bmc(
    app: &App,
    site: &Site,
    name: &Name,
    row: &DesignRow,
    machine: &MachineSpec,
    actor: &str,
) -> ApiResult<Name> {
    let Some(address) = row.bmc_address else { return Err(unavailable("the row names no BMC")) };
    let effective = site.effective(name, machine, None, machine.address);
    let params = effective.params(site, name, machine, Own::default());
    let url = bmc_url(address, &params)?;
    let bmc_name = with_suffix(name, "-bmc");
    let known = app.store.find::<Bmcs>(&Selector::from(&bmc_name)).await?;
    let text = |key: &str| params.get(key).and_then(|resolved| resolved.value.as_str()).map(str::to_owned);
    let (username, password) = match (text("redfish_username"), text("redfish_password"), &known) {
        (Some(username), Some(password), _) => (username, Secret::new(password)),
        (_, _, Some(known)) => (known.spec.username.clone(), known.spec.password.clone()),
        _ => return Err(unavailable("its BMC has no login: set redfish_username and redfish_password")),
    };
    let Some(known) = known else {
        let wanted = BmcSpec { url, username, password, certificate: None };
        return Ok(app.store.create::<Bmcs>(bmc_name, wanted, Source::Api, actor).await?.name);
    };
    // Another BMC has another certificate.
    let certificate = known.spec.certificate.filter(|_| known.spec.url == url);
    let wanted = BmcSpec { url, username, password, certificate };
    if known.spec != wanted {
        app.store.update::<Bmcs>(known.id, known.version, wanted, actor).await?;
    }
    Ok(bmc_name)
}

fn bmc_url(address: IpAddr, params: &Resolution) -> ApiResult<Url> {
    let host = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let port = params.get("redfish_port").map(|resolved| {
        resolved
            .value
            .as_u64()
            .map_or_else(|| resolved.value.as_str().and_then(|text| text.parse().ok()), |port| u16::try_from(port).ok())
    });
    let port: u16 = match port {
        None => 443,
        Some(port) => port.ok_or_else(|| unavailable("redfish_port is no port"))?,
    };
    let url = format!("https://{host}:{port}/").parse();
    url.map_err(|error: url::ParseError| unavailable(format!("the address of its BMC makes no URL: {error}")))
}

/// The addresses that the row gives cards.
fn reserved(name: &Name, row: &DesignRow) -> Vec<(Name, MacAddr, Ipv4Addr)> {
    let ipv4 = |address: Option<IpAddr>| match address {
        Some(IpAddr::V4(address)) => Some(address),
        _ => None,
    };
    let own = row.macs.first().copied().zip(ipv4(row.address)).map(|(mac, address)| (name.clone(), mac, address));
    let of_bmc = row.bmc_mac.zip(ipv4(row.bmc_address));
    let of_bmc = of_bmc.map(|(mac, address)| (with_suffix(name, "-bmc"), mac, address));
    own.into_iter().chain(of_bmc).collect()
}

/// The reservations as they were when the machines' turn came.
pub(super) struct Reservations {
    by_mac: HashMap<MacAddr, Reservation>,
    by_address: HashMap<Ipv4Addr, Reservation>,
    by_name: HashMap<Name, Reservation>,
}

impl Reservations {
    pub(super) async fn load(app: &App) -> ApiResult<Self> {
        let all = object::all::<ReservationKind>(app).await?;
        Ok(Self {
            by_mac: all.iter().map(|one| (one.spec.mac, one.clone())).collect(),
            by_address: all.iter().map(|one| (one.spec.address, one.clone())).collect(),
            by_name: all.into_iter().map(|one| (one.name.clone(), one)).collect(),
        })
    }

    /// Reserves an address for a card. A reservation that the card has already is changed.
    async fn ensure(&self, app: &App, name: Name, mac: MacAddr, address: Ipv4Addr, actor: &str) -> ApiResult<()> {
        if let Some(other) = self.by_address.get(&address).filter(|other| other.spec.mac != mac && other.name != name) {
            let (card, other) = (other.spec.mac, &other.name);
            return Err(unavailable(format!("{address} is reserved for {card} by reservation {other}")));
        }
        let known = self.by_mac.get(&mac).or_else(|| self.by_name.get(&name));
        let Some(known) = known else {
            let hostname = Some(name.clone()).filter(|name| !name.as_str().ends_with("-bmc"));
            let wanted = ReservationSpec { mac, address, ipv6: None, hostname };
            app.store.create::<ReservationKind>(name, wanted, Source::Api, actor).await?;
            return Ok(());
        };
        let wanted = ReservationSpec { mac, address, ..known.spec.clone() };
        if known.spec != wanted {
            app.store.update::<ReservationKind>(known.id, known.version, wanted, actor).await?;
        }
        Ok(())
    }
}
