//! The machine that the figures belong to, and the processor time of this process.

use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::param::page_size;
use rustix::time::{ClockId, clock_gettime};

/// Processor time that this process has used so far, of all its threads, user and system.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Processor time that this process uses while the calling thread sleeps for `watched`.
pub(crate) fn idle_cpu_time(watched: Duration) -> Duration {
    let before = cpu_time();
    thread::sleep(watched);
    cpu_time() - before
}

/// Whether the calling thread is the only one of this process that runs or could run.
pub(crate) fn others_sleep() -> bool {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return false };
    let stats = threads.flatten().map(|thread| fs::read_to_string(thread.path().join("stat")));
    stats.flatten().filter(|stat| runs(stat)).count() <= 1
}

/// Whether the state of a thread's `stat`, the field after its name, is that of running.
fn runs(stat: &str) -> bool {
    stat.rsplit_once(')').is_some_and(|(_, fields)| fields.trim_start().starts_with('R'))
}

/// Resident memory of this process.
///
/// # Errors
///
/// Why the kernel does not tell.
pub(crate) fn resident_bytes() -> Result<u64, String> {
    let statm = fs::read_to_string("/proc/self/statm").map_err(|error| error.to_string())?;
    let pages = resident_pages(&statm).ok_or_else(|| format!("/proc/self/statm says {statm:?}"))?;
    Ok(pages * page_size() as u64)
}

/// The second field of `statm`.
fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Cores, processor, kernel, load and date, on one line.
pub(crate) fn describe() -> String {
    let mut line = String::new();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let _ = write!(line, "{cores} cores"); // a String accepts everything
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    if let Some((_, model)) = model {
        let _ = write!(line, ", {model}");
    }
    if let Ok(release) = fs::read_to_string("/proc/sys/kernel/osrelease") {
        let _ = write!(line, ", Linux {}", release.trim());
    }
    if let Ok(load) = fs::read_to_string("/proc/loadavg") {
        let _ = write!(line, ", load {}", load.split(' ').next().unwrap_or_default());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (year, month, day) = civil(now.as_secs() / 86_400);
    let _ = write!(line, ", {year}-{month:02}-{day:02}");
    line
}

/// The date of a day counted from 1970-01-01 (Howard Hinnant, "chrono-compatible date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // days since 0000-03-01
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(19_783), (2024, 3, 1));
        assert_eq!(civil(20_453), (2025, 12, 31));
        assert_eq!(civil(20_454), (2026, 1, 1));
    }

    #[test]
    fn a_thread_may_be_called_like_a_state() {
        assert!(runs("7 (worker) R 1 7"));
        assert!(!runs("7 (a) R b) S 1 7"));
        assert!(!runs(""));
    }

    #[test]
    fn a_thread_that_spins_does_not_sleep() {
        let (stop, spins) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    spins.store(true, Ordering::Relaxed);
                }
            });
            while !spins.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            let asleep = others_sleep();
            stop.store(true, Ordering::Relaxed);
            assert!(!asleep);
        });
    }

    #[test]
    fn resident_pages_are_the_second_field() {
        assert_eq!(resident_pages("787 310 245 11 0 110 0\n"), Some(310));
        assert_eq!(resident_pages("787"), None);
    }

    #[test]
    fn resident_memory_grows_with_pages_that_are_written() {
        const BLOCK: usize = 64 << 20; // other tests come and go at the same time
        let before = resident_bytes().unwrap();
        let block = std::hint::black_box(vec![1_u8; BLOCK]);
        assert!(resident_bytes().unwrap() > before + BLOCK as u64 / 2);
        drop(block);
    }

    #[test]
    fn processor_time_grows_with_work() {
        let before = cpu_time();
        while cpu_time() == before {
            std::hint::spin_loop();
        }
    }
}
