//! Rounds and medians.

use anyhow::{Context, Result};

/// Lets each contestant run once a round, in turn, so that what else the computer does hits all of them; the
/// medians of what they gave.
pub(crate) fn interleaved<const N: usize>(
    rounds: usize,
    mut contestants: [&mut dyn FnMut() -> Result<f64>; N],
) -> Result<[f64; N]> {
    let mut samples = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (contestant, samples) in contestants.iter_mut().zip(&mut samples) {
            samples.push(contestant()?);
        }
    }
    let mut medians = [0.0; N];
    for (median_, samples) in medians.iter_mut().zip(&samples) {
        *median_ = median(samples).context("no round was run")?;
    }
    Ok(medians)
}

/// The middle of the samples, or the mean of the two in the middle.
pub(crate) fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle_sample_or_the_mean_of_two() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn contestants_take_turns() {
        let order = std::cell::RefCell::new(Vec::new());
        let run = |who: f64| {
            order.borrow_mut().push(who);
            Ok(who)
        };
        let medians = interleaved(2, [&mut || run(1.0), &mut || run(2.0)]).unwrap();
        assert_eq!(medians, [1.0, 2.0]);
        assert_eq!(*order.borrow(), [1.0, 2.0, 1.0, 2.0]);
    }
}
