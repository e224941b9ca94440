//! What is particular to machines: they are found by their network cards, and report about themselves.
//!
//! A card is a machine's because its spec declares it, or because it was seen in it. The spec is the operator's
//! and is never changed for what was seen; a card that is declared elsewhere, or seen elsewhere later, moves.

use crate::column::{parse, to_json};
use crate::kinds::Machines;
use crate::object_row::{ObjectRow, find_row};
use crate::sql::{Executor, query, query_as, query_scalar};
use crate::writer::Tx;
use crate::{Machine, Store, StoreError};
use serde_json::json;
use types::agent::{CallHome, Registration};
use types::event::{self, NewEvent};
use types::machine::{AgentPresence, CalledHome, InstallOutcome, Installation, MachineSpec, MachineStatus};
use types::object::{Kind, Source};
use types::{MacAddr, MachineId, Name, ObjectId, RunId};
use uuid::{Uuid, uuid};
use workflow::ports::Lease;

/// UUIDs that say nothing, as boards have them whose maker did not set one.
const MEANINGLESS: [Uuid; 3] = [Uuid::nil(), Uuid::max(), uuid!("03000200-0400-0500-0006-000700080009")];
/// What the machine boots next was set. Data: env.
const WANTED_ENV: &str = "machine.wanted_env";
/// A BMC was tied to the machine. Data: bmc.
const BMC_TIED: &str = "machine.bmc";

/// A machine that has shown up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMachine {
    /// Its network cards.
    pub macs: Vec<MacAddr>,
    /// Its SMBIOS system UUID.
    pub uuid: Option<Uuid>,
    /// The name it gets if it is new; a number is added when another machine has it.
    pub name: Name,
}

impl Store {
    /// The machine that the card belongs to: by its spec, or else by its inventory.
    pub async fn machine_by_mac(&self, mac: MacAddr) -> Result<Option<Machine>, StoreError> {
        let id = machine_of_mac(self.reader(), mac)?;
        self.machine_of(id).await
    }

    /// The machine with the SMBIOS system UUID: the oldest, should several have it.
    pub async fn machine_by_uuid(&self, uuid: Uuid) -> Result<Option<Machine>, StoreError> {
        let id = machine_of_uuid(self.reader(), uuid)?;
        self.machine_of(id).await
    }

    /// Whether the UUID does not say which machine it is: several have it, or many boards leave the factory with it.
    pub async fn is_uuid_ambiguous(&self, uuid: Uuid) -> Result<bool, StoreError> {
        let count: Option<i64> = query_scalar("SELECT count(*) FROM machine_uuids WHERE uuid = ?1")
            .bind(uuid.to_string())
            .fetch_optional(self.reader())?;
        Ok(MEANINGLESS.contains(&uuid) || count.unwrap_or(0) > 1)
    }

    async fn machine_of(&self, id: Option<MachineId>) -> Result<Option<Machine>, StoreError> {
        let Some(id) = id else { return Ok(None) };
        let row = find_row(self.reader(), Kind::Machine, &ObjectId::from(id).into())?;
        row.map(|row| row.into_object::<Machines>(&self.inner.sealer)).transpose()
    }

    /// The machine that has shown up, and whether it is new: known by a card or else by its UUID, or made now.
    pub async fn discover(&self, new: NewMachine, actor: &str) -> Result<(Machine, bool), StoreError> {
        let actor = actor.to_owned();
        let found = self.write(move |tx| tx.discover(new, &actor));
        let (row, created) = found.await?;
        Ok((row.into_object::<Machines>(&self.inner.sealer)?, created))
    }

    /// An agent came up on the machine. A repeated registration of the same boot changes nothing.
    pub async fn agent_registered(
        &self,
        machine: MachineId,
        registration: Registration,
    ) -> Result<Machine, StoreError> {
        let row = self.write(move |tx| tx.agent_registered(machine, registration));
        row.await?.into_object::<Machines>(&self.inner.sealer)
    }

    /// The installed system of `run` came up. A repeated call of the same boot changes nothing.
    pub async fn called_home(&self, machine: MachineId, run: RunId, call: CallHome) -> Result<(), StoreError> {
        self.write(move |tx| tx.called_home(machine, run, call)).await
    }

    /// The installer that works for `run` said how its work ended. Once it is done the machine boots its disk: it
    /// restarts itself, before anybody could tell it. What was said before is not said anew; a failure that ends in
    /// success after all is one.
    pub async fn installer_reported(
        &self,
        machine: MachineId,
        run: RunId,
        outcome: InstallOutcome,
        report: String,
    ) -> Result<(), StoreError> {
        self.write(move |tx| tx.installer_reported(machine, run, outcome, report)).await
    }

    /// What the machine boots the next time it asks. Fenced by `lease`.
    pub async fn set_wanted_env(&self, lease: Lease, machine: MachineId, env: Option<Name>) -> Result<(), StoreError> {
        self.write(move |tx| tx.set_wanted_env(lease, machine, env)).await
    }

    /// Ties a BMC to the machine. Fenced by `lease`.
    pub async fn set_machine_bmc(&self, lease: Lease, machine: MachineId, bmc: Name) -> Result<(), StoreError> {
        self.write(move |tx| tx.set_machine_bmc(lease, machine, &bmc)).await
    }
}

pub(crate) fn machine_of_mac(executor: impl Executor, mac: MacAddr) -> Result<Option<MachineId>, StoreError> {
    let id: Option<String> = query_scalar("SELECT machine FROM machine_macs WHERE mac = ?1")
        .bind(mac.to_string())
        .fetch_optional(executor)?;
    id.map(|id| parse(&id, || format!("the machine of {mac}"))).transpose()
}

fn machine_of_uuid(executor: impl Executor, uuid: Uuid) -> Result<Option<MachineId>, StoreError> {
    if MEANINGLESS.contains(&uuid) {
        return Ok(None);
    }
    let query = "SELECT machine FROM machine_uuids JOIN objects ON id = machine
                 WHERE uuid = ?1 ORDER BY declared DESC, created, id LIMIT 1";
    let id: Option<String> = query_scalar(query).bind(uuid.to_string()).fetch_optional(executor)?;
    id.map(|id| parse(&id, || format!("the machine of {uuid}"))).transpose()
}

impl Tx {
    /// Keeps what the machine is found by, as its spec declares it.
    pub(crate) fn declare_machine(&mut self, id: MachineId, spec: &MachineSpec) -> Result<(), StoreError> {
        self.undeclare_machine(id)?;
        for mac in &spec.macs {
            self.check_card_is_free(id, *mac)?;
            query("INSERT OR REPLACE INTO machine_macs (mac, machine, declared) VALUES (?1, ?2, 1)")
                .bind(mac.to_string())
                .bind(id.to_string())
                .execute(&mut self.connection)?;
            self.effects.cards.push(*mac);
        }
        if let Some(uuid) = spec.uuid {
            query("INSERT OR REPLACE INTO machine_uuids (uuid, machine, declared) VALUES (?1, ?2, 1)")
                .bind(uuid.to_string())
                .bind(id.to_string())
                .execute(&mut self.connection)?;
        }
        Ok(())
    }

    /// Forgets what the machine's spec declared. What was seen in it stays.
    pub(crate) fn undeclare_machine(&mut self, id: MachineId) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM machine_macs WHERE machine = ?1 AND declared = 1",
            "DELETE FROM machine_uuids WHERE machine = ?1 AND declared = 1",
        ] {
            query(sql).bind(id.to_string()).execute(&mut self.connection)?;
        }
        Ok(())
    }

    fn check_card_is_free(&mut self, id: MachineId, mac: MacAddr) -> Result<(), StoreError> {
        let owner: Option<(String, String)> = query_as(
            "SELECT machine, name FROM machine_macs JOIN objects ON id = machine WHERE mac = ?1 AND declared = 1",
        )
        .bind(mac.to_string())
        .fetch_optional(&mut self.connection)?;
        match owner {
            Some((owner, name)) if owner != id.to_string() => {
                Err(StoreError::MacTaken { mac, machine: parse(&name, || format!("object {owner}"))? })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Keeps what was seen in the machine. Declared cards stay whose they are; a card that was seen in another
    /// machine has moved.
    fn see_machine(
        &mut self,
        id: MachineId,
        macs: impl IntoIterator<Item = MacAddr> + Send,
        uuid: Option<Uuid>,
    ) -> Result<(), StoreError> {
        let macs: Vec<MacAddr> = macs.into_iter().filter(MacAddr::is_unicast).collect();
        for mac in macs {
            query(
                "INSERT INTO machine_macs (mac, machine, declared) VALUES (?1, ?2, 0)
                 ON CONFLICT (mac) DO UPDATE SET machine = excluded.machine WHERE declared = 0",
            )
            .bind(mac.to_string())
            .bind(id.to_string())
            .execute(&mut self.connection)?;
            self.effects.cards.push(mac);
        }
        if let Some(uuid) = uuid.filter(|uuid| !MEANINGLESS.contains(uuid)) {
            query("INSERT OR IGNORE INTO machine_uuids (uuid, machine, declared) VALUES (?1, ?2, 0)")
                .bind(uuid.to_string())
                .bind(id.to_string())
                .execute(&mut self.connection)?;
        }
        Ok(())
    }

    fn discover(&mut self, new: NewMachine, actor: &str) -> Result<(ObjectRow, bool), StoreError> {
        let NewMachine { mut macs, uuid, name } = new;
        macs.retain(MacAddr::is_unicast);
        macs.sort_unstable();
        macs.dedup();
        if let Some(id) = self.known_machine(&macs, uuid)? {
            self.see_machine(id, macs, uuid)?;
            return Ok((self.load(Kind::Machine, id.into())?, false));
        }
        let name = self.free_machine_name(&name)?;
        let data = json!({ "name": name, "macs": macs, "uuid": uuid });
        let uuid = uuid.filter(|uuid| !MEANINGLESS.contains(uuid));
        let spec = MachineSpec { macs, uuid, ..MachineSpec::default() };
        let spec = serde_json::to_value(&spec).expect("a machine's spec has a JSON form");
        let row = self.insert_object(Kind::Machine, name, spec, Source::Discovered)?;
        self.tell(row.id.into(), None, event::kind::MACHINE_DISCOVERED, actor, data)?;
        Ok((row, true))
    }

    /// The machine that one of the cards belongs to, a declared one first; else the one with the UUID.
    fn known_machine(&mut self, macs: &[MacAddr], uuid: Option<Uuid>) -> Result<Option<MachineId>, StoreError> {
        let id: Option<String> = query_scalar(
            "SELECT machine FROM machine_macs WHERE mac IN (SELECT value FROM json_each(?1))
             ORDER BY declared DESC, mac LIMIT 1",
        )
        .bind(to_json(macs))
        .fetch_optional(&mut self.connection)?;
        match (id, uuid) {
            (Some(id), _) => parse(&id, || format!("the machine of {macs:?}")).map(Some),
            (None, Some(uuid)) => machine_of_uuid(&mut self.connection, uuid),
            (None, None) => Ok(None),
        }
    }

    /// `name`, or with the first number that makes it free.
    fn free_machine_name(&mut self, name: &Name) -> Result<Name, StoreError> {
        let mut candidate = name.clone();
        let mut number = 1_u64;
        while self.find(Kind::Machine, &(&candidate).into())?.is_some() {
            number += 1;
            let suffix = format!("-{number}");
            let room = types::name::MAX_NAME_LEN - suffix.len();
            let stem: String = name.as_str().chars().take(room).collect();
            let stem = stem.trim_end_matches(['-', '.', '_']);
            candidate = format!("{stem}{suffix}").parse().expect("a name, cut and numbered, is a name");
        }
        Ok(candidate)
    }

    fn agent_registered(&mut self, machine: MachineId, registration: Registration) -> Result<ObjectRow, StoreError> {
        let Registration { boot_id, env, firmware, agent_version, inventory, boot_mac } = registration;
        let row = self.load(Kind::Machine, machine.into())?;
        let status: MachineStatus = crate::column::from_json(&row.status, || format!("machine {machine}"))?;
        if status.agent.is_some_and(|agent| agent.boot_id == boot_id) {
            return Ok(row);
        }
        let macs = inventory.nics.iter().map(|nic| nic.mac).chain(boot_mac).collect::<Vec<_>>();
        let uuid = inventory.system.uuid;
        self.see_machine(machine, macs, uuid)?;
        let since = self.now();
        let data = json!({ "boot_id": boot_id, "env": env, "firmware": firmware, "agent_version": agent_version });
        let row = self.change_status::<Machines>(machine.into(), move |status| {
            status.agent = Some(AgentPresence { boot_id, env, since });
            status.firmware = Some(firmware);
            status.inventory = Some(inventory);
        })?;
        self.effects.tasks.push(machine);
        let run = self.active_run(machine)?;
        self.tell(machine, run, event::kind::AGENT_REGISTERED, "agent", data)?;
        Ok(row)
    }

    fn called_home(&mut self, machine: MachineId, run: RunId, call: CallHome) -> Result<(), StoreError> {
        let CallHome { boot_id, hostname } = call;
        let of: Option<String> = query_scalar("SELECT machine FROM runs WHERE id = ?1")
            .bind(run.to_string())
            .fetch_optional(&mut self.connection)?;
        if of != Some(machine.to_string()) {
            return Err(StoreError::NotFound { what: "run of the machine", id: run.to_string() });
        }
        let run = self.newest_of(machine, run)?;
        let (at, data) = (self.now(), json!({ "boot_id": boot_id, "hostname": hostname }));
        let mut repeated = false;
        self.change_status::<Machines>(machine.into(), |status| {
            repeated = status.called_home.as_ref().is_some_and(|home| home.run == run && home.boot_id == boot_id);
            if !repeated {
                status.called_home = Some(CalledHome { run, at, boot_id, hostname });
                // The maintenance OS and its agent are gone.
                status.agent = None;
            }
        })?;
        if repeated {
            return Ok(());
        }
        self.tell(machine, Some(run), event::kind::HOST_CALLED_HOME, "host", data)
    }

    fn installer_reported(
        &mut self,
        machine: MachineId,
        run: RunId,
        outcome: InstallOutcome,
        report: String,
    ) -> Result<(), StoreError> {
        let run = self.newest_of(machine, run)?;
        if self.active_run(machine)? != Some(run) {
            return Err(StoreError::NotFound { what: "run at work on the machine", id: run.to_string() });
        }
        let (at, data) = (self.now(), json!({ "report": report }));
        let mut repeated = false;
        self.change_status::<Machines>(machine.into(), |status| {
            let said = Installation { run, at, outcome, report };
            repeated = status.installation.as_ref().is_some_and(|before| Installation { at, ..before.clone() } == said);
            if !repeated {
                status.installation = Some(said);
                status.agent = None;
                if outcome == InstallOutcome::Built {
                    status.wanted_env = None;
                }
            }
        })?;
        if repeated {
            return Ok(());
        }
        let kind = match outcome {
            InstallOutcome::Built => event::kind::INSTALLER_BUILT,
            InstallOutcome::Failed => event::kind::INSTALLER_FAILED,
        };
        self.tell(machine, Some(run), kind, "installer", data)
    }

    fn set_wanted_env(&mut self, lease: Lease, machine: MachineId, env: Option<Name>) -> Result<(), StoreError> {
        self.check_lease(lease, machine)?;
        let data = json!({ "env": env });
        let mut changed = false;
        self.change_status::<Machines>(machine.into(), |status| {
            changed = status.wanted_env != env;
            status.wanted_env = env;
        })?;
        if !changed {
            return Ok(());
        }
        self.tell(machine, Some(lease.run), WANTED_ENV, "engine", data)
    }

    fn set_machine_bmc(&mut self, lease: Lease, machine: MachineId, bmc: &Name) -> Result<(), StoreError> {
        self.check_lease(lease, machine)?;
        let missing = || StoreError::NotFound { what: Kind::Bmc.as_str(), id: bmc.to_string() };
        self.find(Kind::Bmc, &bmc.into())?.ok_or_else(missing)?;
        let mut row = self.load(Kind::Machine, machine.into())?;
        let mut spec = row.open_spec(&self.sealer)?;
        spec["bmc"] = bmc.to_string().into();
        let source = row.source;
        if !self.replace_spec(&mut row, spec, source)? {
            return Ok(());
        }
        self.tell(machine, Some(lease.run), BMC_TIED, "engine", json!({ "bmc": bmc }))
    }

    /// Puts on record, now, what happened to the machine.
    pub(crate) fn tell(
        &mut self,
        machine: MachineId,
        run: Option<RunId>,
        kind: &str,
        actor: &str,
        data: serde_json::Value,
    ) -> Result<(), StoreError> {
        let (at, kind, actor) = (self.now(), kind.to_owned(), actor.to_owned());
        self.append(&NewEvent { at, kind, machine: Some(machine), run, actor, data })
    }
}
