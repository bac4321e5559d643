//! Which processors a thread may use.

#![allow(unsafe_code, reason = "asks the system; it has no states to model")]

#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
use super::CPUS_MAX;

/// A set of processors, as the system wants it: one bit for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CpuSet {
    words: Vec<u64>,
}

impl CpuSet {
    fn insert(&mut self, cpu: usize) {
        let word = cpu / WORD_BITS;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (cpu % WORD_BITS);
    }

    pub(crate) fn contains(&self, cpu: usize) -> bool {
        self.words.get(cpu / WORD_BITS).is_some_and(|word| word >> (cpu % WORD_BITS) & 1 != 0)
    }

    /// The numbers of the processors, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        (0..self.words.len() * WORD_BITS).filter(|&cpu| self.contains(cpu))
    }
}

impl FromIterator<usize> for CpuSet {
    fn from_iter<I: IntoIterator<Item = usize>>(cpus: I) -> Self {
        let mut set = Self::default();
        cpus.into_iter().for_each(|cpu| set.insert(cpu));
        set
    }
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
impl CpuSet {
    /// Those of the calling thread, if the system tells.
    pub(crate) fn of_this_thread() -> Option<Self> {
        let mut words = vec![0_u64; CPUS_MAX / WORD_BITS];
        let bytes = size_of_val(words.as_slice());
        // SAFETY: the buffer has so many bytes, and any bits are a set; 0 is the calling thread.
        let result = unsafe { libc::sched_getaffinity(0, bytes, words.as_mut_ptr().cast()) };
        if result != 0 {
            return None;
        }
        let used = words.iter().rposition(|&word| word != 0)? + 1;
        words.truncate(used);
        Some(Self { words })
    }

    /// Binds the calling thread to these processors, and the threads that it starts from now on.
    ///
    /// A refusal is none of the caller's business: a processor was taken from the process meanwhile,
    /// and the thread runs where the system lets it.
    pub(crate) fn bind_this_thread(&self) {
        let bytes = size_of_val(self.words.as_slice());
        // SAFETY: the buffer has so many bytes and is only read; 0 is the calling thread.
        let _refused = unsafe { libc::sched_setaffinity(0, bytes, self.words.as_ptr().cast()) };
    }
}

/// Elsewhere nobody knows how to ask, nor does Miri.
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(miri))))]
impl CpuSet {
    pub(crate) fn of_this_thread() -> Option<Self> {
        None
    }

    pub(crate) fn bind_this_thread(&self) {}
}

const WORD_BITS: usize = u64::BITS as usize;

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_set_lists_what_was_put_in() {
        let set: CpuSet = [130, 0, 63, 64, 63].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 130]);
        assert!(set.contains(64) && !set.contains(65) && !set.contains(1000));
    }

    #[cfg(all(target_os = "linux", not(miri)))]
    #[test]
    fn a_thread_stays_where_it_is_bound() {
        std::thread::spawn(|| {
            let before = CpuSet::of_this_thread().unwrap();
            let last: CpuSet = before.iter().last().into_iter().collect();
            last.bind_this_thread();
            assert_eq!(CpuSet::of_this_thread().unwrap(), last);
            // No machine has it: nothing changes.
            CpuSet::from_iter([CPUS_MAX - 1]).bind_this_thread();
            assert_eq!(CpuSet::of_this_thread().unwrap(), last);
        })
        .join()
        .unwrap();
    }
}
