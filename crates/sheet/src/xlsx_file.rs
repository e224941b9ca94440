//! Sheets in workbooks.

use crate::limits::{MAX_CELL_CHARS, MAX_PARTS, MAX_UNPACKED_BYTES};
use crate::table::{Cell, Table, Written, problem};
use calamine::{DataRef, Reader as _, Xlsx};
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};
use std::io::{self, Cursor, Read};
use types::design::SheetProblem;
use zip::ZipArchive;

/// The most sheets that are read: machines, and what they share.
const SHEETS: usize = 2;
/// Wide enough for an Ethernet address.
const WIDTH: u16 = 20;

/// Reads the first two sheets of a workbook.
pub(crate) fn read(content: &[u8]) -> Result<Vec<Table>, SheetProblem> {
    check_archive(content)?;
    let mut book = Xlsx::new(Cursor::new(content)).map_err(|error| unreadable(&error))?;
    let names: Vec<String> = book.sheet_names().into_iter().take(SHEETS).collect();
    names.iter().map(|name| read_sheet(&mut book, name)).collect()
}

fn unreadable(error: &dyn std::error::Error) -> SheetProblem {
    problem("", 0, "", format!("the workbook cannot be read: {error}"), "save it as .xlsx without a password")
}

/// Unpacks every part and forgets it, so that one that grows without measure is met before anything keeps it.
fn check_archive(content: &[u8]) -> Result<(), SheetProblem> {
    let mut archive = ZipArchive::new(Cursor::new(content)).map_err(|error| unreadable(&error))?;
    if archive.len() > MAX_PARTS {
        return Err(problem("", 0, "", format!("the workbook has more than {MAX_PARTS} parts"), ""));
    }
    let mut left = MAX_UNPACKED_BYTES;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| unreadable(&error))?;
        let unpacked = io::copy(&mut part.take(left + 1), &mut io::sink()).map_err(|error| unreadable(&error))?;
        left = left.checked_sub(unpacked).ok_or_else(|| {
            problem("", 0, "", format!("the workbook unpacks to more than {} MiB", MAX_UNPACKED_BYTES >> 20), "")
        })?;
    }
    Ok(())
}

/// The cells one by one: to ask for them all at once would make room for every empty one up to the last, too.
fn read_sheet(book: &mut Xlsx<Cursor<&[u8]>>, name: &str) -> Result<Table, SheetProblem> {
    let mut table = Table::new(name);
    let unreadable = |error: &calamine::XlsxError| problem(name, 0, "", format!("it cannot be read: {error}"), "");
    let mut cells = match book.worksheet_cells_reader(name) {
        Ok(cells) => cells,
        // A chart on a sheet of its own has no cells.
        Err(calamine::XlsxError::NotAWorksheet(_)) => return Ok(table),
        Err(error) => return Err(unreadable(&error)),
    };
    while let Some(found) = cells.next_cell().map_err(|error| unreadable(&error))? {
        let (row, column) = found.get_position();
        if let Some(cell) = cell(found.get_value()) {
            table.put(row, column, cell)?;
        }
    }
    Ok(table)
}

fn cell(value: &DataRef<'_>) -> Option<Cell> {
    Some(match value {
        DataRef::Empty => return None,
        DataRef::Int(number) => Cell::Text(number.to_string()),
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::Bool(value) => Cell::Bool(*value),
        DataRef::String(text) => Cell::Text(text.clone()),
        DataRef::SharedString(text) => Cell::Text((*text).to_owned()),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Cell::Text(text.clone()),
        DataRef::Error(error) => Cell::Error(error.to_string()),
        DataRef::DateTime(at) => {
            let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
            let date = format!("{year:04}-{month:02}-{day:02}");
            let has_time = (hour, minute, second) != (0, 0, 0);
            Cell::Text(if has_time { format!("{date}T{hour:02}:{minute:02}:{second:02}") } else { date })
        }
    })
}

/// Writes a workbook. Every cell is a text: none is a formula, and no Ethernet address becomes a number.
pub(crate) fn write(sheets: &[Written]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let (heading, text) = (Format::new().set_bold().set_num_format("@"), Format::new().set_num_format("@"));
    for sheet in sheets {
        write_sheet(book.add_worksheet(), sheet, &heading, &text)?;
    }
    book.save_to_buffer()
}

fn write_sheet(to: &mut Worksheet, sheet: &Written, heading: &Format, text: &Format) -> Result<(), XlsxError> {
    to.set_name(sheet.name)?;
    to.set_freeze_panes(1, 1)?;
    for (column, name) in (0..).zip(&sheet.headings) {
        to.set_column_width(column, WIDTH)?;
        // What is typed later stays as it is typed.
        to.set_column_format(column, text)?;
        to.write_string_with_format(0, column, name, heading)?;
    }
    for (row, cells) in (1..).zip(&sheet.rows) {
        for (column, value) in (0..).zip(cells).filter(|(_, value)| !value.is_empty()) {
            to.write_string_with_format(row, column, value, text)?;
        }
    }
    Ok(())
}

/// Whether a workbook's cell can hold the text.
pub(crate) fn fits(text: &str) -> bool {
    text.chars().nth(MAX_CELL_CHARS).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn a_workbook_that_unpacks_to_gigabytes_is_refused_while_it_unpacks() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file("xl/workbook.xml", SimpleFileOptions::default()).unwrap();
        let blanks = vec![b' '; 1 << 20];
        for _ in 0..=MAX_UNPACKED_BYTES >> 20 {
            writer.write_all(&blanks).unwrap();
        }
        let bomb = writer.finish().unwrap().into_inner();
        assert!(bomb.len() < 1 << 20, "it is small: {}", bomb.len());
        assert_eq!(read(&bomb).unwrap_err().message, "the workbook unpacks to more than 256 MiB");
    }

    #[test]
    fn what_is_no_workbook_is_told_as_such() {
        for wrong in [&b"PK\x03\x04"[..], &archive(&[("a.txt", b"x")])] {
            let problem = read(wrong).unwrap_err();
            assert!(problem.message.starts_with("the workbook cannot be read: "), "{problem}");
        }
    }

    #[test]
    fn a_cell_at_the_far_end_costs_no_memory_and_is_refused() {
        let mut book = Workbook::new();
        book.add_worksheet().write_string(1_048_575, 16_383, "x").unwrap();
        let problem = read(&book.save_to_buffer().unwrap()).unwrap_err();
        assert_eq!(problem.message, "it has more than 100000 rows");
    }

    #[test]
    fn a_formula_is_read_as_its_stored_result() {
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        let formula = rust_xlsxwriter::Formula::new("=HYPERLINK(\"http://example.org\",\"x\")").set_result("node-1");
        sheet.write_formula(0, 0, formula).unwrap();
        let tables = read(&book.save_to_buffer().unwrap()).unwrap();
        assert_eq!(tables[0].rows[0].cells[0].1, Cell::Text("node-1".to_owned()));
    }
}
