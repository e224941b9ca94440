//! How much a sheet may hold. Ten thousand machines with thirty columns are 300,000 cells.

/// The largest file, packed.
pub const MAX_FILE_BYTES: usize = 32 << 20;
/// The largest workbook, unpacked: ten thousand machines need some 20 MB.
pub(crate) const MAX_UNPACKED_BYTES: u64 = 256 << 20;
/// The most parts of a workbook.
pub(crate) const MAX_PARTS: usize = 1000;
/// The most rows, headings included.
pub(crate) const MAX_ROWS: u32 = 100_001;
/// The most columns.
pub(crate) const MAX_COLUMNS: u32 = 500;
/// The most cells that are not empty.
pub(crate) const MAX_CELLS: usize = 3_000_000;
/// The longest text of a cell, which is that of a spreadsheet program.
pub(crate) const MAX_CELL_CHARS: usize = 32_767;
/// The most mistakes that are told one by one.
pub(crate) const MAX_PROBLEMS: usize = 50_000;
