//! What was measured, for programs (`target/bench/report.json`) and for people (docs/benchmarks.md).
//!
//! Both keep what other runs measured: a section of the page, and the rows, of a measure are replaced only when it
//! was measured again.

use super::machine;
use crate::place;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;

const BEGIN: &str = "<!-- bench: written by `cargo xtask bench` -->\n";
const END: &str = "<!-- bench: end -->\n";

/// One thing that was measured, beside the same of a peer.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What.
    pub(crate) name: String,
    /// Slipway's.
    pub(crate) ours: f64,
    /// The peer's.
    pub(crate) peer: Option<f64>,
    /// Of both.
    pub(crate) unit: &'static str,
    /// How many times the peer's ours is.
    pub(crate) ratio: Option<f64>,
    /// What it should be, in words.
    pub(crate) goal: String,
    /// Whether it is.
    pub(crate) met: bool,
    /// Which peer, and what one must know.
    pub(crate) note: String,
}

impl Row {
    /// Ours beside the peer's, where ours is to be at least `goal` times as much.
    pub(crate) fn at_least(name: &str, ours: f64, peer: f64, unit: &'static str, goal: f64, note: &str) -> Self {
        let ratio = ours / peer;
        Self {
            name: name.to_owned(),
            ours,
            peer: Some(peer),
            unit,
            ratio: Some(ratio),
            goal: format!("at least {goal} times the peer"),
            met: ratio >= goal,
            note: note.to_owned(),
        }
    }

    /// Ours alone, which is to stay below `limit`.
    pub(crate) fn below(name: &str, ours: f64, unit: &'static str, limit: f64, note: &str) -> Self {
        Self {
            name: name.to_owned(),
            ours,
            peer: None,
            unit,
            ratio: None,
            goal: format!("below {} {unit}", number(limit)),
            met: ours < limit,
            note: note.to_owned(),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, ours, unit, goal, .. } = self;
        write!(formatter, "{name}: {} {unit}", number(*ours))?;
        if let (Some(peer), Some(ratio)) = (self.peer, self.ratio) {
            write!(formatter, ", peer {}: {} times", number(peer), number(ratio))?;
        }
        write!(formatter, " ({goal}: {})", if self.met { "met" } else { "MISSED" })
    }
}

/// A row as `report.json` has it.
#[derive(Debug, Serialize, Deserialize)]
struct Recorded {
    measure: String,
    name: String,
    ours: f64,
    peer: Option<f64>,
    unit: String,
    ratio: Option<f64>,
    goal: String,
    met: bool,
    note: String,
    quick: bool,
    date: String,
    machine: String,
}

/// Puts a measure's rows into the report and the page.
pub(crate) fn record(measure: &str, title: &str, quick: bool, rows: &[Row]) -> Result<()> {
    let date = jiff::Zoned::now().strftime("%-d %B %Y").to_string();
    let machine = machine::describe();
    write_json(measure, rows.iter().map(|row| recorded(measure, quick, &date, &machine, row)))?;
    let page = place::root().join("docs/benchmarks.md");
    let text = fs::read_to_string(&page).context("reading docs/benchmarks.md")?;
    let kind = if quick { "; a quick run" } else { "" };
    let section = format!("### {title}\n\n{date}, {machine}{kind}.\n\n{}", table(rows));
    fs::write(&page, with_section(&text, title, &section)?).context("writing docs/benchmarks.md")
}

fn recorded(measure: &str, quick: bool, date: &str, machine: &str, row: &Row) -> Recorded {
    let Row { name, ours, peer, unit, ratio, goal, met, note } = row.clone();
    let (date, machine) = (date.to_owned(), machine.to_owned());
    Recorded {
        measure: measure.to_owned(),
        name,
        ours,
        peer,
        unit: unit.to_owned(),
        ratio,
        goal,
        met,
        note,
        quick,
        date,
        machine,
    }
}

fn write_json(measure: &str, new: impl Iterator<Item = Recorded>) -> Result<()> {
    let path = place::target().join("bench/report.json");
    let mut rows: Vec<Recorded> = match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).context("reading target/bench/report.json")?,
        Err(_) => Vec::new(),
    };
    rows.retain(|row| row.measure != measure);
    rows.extend(new);
    fs::create_dir_all(place::target().join("bench"))?;
    fs::write(&path, serde_json::to_vec_pretty(&rows)?).context("writing target/bench/report.json")
}

/// The page with `section` in the place of the section of this title, or as the last of the generated ones.
fn with_section(page: &str, title: &str, section: &str) -> Result<String> {
    let (before, rest) = page.split_once(BEGIN).context("docs/benchmarks.md has lost the mark where reports begin")?;
    let (sections, after) = rest.split_once(END).context("docs/benchmarks.md has lost the mark where reports end")?;
    let heading = format!("### {title}\n");
    let mut kept = String::new();
    let mut found = false;
    for old in sections.split_inclusive('\n').collect::<String>().split("\n### ") {
        let old = old.trim();
        let old = if old.is_empty() || old.starts_with("### ") { old.to_owned() } else { format!("### {old}") };
        if format!("{old}\n").starts_with(&heading) {
            found = true;
            kept.push_str(&format!("\n{}\n", section.trim_end()));
        } else if !old.is_empty() {
            kept.push_str(&format!("\n{old}\n"));
        }
    }
    if !found {
        kept.push_str(&format!("\n{}\n", section.trim_end()));
    }
    Ok(format!("{before}{BEGIN}{kept}\n{END}{after}"))
}

fn table(rows: &[Row]) -> String {
    let mut table = String::from("| | ours | peer | | ratio | goal | met | |\n|---|---:|---:|---|---:|---|---|---|\n");
    for row in rows {
        let Row { name, ours, unit, goal, note, .. } = row;
        let [peer, ratio] = [row.peer, row.ratio].map(|value| value.map(number).unwrap_or_default());
        let met = if row.met { "yes" } else { "**no**" };
        table.push_str(&format!(
            "| {name} | {} | {peer} | {unit} | {ratio} | {goal} | {met} | {note} |\n",
            number(*ours)
        ));
    }
    table
}

/// Three digits that count, or all before the point.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        medium if medium >= 10.0 => format!("{value:.1}"),
        small if small >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Page\n\n<!-- bench: written by `cargo xtask bench` -->\n<!-- bench: end -->\n\nEnd.\n";

    #[test]
    fn section_is_replaced_and_the_others_stay() {
        let page = with_section(PAGE, "One", "### One\n\nfirst\n").unwrap();
        let page = with_section(&page, "Two", "### Two\n\nsecond\n").unwrap();
        let page = with_section(&page, "One", "### One\n\nagain\n").unwrap();
        let expected = format!("# Page\n\n{BEGIN}\n### One\n\nagain\n\n### Two\n\nsecond\n\n{END}\nEnd.\n");
        assert_eq!(page, expected);
    }

    #[test]
    fn page_without_marks_is_not_touched() {
        assert!(with_section("# Page\n", "One", "### One\n").is_err());
    }

    #[test]
    fn goal_is_met_by_the_ratio() {
        assert!(Row::at_least("x", 30.0, 10.0, "1/s", 2.0, "").met);
        assert!(!Row::at_least("x", 19.0, 10.0, "1/s", 2.0, "").met);
    }
}
