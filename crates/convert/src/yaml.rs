//! Reads other systems' YAML, and finds a text of it again in its file.

use crate::Refusal;
use serde_json::Value;

/// Every document of a file; JSON is YAML.
pub(crate) fn documents(text: &str) -> Result<Vec<Value>, Refusal> {
    // Go's library takes the last of two members with one name.
    let duplicates = serde_saphyr::options::DuplicateKeyPolicy::LastWins;
    let options = serde_saphyr::options! { with_snippet: false, duplicate_keys: duplicates };
    serde_saphyr::from_multiple_with_options::<Value>(text, options).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |place| (place.line(), place.column()));
        let position = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Refusal {
            line: position(line),
            column: position(column),
            construct: text
                .lines()
                .nth(position(line).saturating_sub(1))
                .unwrap_or_default()
                .trim()
                .chars()
                .take(60)
                .collect(),
            reason: format!("this is no YAML: {}", error.without_snippet()),
            hint: None,
        }
    })
}

/// How many lines of a file stand before `inner`, a text that is written in it: 0 where it is not found line by
/// line, as in JSON.
pub(crate) fn lines_before(file: &str, inner: &str) -> usize {
    /// As many lines as tell one text from another.
    const COMPARED: usize = 6;
    let wanted: Vec<&str> = inner.lines().take(COMPARED).map(str::trim).collect();
    let lines: Vec<&str> = file.lines().map(str::trim).collect();
    let found = match wanted.as_slice() {
        [] => None,
        // A text of one line may stand behind its key.
        [only] => lines.iter().position(|line| line.contains(only)),
        several => lines.windows(several.len()).position(|lines| lines == several),
    };
    found.unwrap_or(0)
}
