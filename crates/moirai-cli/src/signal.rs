//! Signals that end a run. The first ends it in order, the second at once.
//!
//! A signal that was ignored when the program started (`nohup`, a background job of a script) stays ignored.

use crate::error::{Error, exit};
use crate::output::Cleanup;
use moirai_sync::channel::{self, Receiver, Sender};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use std::future::pending;
use std::{fs, io, process, thread};

/// Whether a signal has come.
#[derive(Debug)]
pub struct Interrupts {
    received: Receiver<i32>,
    /// Keeps the channel open where no thread sends.
    open: Sender<i32>,
}

impl Interrupts {
    /// Interrupts that never come.
    #[must_use]
    pub fn never() -> Self {
        let (open, received) = channel::bounded(1);
        Self { received, open }
    }

    /// Starts a thread that waits for SIGHUP, SIGINT and SIGTERM. At the second one, it runs
    /// `cleanup` and ends the process. SIGXFSZ, which would end it at once, is caught and nothing
    /// more: the write past the limit fails.
    ///
    /// # Errors
    ///
    /// What installing the handlers and starting the thread return.
    pub fn watch(cleanup: Cleanup) -> io::Result<Self> {
        let interrupts = Self::never();
        let ignored = ignored_signals();
        let watched = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|&signal| !ignored.has(signal));
        let mut signals = Signals::new(watched.chain([SIGXFSZ]))?;
        let send = interrupts.open.clone();
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let mut coming = signals.forever().filter(|&signal| signal != SIGXFSZ);
            if let Some(first) = coming.next() {
                // Room for one, and this is the one.
                let _ = send.try_send(first);
            }
            if let Some(second) = coming.next() {
                cleanup.run();
                process::exit(i32::from(exit::SIGNAL_BASE) + second);
            }
        })?;
        Ok(interrupts)
    }

    /// Waits for the first signal.
    pub async fn first(&self) -> Error {
        match self.received.recv_async().await {
            Ok(signal) => Error::Interrupted { signal },
            Err(_) => pending().await,
        }
    }

    /// Fails if a signal has come.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`].
    pub fn check(&self) -> Result<(), Error> {
        match self.received.try_recv() {
            Ok(signal) => Err(Error::Interrupted { signal }),
            Err(_) => Ok(()),
        }
    }
}

/// A set of signals, as the kernel prints it.
struct SignalSet(u64);

impl SignalSet {
    const fn has(&self, signal: i32) -> bool {
        self.0 >> (signal - 1) & 1 == 1
    }
}

/// The signals that this process was started with ignored; none where there is no `/proc`.
fn ignored_signals() -> SignalSet {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    SignalSet(mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0))
}
