//! Sheets in CSV files.

use crate::table::{Cell, Table, Written, problem};
use types::design::SheetProblem;

/// What a spreadsheet program may take for the beginning of a formula.
const STARTS_FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
/// What it hides at the beginning of a text that is not to be taken for anything else.
const MARK: char = '\'';

/// Reads a CSV file.
pub(crate) fn read(content: &[u8]) -> Result<Table, SheetProblem> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let text = std::str::from_utf8(content).map_err(|error| {
        let line = content[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        let row = u32::try_from(line).unwrap_or(u32::MAX);
        problem("", row, "", "the text is not UTF-8", "save the sheet as \"CSV UTF-8\"")
    })?;
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter(text)).from_reader(content);
    let mut table = Table::new("");
    let mut record = csv::StringRecord::new();
    let mut row = 0;
    loop {
        let before = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(table),
            Err(error) => return Err(problem("", 0, "", format!("the CSV cannot be read: {error}"), "")),
        }
        row += empty_lines(content, before);
        for (column, text) in record.iter().enumerate() {
            table.put(row, u32::try_from(column).unwrap_or(u32::MAX), Cell::Text(unmark(text).to_owned()))?;
        }
        row += 1;
    }
}

/// How many lines without anything follow at `from`: rows to a spreadsheet program, and passed over by the reader.
fn empty_lines(content: &[u8], from: usize) -> u32 {
    let Some(rest) = content.get(from..) else { return 0 };
    // The second half of the end of the line before.
    let ends_line = from > 0 && content[from - 1] == b'\r' && rest.first() == Some(&b'\n');
    let blank = rest[usize::from(ends_line)..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    u32::try_from(blank.filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX)
}

/// The sign between values: the one of `,`, `;` and tab that the first line has most of.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |sign: u8| first.bytes().filter(|byte| *byte == sign).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|sign| count(*sign)).unwrap_or(b',')
}

/// A text without the mark that kept it from being a formula.
fn unmark(text: &str) -> &str {
    match text.strip_prefix(MARK) {
        Some(rest) if needs_mark(rest) => rest,
        _ => text,
    }
}

fn needs_mark(text: &str) -> bool {
    text.starts_with(STARTS_FORMULA) || text.starts_with(MARK)
}

/// Writes a CSV file that no spreadsheet program finds a formula in.
pub(crate) fn write(sheet: &Written) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for cells in std::iter::once(&sheet.headings).chain(&sheet.rows) {
        writer.write_record(cells.iter().map(|text| marked(text)))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

fn marked(text: &str) -> String {
    if needs_mark(text) { format!("{MARK}{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u32, String)> {
        let table = read(text.as_bytes()).unwrap();
        table.rows.iter().map(|row| (row.number, row.cells[0].1.text())).collect()
    }

    #[test]
    fn rows_are_counted_as_a_spreadsheet_counts_them() {
        let numbered = [(1, "a".to_owned()), (3, "b".to_owned()), (4, "c\nd".to_owned()), (5, "e".to_owned())];
        assert_eq!(rows("a,x\n\nb,x\n\"c\nd\",x\ne,x\n"), numbered);
        assert_eq!(rows("a,x\r\n\r\nb,x\r\n\"c\nd\",x\r\ne,x"), numbered);
    }

    #[test]
    fn what_a_program_takes_for_a_formula_is_marked_and_comes_back() {
        let texts = ["=cmd()", "+1", "-1", "@x", "\tx", "'=x", "'x", "x=1", "''"];
        let sheet = Written {
            name: "",
            headings: vec!["name".to_owned()],
            rows: texts.iter().map(|text| vec![(*text).to_owned()]).collect(),
        };
        let written = String::from_utf8(write(&sheet).unwrap()).unwrap();
        assert!(!written.lines().any(|line| line.trim_start_matches('"').starts_with(STARTS_FORMULA)), "{written}");
        let back: Vec<String> = rows(&written).into_iter().skip(1).map(|(_, text)| text).collect();
        assert_eq!(back, texts);
    }

    #[test]
    fn semicolons_and_tabs_separate_too() {
        for sign in [",", ";", "\t"] {
            let table = read(format!("name{sign}macs\nm1{sign}x\n").as_bytes()).unwrap();
            assert_eq!(table.rows[1].cells.len(), 2, "{sign:?}");
        }
    }
}
