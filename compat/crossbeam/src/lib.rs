//! The names of crossbeam-channel, all of them Moirai's, so that its tests compile unchanged.
//!
//! `cargo xtask crossbeam` copies the tests of the version named in `Cargo.toml` from the local
//! registry into `tests/`, which git ignores, and runs them.

pub use moirai_sync::channel::{
    after, at, bounded, never, tick, unbounded, IntoIter, Iter, Receiver, RecvError,
    RecvTimeoutError, SendError, SendTimeoutError, Sender, TryIter, TryRecvError, TrySendError,
};
pub use moirai_sync::{
    select, select_biased, ReadyTimeoutError, Select, SelectTimeoutError, SelectedOperation,
    TryReadyError, TrySelectError,
};

/// What the macro of crossbeam expands to; one of its tests names it.
#[macro_export]
macro_rules! crossbeam_channel_internal {
    ($($arms:tt)*) => {
        $crate::select! { $($arms)* }
    };
}
