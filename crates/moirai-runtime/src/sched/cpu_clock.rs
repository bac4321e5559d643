//! How much processor time another thread has used: it tells a thread that computes from one that
//! waits.

#![allow(unsafe_code, reason = "asks the system for a thread's clock")]

use std::time::Duration;

/// The clock of one thread. It may be read from any thread, also after its own has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuClock(#[cfg(all(target_os = "linux", not(miri)))] libc::clockid_t);

#[cfg(all(target_os = "linux", not(miri)))]
impl CpuClock {
    pub(crate) fn of_this_thread() -> Option<Self> {
        let mut id: libc::clockid_t = 0;
        // SAFETY: the thread is the calling one, and `id` is written to.
        let result = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut id) };
        (result == 0).then_some(Self(id))
    }

    /// What its thread has used since it was started.
    pub(crate) fn used(self) -> Option<Duration> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is written to; an id of a thread that has ended is refused.
        let result = unsafe { libc::clock_gettime(self.0, &raw mut time) };
        if result != 0 {
            return None;
        }
        Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
    }
}

/// Elsewhere nobody knows, nor does Miri.
#[cfg(not(all(target_os = "linux", not(miri))))]
impl CpuClock {
    pub(crate) fn of_this_thread() -> Option<Self> {
        None
    }

    pub(crate) fn used(self) -> Option<Duration> {
        None
    }
}

#[cfg(all(test, target_os = "linux", not(any(miri, moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_clock_of_another_thread_goes_on_while_that_thread_computes() {
        let (send, clock) = std::sync::mpsc::channel();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let computing = std::thread::spawn(move || {
            send.send(CpuClock::of_this_thread().unwrap()).unwrap();
            while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {}
        });
        let clock = clock.recv().unwrap();
        while clock.used().unwrap() < Duration::from_millis(5) {
            std::thread::yield_now();
        }
        drop(stop);
        computing.join().unwrap();
        // Its thread is gone, or about to be; asking does no harm.
        let _: Option<Duration> = clock.used();
    }
}
