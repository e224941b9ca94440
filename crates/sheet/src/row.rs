//! One row of a sheet: its cells under their headings, and what is wrong with each.

use crate::Known;
use crate::column::{Column, Headings, ParamColumn};
use crate::nabp;
use crate::table::{Cell, Row, letters, problem};
use std::collections::BTreeMap;
use std::str::FromStr;
use types::design::SheetProblem;
use types::param::{SecretValue, Secrets};
use types::secret::SHOWN;
use types::{MacAddr, Name, Params};

/// The cells of a row, by what their columns mean.
pub(crate) struct Cells<'a, F> {
    sheet: &'a str,
    headings: &'a Headings<F>,
    row: &'a Row,
    pub(crate) problems: Vec<SheetProblem>,
}

impl<'a, F: Copy + PartialEq> Cells<'a, F> {
    pub(crate) fn new(sheet: &'a str, headings: &'a Headings<F>, row: &'a Row) -> Self {
        let mut cells = Self { sheet, headings, row, problems: Vec::new() };
        if let Some(column) = headings.stray(row) {
            let message = format!("there is something in column {}, which has no heading", letters(column));
            cells.problems.push(problem(sheet, row.number, "", message, "give the column a heading, or empty it"));
        }
        cells
    }

    fn find(&self, field: F) -> Option<(&'a str, &'a Cell)> {
        let is_it = |column: &&(u32, String, Column<F>)| column.2 == Column::Field(field);
        let (column, heading, _) = self.headings.columns.iter().find(is_it)?;
        Some((heading, self.row.cell(*column)?))
    }

    /// Whether the sheet has the column.
    pub(crate) fn has_column(&self, field: F) -> bool {
        self.headings.columns.iter().any(|(_, _, column)| *column == Column::Field(field))
    }

    /// Something wrong with a cell, or with the row where it has no such column.
    pub(crate) fn wrong(&mut self, field: F, message: impl Into<String>, hint: impl Into<String>) {
        let heading = self.headings.columns.iter().find(|(_, _, column)| *column == Column::Field(field));
        let heading = heading.map_or("", |(_, heading, _)| heading);
        self.problems.push(problem(self.sheet, self.row.number, heading, message, hint));
    }

    /// The text of a cell, without blanks at its ends.
    pub(crate) fn text(&mut self, field: F) -> Option<String> {
        let (_, cell) = self.find(field)?;
        if let Cell::Error(error) = cell {
            self.wrong(field, format!("it holds the error {error}"), FORMULA_HINT);
            return None;
        }
        Some(cell.text().trim().to_owned())
    }

    /// A cell that can be read as `T`.
    pub(crate) fn parse<T: FromStr<Err: std::fmt::Display>>(&mut self, field: F, hint: &str) -> Option<T> {
        let text = self.text(field)?;
        text.parse().map_err(|error: T::Err| self.wrong(field, sentence(&text, &error), hint)).ok()
    }

    /// A cell with a name of one of `known`.
    pub(crate) fn known_name(&mut self, field: F, what: &str, is_known: impl Fn(&Name) -> bool) -> Option<Name> {
        let name: Name = self.parse(field, "")?;
        if !is_known(&name) {
            self.wrong(field, format!("there is no {what} {name}"), format!("declare the {what}, or correct the name"));
        }
        Some(name)
    }

    /// A cell with a list of names.
    pub(crate) fn known_names(&mut self, field: F, what: &str, is_known: impl Fn(&Name) -> bool) -> Vec<Name> {
        let mut names: Vec<Name> = Vec::new();
        for part in parts(&self.text(field).unwrap_or_default()) {
            match part.parse::<Name>() {
                Err(error) => self.wrong(field, error.to_string(), ""),
                Ok(name) if !is_known(&name) => {
                    self.wrong(field, format!("there is no {what} {name}"), format!("declare the {what}"));
                }
                Ok(name) if names.contains(&name) => self.wrong(field, format!("{name} is there twice"), ""),
                Ok(name) => names.push(name),
            }
        }
        names
    }

    /// A cell with a list of Ethernet addresses of one card each.
    pub(crate) fn macs(&mut self, field: F) -> Vec<MacAddr> {
        let mut macs = Vec::new();
        for part in parts(&self.text(field).unwrap_or_default()) {
            match part.parse::<MacAddr>() {
                Err(error) => self.wrong(field, error.to_string(), ""),
                Ok(mac) if !mac.is_unicast() => {
                    self.wrong(field, format!("{mac} is not the address of one network card"), "");
                }
                Ok(mac) => macs.push(mac),
            }
        }
        macs
    }

    /// A cell with one Ethernet address.
    pub(crate) fn mac(&mut self, field: F) -> Option<MacAddr> {
        let macs = self.macs(field);
        if macs.len() > 1 {
            self.wrong(field, "there is more than one address", "");
        }
        macs.into_iter().next()
    }

    /// A cell with switches: `BIOS_SETUP=off, HEALTH_CHECK=on`.
    pub(crate) fn switches(&mut self, field: F) -> BTreeMap<String, bool> {
        const HINT: &str = "write STAGE=on or STAGE=off, with commas between";
        let mut switches = BTreeMap::new();
        for part in parts(&self.text(field).unwrap_or_default()) {
            let pair =
                part.split_once('=').and_then(|(stage, on)| Some((stage.trim(), crate::cell::boolean(on.trim())?)));
            match pair.filter(|(stage, _)| !stage.is_empty()) {
                None => self.wrong(field, format!("{part:?} switches no stage on or off"), HINT),
                Some((stage, on)) => {
                    if switches.insert(stage.to_owned(), on).is_some() {
                        self.wrong(field, format!("{stage} is there twice"), "");
                    }
                }
            }
        }
        switches
    }

    /// The parameters of the row. `stored` gives the secret that `[secret]` in a cell stands for.
    pub(crate) fn params(&mut self, known: &Known, stored: impl Fn(&str) -> Option<SecretValue>) -> (Params, Secrets) {
        let (mut params, mut secrets) = (Params::new(), Secrets::new());
        for (column, heading, meaning) in &self.headings.columns {
            let Column::Param(of) = meaning else { continue };
            let Some(cell) = self.row.cell(*column) else { continue };
            let mut wrong = |message: String, hint: &str| {
                self.problems.push(problem(self.sheet, self.row.number, heading, message, hint));
            };
            match read_param(of, cell, known) {
                Err((message, hint)) => wrong(message, hint),
                Ok(value) if of.secret && value == SHOWN => match stored(&of.key) {
                    Some(secret) => drop(secrets.insert(of.key.clone(), secret)),
                    None => wrong("no secret is stored that [secret] could stand for".to_owned(), "write it out once"),
                },
                Ok(value) if of.secret => drop(secrets.insert(of.key.clone(), SecretValue::new(value))),
                Ok(value) => drop(params.insert(of.key.clone(), value)),
            }
        }
        self.check_params(known, &params, &secrets);
        (params, secrets)
    }

    fn check_params(&mut self, known: &Known, params: &Params, secrets: &Secrets) {
        for found in known.declarations.check(params, secrets) {
            let key = found.pointer.split('/').nth(2).unwrap_or_default().replace("~1", "/").replace("~0", "~");
            let is_it = |column: &&(u32, String, Column<F>)| matches!(&column.2, Column::Param(of) if of.key == key);
            let heading = self.headings.columns.iter().find(is_it).map_or("", |(_, heading, _)| heading);
            self.problems.push(problem(self.sheet, self.row.number, heading, found.message, ""));
        }
    }
}

const FORMULA_HINT: &str = "correct the formula, or write its result";

fn read_param(of: &ParamColumn, cell: &Cell, known: &Known) -> Result<serde_json::Value, (String, &'static str)> {
    if let Cell::Error(error) = cell {
        return Err((format!("it holds the error {error}"), FORMULA_HINT));
    }
    let is_stored_secret = of.secret && cell.text().trim() == SHOWN;
    if is_stored_secret {
        return Ok(SHOWN.into());
    }
    let is_template = known.declarations.get(&of.key).is_some_and(|declared| declared.template);
    let value = of.kind.read(cell, is_template).map_err(|wanted| {
        // A secret is not quoted.
        let given = if of.secret { String::new() } else { format!("{:?} ", shown(&cell.text())) };
        (format!("{given}is not {wanted}"), "")
    })?;
    match nabp::check(&of.key, &value) {
        Some(wrong) => Err(wrong),
        None => Ok(value),
    }
}

/// The items of a list in a cell.
fn parts(text: &str) -> Vec<String> {
    let is_between = |sign: char| matches!(sign, ',' | ';') || sign.is_whitespace();
    text.split(is_between).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// What is wrong with a text, naming it.
fn sentence(text: &str, error: &impl std::fmt::Display) -> String {
    let error = error.to_string();
    let named = format!("{:?}", shown(text));
    if error.contains(&named) { error } else { format!("{named}: {error}") }
}

pub(crate) fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}
