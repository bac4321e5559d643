//! How much a thief takes. Knows numbers only: neither rings nor threads.

/// How much of a victim's queue one theft takes.
///
/// | strategy | of `len` items, rounded up | of 100 |
/// |---|---|---|
/// | [`Half`](Self::Half) | `len / 2` | 50 |
/// | [`One`](Self::One) | 1 | 1 |
/// | [`Quarter`](Self::Quarter) | `len / 4` | 25 |
/// | [`Adaptive`](Self::Adaptive) | `len / (thieves + 1)` | 50 with one thief, 34 with two, 25 with three |
///
/// A theft never takes more than the thief's own queue has room for.
///
/// # Examples
///
/// ```
/// use moirai_runtime::{BuildError, Runtime};
/// use moirai_runtime::deque::StealStrategy;
///
/// assert_eq!(StealStrategy::Quarter.share(100, 1), 25);
///
/// let runtime = Runtime::builder().steal(StealStrategy::Adaptive).build()?;
/// # Ok::<(), BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StealStrategy {
    /// Half: the default. After as few thefts as possible everybody has the same, and every theft
    /// costs the victim's cache the same, however much it takes.
    #[default]
    #[doc(alias = "StealHalf")]
    Half,
    /// One: nothing moves that is not run at once. For few and long items.
    #[doc(alias = "StealOne")]
    One,
    /// A quarter: for items that run better where they were queued.
    #[doc(alias = "StealQuarter")]
    Quarter,
    /// As much as the victim keeps if all who look for work now take an even share: the items
    /// divided by the number of thieves plus one. One thief takes half; the more look, the less each
    /// takes, so that the others find something too.
    Adaptive,
}

impl StealStrategy {
    /// How many of `len` items a thief takes while `thieves` look for work, itself included: 0 of
    /// none, else at least 1. A count of 0 thieves counts as 1.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::deque::StealStrategy;
    ///
    /// assert_eq!(StealStrategy::Half.share(7, 1), 4);
    /// assert_eq!(StealStrategy::Adaptive.share(100, 3), 25);
    /// assert_eq!(StealStrategy::One.share(0, 1), 0);
    /// ```
    #[must_use]
    pub const fn share(self, len: usize, thieves: usize) -> usize {
        match self {
            Self::Half => len.div_ceil(2),
            Self::One => {
                if len == 0 {
                    0
                } else {
                    1
                }
            }
            Self::Quarter => len.div_ceil(4),
            Self::Adaptive => {
                let thieves = if thieves == 0 { 1 } else { thieves };
                len.div_ceil(thieves.saturating_add(1))
            }
        }
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::StealStrategy::{Adaptive, Half, One, Quarter};

    #[test]
    fn each_strategy_takes_its_share_of_a_hundred() {
        let shares = [Half, One, Quarter, Adaptive].map(|strategy| strategy.share(100, 1));
        assert_eq!(shares, [50, 1, 25, 50]);
        let shares = [0, 1, 2, 3, 9, 99, usize::MAX].map(|thieves| Adaptive.share(100, thieves));
        assert_eq!(shares, [50, 50, 34, 25, 10, 1, 1]);
    }

    #[test]
    fn every_strategy_takes_all_of_one_and_none_of_nothing() {
        for strategy in [Half, One, Quarter, Adaptive] {
            for thieves in [0, 1, 7] {
                assert_eq!((strategy.share(1, thieves), strategy.share(0, thieves)), (1, 0));
            }
        }
    }
}
