//! Which of the words that would do is most like the one that was written.

/// Words longer than this are nobody's typing mistake.
const LONGEST: usize = 40;

/// The candidate that the fewest typing mistakes lead to, if they are few enough to be mistakes.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(LONGEST + 1).collect();
    if word.len() > LONGEST {
        return None;
    }
    let near = candidates.map(|candidate| (distance(&word, &candidate.chars().collect::<Vec<_>>()), candidate));
    let (mistakes, candidate) = near.min_by_key(|(mistakes, _)| *mistakes)?;
    (mistakes <= (word.len() / 3).max(1)).then_some(candidate)
}

/// Characters to put in, take out, replace, or exchange with their neighbour (optimal string alignment).
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_with_the_fewest_mistakes_is_found_and_nothing_far_away() {
        let words = ["name", "mac", "memory", "state"];
        for (written, expected) in
            [("nmae", Some("name")), ("Memroy", Some("memory")), ("stat", Some("state")), ("colour", None), ("", None)]
        {
            assert_eq!(nearest(written, words.into_iter()), expected, "{written}");
        }
    }
}
