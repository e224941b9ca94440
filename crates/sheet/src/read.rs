//! Sheets to designs: every mistake is told, and then nothing is changed.

use crate::column::{Column, Field, Headings, SharedField, field, shared_field};
use crate::limits::MAX_PROBLEMS;
use crate::row::{Cells, shown};
use crate::table::{Format, Row, Table, problem};
use crate::{Known, csv_file, xlsx_file};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr};
use types::design::{DesignRow, DesignSpec, SheetProblem};
use types::machine::MachineType;
use types::param::{SecretValue, Secrets};
use types::subnet::{Cidr, SubnetSpec};
use types::{MacAddr, Name, Params};

/// What a sheet is read into.
#[derive(Debug, Clone, Copy)]
pub struct Import<'a> {
    /// The file.
    pub content: &'a [u8],
    /// The design as it is: what the sheet does not speak of stays, and `[secret]` stands for its secrets.
    pub design: &'a DesignSpec,
    /// Whether rows that the sheet does not have stay, too.
    pub keep_rows: bool,
    /// What there is that the sheet may name.
    pub known: &'a Known,
}

/// A design as a sheet says.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The design.
    pub design: DesignSpec,
    /// What became of its rows, by name; those that stay as they are are left out.
    pub changes: BTreeMap<Name, RowChange>,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowChange {
    /// It is new.
    Added,
    /// It is another.
    Changed,
    /// The sheet has it no more.
    Removed,
}

/// Reads a sheet into a design.
///
/// # Errors
/// Everything that is wrong with it, sheet by sheet and row by row.
pub fn import(import: Import<'_>) -> Result<Imported, Vec<SheetProblem>> {
    let tables = match Format::of(import.content) {
        Format::Xlsx => xlsx_file::read(import.content),
        Format::Csv => csv_file::read(import.content).map(|table| vec![table]),
    };
    let tables = tables.map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    let mut design = DesignSpec { rows: BTreeMap::new(), ..import.design.clone() };
    // What is shared comes first: a row's group and subnet may be said there.
    if let Some(shared) = tables.get(1).filter(|table| !table.rows.is_empty()) {
        problems.extend(read_shared(shared, &import, &mut design));
    }
    let machines = tables.first().filter(|table| !table.rows.is_empty());
    let Some(machines) = machines else {
        return Err(vec![problem(
            "",
            0,
            "",
            "the sheet is empty",
            "the first row has the headings, such as name, macs",
        )]);
    };
    problems.extend(read_machines(machines, &import, &mut design));
    if !problems.is_empty() {
        problems.sort_by(|a, b| (&a.sheet, a.row).cmp(&(&b.sheet, b.row)));
        let more = problems.len().saturating_sub(MAX_PROBLEMS);
        if more > 0 {
            problems.truncate(MAX_PROBLEMS);
            problems.push(problem("", 0, "", format!("and {more} more"), ""));
        }
        return Err(problems);
    }
    if import.keep_rows {
        for (name, row) in &import.design.rows {
            design.rows.entry(name.clone()).or_insert_with(|| row.clone());
        }
    }
    let changes = changes(&import.design.rows, &design.rows);
    Ok(Imported { design, changes })
}

fn changes(before: &BTreeMap<Name, DesignRow>, after: &BTreeMap<Name, DesignRow>) -> BTreeMap<Name, RowChange> {
    let names: BTreeSet<&Name> = before.keys().chain(after.keys()).collect();
    let changes = names.into_iter().filter_map(|name| {
        let change = match (before.get(name), after.get(name)) {
            (None, Some(_)) => RowChange::Added,
            (Some(_), None) => RowChange::Removed,
            (Some(before), Some(after)) if before != after => RowChange::Changed,
            _ => return None,
        };
        Some((name.clone(), change))
    });
    changes.collect()
}

fn read_shared(table: &Table, import: &Import<'_>, design: &mut DesignSpec) -> Vec<SheetProblem> {
    let Some((first, rows)) = table.rows.split_first() else { return Vec::new() };
    let (headings, mut problems) = Headings::read(table, first, shared_field, import.known);
    let empty = Row { number: first.number + 1, cells: Vec::new() };
    if let Some(more) = rows.get(1) {
        problems.push(table.problem(more.number, "what is shared stands in one row under the headings"));
    }
    let mut cells = Cells::new(&table.name, &headings, rows.first().unwrap_or(&empty));
    let known = import.known;
    let group = |name: &Name| known.groups.contains_key(name);
    if let Some(name) = cells.known_name(SharedField::Group, "group", group) {
        design.group = name;
    }
    if cells.has_column(SharedField::Description) {
        design.description = cells.text(SharedField::Description);
    }
    if cells.has_column(SharedField::HealthCheckGroup) {
        design.health_check_group = cells.known_name(SharedField::HealthCheckGroup, "group", group);
    }
    if cells.has_column(SharedField::Subnet) {
        let is_known = |name: &Name| known.subnets.contains_key(name);
        design.subnet = cells.known_name(SharedField::Subnet, "subnet", is_known);
    }
    if cells.has_column(SharedField::Workflow) {
        let is_known = |name: &Name| known.workflows.contains(name);
        design.workflow = cells.known_name(SharedField::Workflow, "workflow", is_known);
    }
    if cells.has_column(SharedField::Stages) {
        design.stages = cells.switches(SharedField::Stages);
    }
    let stored = |key: &str| stored_secret(&import.design.params, &import.design.secrets, key);
    (design.params, design.secrets) = cells.params(known, stored);
    problems.append(&mut cells.problems);
    problems
}

/// A secret that is stored, or that lies among the plain parameters although its name says that it is one.
fn stored_secret(params: &Params, secrets: &Secrets, key: &str) -> Option<SecretValue> {
    secrets.get(key).cloned().or_else(|| params.get(key).cloned().map(SecretValue::new))
}

fn read_machines(table: &Table, import: &Import<'_>, design: &mut DesignSpec) -> Vec<SheetProblem> {
    let Some((first, rows)) = table.rows.split_first() else { return Vec::new() };
    let (headings, mut problems) = Headings::read(table, first, field, import.known);
    let is_name = |column: &Column<Field>| matches!(column, Column::Field(Field::Name | Field::Hostname));
    if !headings.columns.iter().any(|(_, _, column)| is_name(column)) {
        problems.push(table.problem(first.number, "no column is headed name or hostname"));
        return problems;
    }
    let mut seen = Seen::default();
    for row in rows {
        let mut reader = RowReader { cells: Cells::new(&table.name, &headings, row), import, design };
        let name = reader.name();
        let read = reader.row(name.as_ref());
        let mut cells = reader.cells;
        seen.check(&mut cells, row.number, name.as_ref(), &read);
        problems.append(&mut cells.problems);
        if let Some(name) = name {
            design.rows.entry(name).or_insert(read);
        }
    }
    problems
}

struct RowReader<'a> {
    cells: Cells<'a, Field>,
    import: &'a Import<'a>,
    /// With what is shared, as far as it is read.
    design: &'a DesignSpec,
}

impl RowReader<'_> {
    /// Where the row's name stands.
    fn name_field(&self) -> Field {
        if self.cells.has_column(Field::Name) { Field::Name } else { Field::Hostname }
    }

    fn name(&mut self) -> Option<Name> {
        let field = self.name_field();
        let Some(text) = self.cells.text(field) else {
            self.cells.wrong(field, "the machine has no name", "");
            return None;
        };
        let parsed = text.parse::<Name>();
        let lower = text.to_ascii_lowercase();
        let hint = if lower.parse::<Name>().is_ok() { format!("write {lower}") } else { String::new() };
        parsed.map_err(|error| self.cells.wrong(field, error.to_string(), hint)).ok()
    }

    fn row(&mut self, name: Option<&Name>) -> DesignRow {
        let (import, cells) = (self.import, &mut self.cells);
        let known = import.known;
        let mut row = DesignRow {
            bmc_mac: cells.mac(Field::BmcMac),
            bmc_address: cells.parse(Field::BmcAddress, "such as 10.0.0.5"),
            macs: cells.macs(Field::Macs),
            address: cells.parse(Field::Address, "such as 10.0.0.5"),
            bmc: cells.known_name(Field::Bmc, "BMC", |name| known.bmcs.contains(name)),
            group: cells.known_name(Field::Group, "group", |name| known.groups.contains_key(name)),
            subnet: cells.known_name(Field::Subnet, "subnet", |name| known.subnets.contains_key(name)),
            hardware_profile: cells
                .known_name(Field::HardwareProfile, "hardware profile", |name| known.hardware_profiles.contains(name)),
            profiles: cells.known_names(Field::Profiles, "profile", |name| known.profiles.contains(name)),
            stages: cells.switches(Field::Stages),
            ..DesignRow::default()
        };
        row.machine_type = self.machine_type();
        row.hostname = self.hostname(name);
        if let Some(subnet) = self.nabp_subnet(&row) {
            row.subnet = Some(subnet);
        }
        self.check_address(&row);
        let before = name.and_then(|name| import.design.rows.get(name));
        let stored = |key: &str| before.and_then(|row| stored_secret(&row.params, &row.secrets, key));
        (row.params, row.secrets) = self.cells.params(known, stored);
        self.check_bmc_network(&row);
        row
    }

    fn machine_type(&mut self) -> Option<MachineType> {
        let text = self.cells.text(Field::MachineType)?;
        let found = match text.to_ascii_lowercase().as_str() {
            "pm" | "physical" => Some(MachineType::Physical),
            "hv" | "hypervisor" => Some(MachineType::Hypervisor),
            "vm" | "virtual" => Some(MachineType::Virtual),
            _ => None,
        };
        if found.is_none() {
            let message = format!("{:?} is no type of machine", shown(&text));
            self.cells.wrong(Field::MachineType, message, "PM or physical, HV or hypervisor, VM or virtual");
        }
        found
    }

    /// The host name, where the sheet has it beside the name.
    fn hostname(&mut self, name: Option<&Name>) -> Option<String> {
        if self.name_field() == Field::Hostname {
            return None;
        }
        let text = self.cells.text(Field::Hostname)?;
        let is_label = |label: &str| {
            let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            plain && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
        };
        if text.len() > 253 || !text.split('.').all(is_label) {
            let message = format!("{:?} is no host name", shown(&text));
            self.cells.wrong(Field::Hostname, message, "use letters, digits, '-' and '.'");
        }
        (Some(text.as_str()) != name.map(Name::as_str)).then_some(text)
    }

    /// The subnet that NABP's three columns mean, where it is not the one that the row would have anyway.
    fn nabp_subnet(&mut self, row: &DesignRow) -> Option<Name> {
        let network = self.cells.text(Field::SubnetNetwork)?;
        let mask = self.cells.text(Field::SubnetMask);
        let gateway: Option<Ipv4Addr> = self.cells.parse(Field::SubnetGateway, "");
        let Some(cidr) = cidr(&network, mask.as_deref()) else {
            let field = if network.parse::<Ipv4Addr>().is_ok() { Field::SubnetMask } else { Field::SubnetNetwork };
            let given = [Some(network), mask].into_iter().flatten().collect::<Vec<_>>().join(" with mask ");
            self.cells.wrong(field, format!("{given} is no network"), "such as 10.0.0.0 with mask 255.255.255.0");
            return None;
        };
        let found = self.import.known.subnets.iter().find(|(_, spec)| spec.cidr == cidr);
        let Some((name, spec)) = found else {
            self.cells.wrong(Field::SubnetNetwork, format!("no subnet is {cidr}"), "declare the subnet");
            return None;
        };
        if let (Some(gateway), Some(own)) = (gateway, spec.gateway)
            && gateway != own
        {
            self.cells.wrong(Field::SubnetGateway, format!("the gateway of subnet {name} is {own}"), "");
        }
        (self.usual_subnet(row).as_ref() != Some(name)).then(|| name.clone())
    }

    /// The subnet of a row that names none.
    fn usual_subnet(&self, row: &DesignRow) -> Option<Name> {
        let of_group = || self.import.known.groups.get(row.group.as_ref().unwrap_or(&self.design.group))?.clone();
        self.design.subnet.clone().or_else(of_group)
    }

    fn check_address(&mut self, row: &DesignRow) {
        let Some(address) = row.address else { return };
        let Some(name) = row.subnet.clone().or_else(|| self.usual_subnet(row)) else { return };
        let Some(spec) = self.import.known.subnets.get(&name) else { return };
        if let Some(message) = outside(address, &name, spec) {
            let hint = format!("subnet {name} is {}", spec.cidr);
            self.cells.wrong(Field::Address, message, hint);
        }
    }

    /// The BMC's address, where the parameters say which network BMCs are in, as NABP's sheets do.
    fn check_bmc_network(&mut self, row: &DesignRow) {
        let Some(IpAddr::V4(address)) = row.bmc_address else { return };
        let text = |key: &str| {
            let value = row.params.get(key).or_else(|| self.design.params.get(key))?;
            value.as_str().map(str::to_owned)
        };
        let Some(network) = text("subnet_network_address") else { return };
        let Some(cidr) = cidr(&network, text("subnet_netmask").as_deref()) else { return };
        if !cidr.contains(address) {
            let message = format!("{address} is not in {cidr}, the network of BMCs");
            self.cells.wrong(Field::BmcAddress, message, "");
        }
    }
}

/// Why an address cannot be a machine's in a subnet.
fn outside(address: IpAddr, name: &Name, spec: &SubnetSpec) -> Option<String> {
    match address {
        IpAddr::V4(address) if !spec.cidr.contains(address) => Some(format!("{address} is not in subnet {name}")),
        IpAddr::V4(address) if spec.gateway == Some(address) => Some(format!("{address} is the gateway of {name}")),
        IpAddr::V4(address) if spec.cidr.prefix() < 31 => {
            let is_end = address == spec.cidr.network() || address == spec.cidr.broadcast();
            is_end.then(|| format!("{address} is no machine's: it is an end of the network"))
        }
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => {
            let held = spec.ipv6.as_ref().is_some_and(|ipv6| ipv6.cidr.contains(address));
            (!held).then(|| format!("{address} is not in subnet {name}"))
        }
    }
}

/// A network as NABP writes it: with a mask beside it, or a prefix behind it.
fn cidr(network: &str, mask: Option<&str>) -> Option<Cidr> {
    if network.contains('/') {
        return network.parse().ok();
    }
    let prefix = match mask?.trim_start_matches('/') {
        mask if mask.contains('.') => {
            let bits = mask.parse::<Ipv4Addr>().ok()?.to_bits();
            (bits.leading_ones() + bits.trailing_zeros() >= 32).then(|| bits.leading_ones())?
        }
        prefix => prefix.parse().ok()?,
    };
    format!("{network}/{prefix}").parse().ok()
}

/// What rows must not have in common.
#[derive(Default)]
struct Seen {
    names: HashMap<Name, u32>,
    macs: HashMap<MacAddr, u32>,
    addresses: HashMap<IpAddr, u32>,
}

impl Seen {
    fn check(&mut self, cells: &mut Cells<'_, Field>, number: u32, name: Option<&Name>, row: &DesignRow) {
        let name_field = if cells.has_column(Field::Name) { Field::Name } else { Field::Hostname };
        once(&mut self.names, cells, number, name.map(|name| (name_field, name.clone())));
        let macs = row.macs.iter().map(|mac| (Field::Macs, *mac));
        once(&mut self.macs, cells, number, macs.chain(row.bmc_mac.map(|mac| (Field::BmcMac, mac))));
        let addresses = row.address.map(|address| (Field::Address, address));
        let of_bmc = row.bmc_address.map(|address| (Field::BmcAddress, address));
        once(&mut self.addresses, cells, number, addresses.into_iter().chain(of_bmc));
    }
}

fn once<T: Eq + Hash + std::fmt::Display>(
    seen: &mut HashMap<T, u32>,
    cells: &mut Cells<'_, Field>,
    number: u32,
    values: impl IntoIterator<Item = (Field, T)>,
) {
    for (field, value) in values {
        match seen.get(&value) {
            Some(first) if *first == number => cells.wrong(field, format!("{value} is there twice"), ""),
            Some(first) => cells.wrong(field, format!("{value} is that of row {first} already"), ""),
            None => drop(seen.insert(value, number)),
        }
    }
}
