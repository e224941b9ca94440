//! A sheet as a table: headings, and rows of cells under them.

use crate::limits::{MAX_CELL_CHARS, MAX_CELLS, MAX_COLUMNS, MAX_ROWS};
use types::design::SheetProblem;

/// How a sheet is written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// A workbook of Office Open XML.
    #[default]
    Xlsx,
    /// Values between commas (RFC 4180), in UTF-8. Semicolons and tabs are read too.
    Csv,
}

impl Format {
    /// What the file is, by its first bytes: a workbook is a ZIP archive.
    pub fn of(content: &[u8]) -> Self {
        if content.starts_with(b"PK\x03\x04") { Self::Xlsx } else { Self::Csv }
    }
}

/// What a cell holds. Of a formula, the result that was stored with it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// What a spreadsheet program shows where a formula has no result, such as `#REF!`.
    Error(String),
}

impl Cell {
    /// As it would be typed.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) | Self::Error(text) => text.clone(),
            Self::Number(number) => number_text(*number),
            Self::Bool(value) => value.to_string(),
        }
    }
}

/// A number without the `.0` and the exponent that it was never typed with.
fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 { format!("{number:.0}") } else { number.to_string() }
}

/// The cells of a sheet that are not empty, row by row.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Its name; of CSV, empty.
    pub(crate) name: String,
    /// The rows that are not empty.
    pub(crate) rows: Vec<Row>,
    cells: usize,
}

/// A row of a sheet.
#[derive(Debug)]
pub(crate) struct Row {
    /// As a spreadsheet program counts: from 1.
    pub(crate) number: u32,
    /// Column, from 0, and cell; in order.
    pub(crate) cells: Vec<(u32, Cell)>,
}

impl Row {
    /// The cell of a column.
    pub(crate) fn cell(&self, column: u32) -> Option<&Cell> {
        let at = self.cells.binary_search_by_key(&column, |(column, _)| *column).ok()?;
        Some(&self.cells[at].1)
    }
}

impl Table {
    /// A sheet with this name, and no cells yet.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), rows: Vec::new(), cells: 0 }
    }

    /// Puts a cell in, `row` and `column` from 0. Rows come in order; a file with others is damaged.
    pub(crate) fn put(&mut self, row: u32, column: u32, cell: Cell) -> Result<(), SheetProblem> {
        if matches!(&cell, Cell::Text(text) if text.trim().is_empty()) {
            return Ok(());
        }
        if row >= MAX_ROWS {
            return Err(self.problem(0, format!("it has more than {} rows", MAX_ROWS - 1)));
        }
        let number = row + 1;
        if column >= MAX_COLUMNS {
            return Err(self.problem(number, format!("there is something beyond the {MAX_COLUMNS}th column")));
        }
        self.cells += 1;
        if self.cells > MAX_CELLS {
            return Err(self.problem(0, format!("it has more than {MAX_CELLS} cells")));
        }
        if matches!(&cell, Cell::Text(text) if text.chars().nth(MAX_CELL_CHARS).is_some()) {
            return Err(self.problem(number, format!("a cell has more than {MAX_CELL_CHARS} characters")));
        }
        match self.rows.last() {
            Some(last) if last.number > number => return Err(self.problem(number, "the rows are not in order")),
            Some(last) if last.number == number => {}
            _ => self.rows.push(Row { number, cells: Vec::new() }),
        }
        let Some(last) = self.rows.last_mut() else { return Ok(()) };
        if last.cells.last().is_some_and(|(last, _)| *last >= column) {
            return Err(self.problem(number, "the cells are not in order"));
        }
        last.cells.push((column, cell));
        Ok(())
    }

    /// Something wrong with a row, or with the whole sheet where `row` is 0.
    pub(crate) fn problem(&self, row: u32, message: impl Into<String>) -> SheetProblem {
        problem(&self.name, row, "", message, "")
    }
}

/// Something wrong in a sheet.
pub(crate) fn problem(
    sheet: &str,
    row: u32,
    column: &str,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> SheetProblem {
    SheetProblem { sheet: sheet.to_owned(), row, column: column.to_owned(), message: message.into(), hint: hint.into() }
}

/// The letters that a spreadsheet program shows above a column.
pub(crate) fn letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// Columns to be written: a heading and the cells under it, empty ones included.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) name: &'static str,
    pub(crate) headings: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_letters_of_a_spreadsheet() {
        assert_eq!([0, 25, 26, 27, 701, 702].map(letters), ["A", "Z", "AA", "AB", "ZZ", "AAA"]);
    }

    #[test]
    fn numbers_are_as_they_were_typed() {
        assert_eq!(
            [525_400_123_456.0, 1.5, -3.0, 0.0].map(|number| Cell::Number(number).text()),
            ["525400123456", "1.5", "-3", "0"]
        );
    }
}
