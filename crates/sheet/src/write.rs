//! Designs to sheets.

use crate::cell::CellType;
use crate::column::{FIELDS, Field, ParamColumn, SHARED_FIELDS, SharedField, Words, field, shared_field};
use crate::table::{Format, Written};
use crate::{Known, csv_file, xlsx_file};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use types::design::{DesignRow, DesignSpec};
use types::machine::MachineType;
use types::param::Secrets;
use types::secret::SHOWN;
use types::{Name, Params};

/// The names of a workbook's sheets.
const MACHINES: &str = "machines";
const SHARED: &str = "shared";

/// What is written.
#[derive(Debug, Clone, Copy)]
pub struct Export<'a> {
    /// The design.
    pub design: &'a DesignSpec,
    /// Parameters that have a column although no row sets them.
    pub columns: &'a BTreeSet<String>,
    /// Whose words the headings are.
    pub words: Words,
    /// How.
    pub format: Format,
    /// What is known of subnets and parameters.
    pub known: &'a Known,
}

/// A design cannot be written as a sheet.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A value has no room in a cell.
    #[error("{column} of {row} is longer than a cell of a workbook can be")]
    TooLong {
        /// The row's name, or what is shared.
        row: String,
        /// The column's heading.
        column: String,
    },
    /// The workbook.
    #[error("writing the workbook")]
    Xlsx(#[from] rust_xlsxwriter::XlsxError),
    /// The CSV.
    #[error("writing the CSV")]
    Csv(#[from] csv::Error),
}

/// Writes a design as a workbook with a sheet of machines and one of what they share, or as CSV, which has the
/// machines only. Secrets are written as `[secret]`.
///
/// # Errors
/// When a value is too long for a cell.
pub fn export(export: Export<'_>) -> Result<Vec<u8>, WriteError> {
    let machines = machines(&export);
    match export.format {
        Format::Csv => Ok(csv_file::write(&machines)?),
        Format::Xlsx => {
            let sheets = [machines, shared(&export)];
            for sheet in &sheets {
                check_lengths(sheet)?;
            }
            Ok(xlsx_file::write(&sheets)?)
        }
    }
}

fn check_lengths(sheet: &Written) -> Result<(), WriteError> {
    for cells in &sheet.rows {
        if let Some(at) = cells.iter().position(|text| !xlsx_file::fits(text)) {
            let row = if sheet.name == SHARED { "what is shared".to_owned() } else { name_of(sheet, cells) };
            return Err(WriteError::TooLong { row, column: sheet.headings[at].clone() });
        }
    }
    Ok(())
}

fn name_of(sheet: &Written, cells: &[String]) -> String {
    let at = sheet.headings.iter().position(|heading| matches!(field(heading), Some(Field::Name | Field::Hostname)));
    at.map_or_else(String::new, |at| cells[at].clone())
}

/// The columns of the parameters that `all` set, with their headings.
fn param_columns<'a>(
    known: &Known,
    all: impl Iterator<Item = (&'a Params, &'a Secrets)> + Clone,
    more: &BTreeSet<String>,
    is_field: impl Fn(&str) -> bool,
) -> Vec<(String, ParamColumn)> {
    let mut values: BTreeMap<&str, Vec<&Value>> = more.iter().map(|key| (key.as_str(), Vec::new())).collect();
    let mut hidden: BTreeSet<&str> = BTreeSet::new();
    for (params, secrets) in all {
        for (key, value) in params {
            values.entry(key).or_default().push(value);
        }
        for key in secrets.keys() {
            values.entry(key).or_default();
            hidden.insert(key);
        }
    }
    let columns = values.into_iter().map(|(key, values)| {
        let usual = CellType::usual(known.declarations.get(key));
        let secret = known.is_secret(key) || hidden.contains(key);
        // Of a secret only that it is one is written.
        let kind = if secret { usual } else { CellType::for_values(usual, &values.into_iter()) };
        let column = ParamColumn { key: key.to_owned(), kind, secret };
        (column.heading(known, &is_field), column)
    });
    columns.collect()
}

fn param_cell(column: &ParamColumn, params: &Params, secrets: &Secrets) -> String {
    match params.get(&column.key) {
        _ if secrets.contains_key(&column.key) => SHOWN.to_owned(),
        Some(_) if column.secret => SHOWN.to_owned(),
        Some(value) => column.kind.write(value).unwrap_or_default(),
        None => String::new(),
    }
}

fn machines(export: &Export<'_>) -> Written {
    let rows = &export.design.rows;
    let fields = fields(export.words, rows);
    let all = rows.values().map(|row| (&row.params, &row.secrets));
    let params = param_columns(export.known, all, export.columns, |heading| field(heading).is_some());
    let headings = fields.iter().map(|(_, heading)| (*heading).to_owned());
    let headings = headings.chain(params.iter().map(|(heading, _)| heading.clone())).collect();
    let write = |(name, row): (&Name, &DesignRow)| {
        let cells = fields.iter().map(|(field, _)| field_cell(*field, export, name, row));
        cells.chain(params.iter().map(|(_, column)| param_cell(column, &row.params, &row.secrets))).collect()
    };
    Written { name: MACHINES, headings, rows: rows.iter().map(write).collect() }
}

/// The columns of fields: those of the words, and those of the other words that would be lost without.
fn fields(words: Words, rows: &BTreeMap<Name, DesignRow>) -> Vec<(Field, &'static str)> {
    let has_hostnames = rows.values().any(|row| row.hostname.is_some());
    let is_used = |wanted: Field| rows.values().any(|row| is_set(wanted, row));
    let wanted = FIELDS.iter().filter_map(|(field, own, nabp)| {
        let heading = match words {
            Words::Slipway => *own,
            Words::Nabp => nabp.or_else(|| own.filter(|_| is_used(*field))),
        };
        // A name that is the host name has one column; its heading says so to both.
        let heading = match (field, words) {
            (Field::Name, Words::Nabp) if !has_hostnames => None,
            (Field::Hostname, Words::Slipway) if !has_hostnames => None,
            _ => heading,
        };
        Some((*field, heading?))
    });
    wanted.collect()
}

fn is_set(field: Field, row: &DesignRow) -> bool {
    match field {
        Field::Bmc => row.bmc.is_some(),
        Field::Group => row.group.is_some(),
        Field::HardwareProfile => row.hardware_profile.is_some(),
        Field::Profiles => !row.profiles.is_empty(),
        Field::Stages => !row.stages.is_empty(),
        // NABP's columns say it.
        Field::Subnet => false,
        _ => true,
    }
}

fn field_cell(field: Field, export: &Export<'_>, name: &Name, row: &DesignRow) -> String {
    let text = |value: Option<&dyn std::fmt::Display>| value.map_or_else(String::new, ToString::to_string);
    match field {
        Field::MachineType => row.machine_type.map_or("", |of| machine_type(of, export.words)).to_owned(),
        Field::Name => name.to_string(),
        // Without a name column, this is the name.
        Field::Hostname => row.hostname.clone().unwrap_or_else(|| name.to_string()),
        Field::BmcMac => text(row.bmc_mac.as_ref().map(|value| value as _)),
        Field::BmcAddress => text(row.bmc_address.as_ref().map(|value| value as _)),
        Field::Macs => join(&row.macs),
        Field::Address => text(row.address.as_ref().map(|value| value as _)),
        Field::Subnet => text(row.subnet.as_ref().map(|value| value as _)),
        Field::SubnetNetwork => subnet_cell(export, row, |spec| Some(spec.cidr.network().to_string())),
        Field::SubnetMask => subnet_cell(export, row, |spec| Some(spec.cidr.mask().to_string())),
        Field::SubnetGateway => subnet_cell(export, row, |spec| spec.gateway.map(|gateway| gateway.to_string())),
        Field::Bmc => text(row.bmc.as_ref().map(|value| value as _)),
        Field::Group => text(row.group.as_ref().map(|value| value as _)),
        Field::HardwareProfile => text(row.hardware_profile.as_ref().map(|value| value as _)),
        Field::Profiles => join(&row.profiles),
        Field::Stages => switches(&row.stages),
    }
}

/// Something of the subnet that the row is provisioned in.
fn subnet_cell(
    export: &Export<'_>,
    row: &DesignRow,
    what: impl Fn(&types::subnet::SubnetSpec) -> Option<String>,
) -> String {
    let of_group = || export.known.groups.get(row.group.as_ref().unwrap_or(&export.design.group))?.as_ref();
    let name = row.subnet.as_ref().or(export.design.subnet.as_ref()).or_else(of_group);
    name.and_then(|name| what(export.known.subnets.get(name)?)).unwrap_or_default()
}

fn machine_type(of: MachineType, words: Words) -> &'static str {
    match (of, words) {
        (MachineType::Physical, Words::Slipway) => "physical",
        (MachineType::Physical, Words::Nabp) => "PM",
        (MachineType::Hypervisor, Words::Slipway) => "hypervisor",
        (MachineType::Hypervisor, Words::Nabp) => "HV",
        (MachineType::Virtual, Words::Slipway) => "virtual",
        (MachineType::Virtual, Words::Nabp) => "VM",
    }
}

fn join<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn switches(stages: &BTreeMap<String, bool>) -> String {
    let pairs = stages.iter().map(|(stage, on)| format!("{stage}={}", if *on { "on" } else { "off" }));
    pairs.collect::<Vec<_>>().join(", ")
}

fn shared(export: &Export<'_>) -> Written {
    let design = export.design;
    let all = std::iter::once((&design.params, &design.secrets));
    let params = param_columns(export.known, all, &BTreeSet::new(), |heading| shared_field(heading).is_some());
    let headings = SHARED_FIELDS.iter().map(|(_, heading)| (*heading).to_owned());
    let headings = headings.chain(params.iter().map(|(heading, _)| heading.clone())).collect();
    let fields = SHARED_FIELDS.iter().map(|(field, _)| shared_cell(*field, design));
    let cells = fields.chain(params.iter().map(|(_, column)| param_cell(column, &design.params, &design.secrets)));
    Written { name: SHARED, headings, rows: vec![cells.collect()] }
}

fn shared_cell(field: SharedField, design: &DesignSpec) -> String {
    let name = |name: Option<&Name>| name.map_or_else(String::new, ToString::to_string);
    match field {
        SharedField::Description => design.description.clone().unwrap_or_default(),
        SharedField::Group => design.group.to_string(),
        SharedField::HealthCheckGroup => name(design.health_check_group.as_ref()),
        SharedField::Subnet => name(design.subnet.as_ref()),
        SharedField::Workflow => name(design.workflow.as_ref()),
        SharedField::Stages => switches(&design.stages),
    }
}
