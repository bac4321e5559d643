//! Medians, ratios, percentiles, and the order in which peers take their turns. Pure functions.

/// The median; of an even count, the mean of the two in the middle. `None` if there are no values.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((sorted[sorted.len() / 2 - 1] + upper) / 2.0)
}

/// The smallest value. `None` if there are no values.
pub(crate) fn minimum(values: &[f64]) -> Option<f64> {
    values.iter().copied().min_by(f64::total_cmp)
}

/// The median of `numerators[round] / denominators[round]`.
///
/// Two samples of one round were taken under the same load; two samples of different rounds were not.
pub(crate) fn ratio(numerators: &[f64], denominators: &[f64]) -> Option<f64> {
    let quotients: Vec<f64> = numerators.iter().zip(denominators).map(|(n, d)| n / d).collect();
    median(&quotients)
}

/// The nearest-rank percentile (`percent` of 1 to 100); sorts `values`. `None` if there are none.
pub(crate) fn percentile(values: &mut [u64], percent: usize) -> Option<u64> {
    values.sort_unstable();
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.checked_sub(1)?).copied()
}

/// The order in which `peers` take their turns in `round`.
///
/// It starts one peer later each round and changes direction, so that nobody owns a position and
/// nobody always runs behind the same neighbour.
pub(crate) fn turns(round: usize, peers: usize) -> impl Iterator<Item = usize> {
    (0..peers).map(move |position| {
        let step = if round.is_multiple_of(2) { position } else { peers - position };
        (round + step) % peers
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_an_odd_count_is_the_middle_value() {
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
    }

    #[test]
    fn median_of_an_even_count_is_the_mean_of_the_middle_two() {
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn nothing_has_no_median_minimum_or_percentile() {
        assert_eq!(median(&[]), None);
        assert_eq!(minimum(&[]), None);
        assert_eq!(percentile(&mut [], 99), None);
    }

    #[test]
    fn minimum_is_the_smallest_value() {
        assert_eq!(minimum(&[3.0, 0.5, 2.0]), Some(0.5));
    }

    #[test]
    fn ratio_divides_inside_each_round_before_it_takes_the_median() {
        // The machine was ten times slower in the second round, for both.
        let slow_rounds = ratio(&[2.0, 20.0, 2.0], &[1.0, 10.0, 4.0]);
        assert_eq!(slow_rounds, Some(2.0));
        // The ratio of the two medians would have said 2.0 / 4.0.
    }

    #[test]
    fn percentile_takes_the_nearest_rank() {
        let mut values: Vec<u64> = (1..=200).rev().collect();
        assert_eq!(percentile(&mut values, 99), Some(198));
        assert_eq!(percentile(&mut values, 100), Some(200));
        assert_eq!(percentile(&mut [7], 99), Some(7));
    }

    #[test]
    fn every_peer_takes_one_turn_in_every_round() {
        for peers in 1..8 {
            for round in 0..20 {
                let mut order: Vec<usize> = turns(round, peers).collect();
                order.sort_unstable();
                assert!(order.into_iter().eq(0..peers), "round {round} of {peers} peers");
            }
        }
    }

    #[test]
    fn every_peer_holds_every_position_equally_often() {
        for peers in 1..8 {
            let mut held = vec![vec![0; peers]; peers];
            for round in 0..2 * peers {
                for (position, peer) in turns(round, peers).enumerate() {
                    held[peer][position] += 1;
                }
            }
            assert!(held.iter().flatten().all(|&times| times == 2), "{peers} peers: {held:?}");
        }
    }

    #[test]
    fn the_neighbours_change_from_round_to_round() {
        let forward: Vec<usize> = turns(0, 4).collect();
        let backward: Vec<usize> = turns(1, 4).collect();
        assert_eq!(forward, [0, 1, 2, 3]);
        assert_eq!(backward, [1, 0, 3, 2]);
    }
}
