//! Reads a collection from disk.

use anyhow::Context;
use std::path::Path;

/// A text file and what it is called in the report.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

/// Twice the longest template: a larger file is none.
const LONGEST: u64 = 2 << 20;

/// Reads a file, or every text file below a folder, in the order of their names. Hidden files, links and what is no
/// text are passed over in folders.
pub(super) fn read(path: &Path, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    let reading = || format!("reading {}", path.display());
    if !path.is_dir() {
        let text = std::fs::read_to_string(path).with_context(reading)?;
        sources.push(Source { name: path.display().to_string(), text });
        return Ok(());
    }
    let entries = std::fs::read_dir(path).with_context(reading)?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>().with_context(reading)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let inner = entry.path();
        let kind = entry.file_type().with_context(|| format!("reading {}", inner.display()))?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if hidden || kind.is_symlink() {
            continue;
        }
        if kind.is_dir() {
            read(&inner, sources)?;
        } else if kind.is_file() {
            sources.extend(text(&inner)?);
        }
    }
    Ok(())
}

fn text(path: &Path) -> anyhow::Result<Option<Source>> {
    let reading = || format!("reading {}", path.display());
    if std::fs::metadata(path).with_context(reading)?.len() > LONGEST {
        return Ok(None);
    }
    let bytes = std::fs::read(path).with_context(reading)?;
    Ok(String::from_utf8(bytes).ok().map(|text| Source { name: path.display().to_string(), text }))
}
