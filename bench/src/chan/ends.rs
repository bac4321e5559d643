//! The two ends of a channel, of every rival, behind four small traits.

use std::sync::mpsc;

/// A sending end that blocks its thread.
pub(super) trait BlockingTx: Send + 'static {
    /// Sends, waiting for room; panics if the receivers are gone.
    fn send(&mut self, message: u64);
}

/// A receiving end that blocks its thread.
pub(super) trait BlockingRx: Send + 'static {
    /// The next message; `None` once the senders are gone.
    fn recv(&mut self) -> Option<u64>;
}

/// A sending end that suspends its task.
pub(super) trait AsyncTx: Send + 'static {
    /// Sends, waiting for room; panics if the receivers are gone.
    fn send(&mut self, message: u64) -> impl Future<Output = ()> + Send;
}

/// A receiving end that suspends its task.
pub(super) trait AsyncRx: Send + 'static {
    /// The next message; `None` once the senders are gone.
    fn recv(&mut self) -> impl Future<Output = Option<u64>> + Send;
}

macro_rules! blocking {
    ($tx:ty, $rx:ty) => {
        blocking!(send: $tx);
        blocking!(recv: $rx);
    };
    (send: $tx:ty) => {
        impl BlockingTx for $tx {
            #[inline]
            fn send(&mut self, message: u64) {
                assert!(<$tx>::send(self, message).is_ok(), "the receivers are gone");
            }
        }
    };
    (recv: $rx:ty) => {
        impl BlockingRx for $rx {
            #[inline]
            fn recv(&mut self) -> Option<u64> {
                <$rx>::recv(self).ok()
            }
        }
    };
}

macro_rules! awaiting {
    ($tx:ty, $rx:ty) => {
        awaiting!(send: $tx, send);
        awaiting!(recv: $rx, recv);
    };
    (send: $tx:ty, $send:ident) => {
        impl AsyncTx for $tx {
            #[inline]
            async fn send(&mut self, message: u64) {
                assert!(<$tx>::$send(self, message).await.is_ok(), "the receivers are gone");
            }
        }
    };
    (recv: $rx:ty, $recv:ident) => {
        impl AsyncRx for $rx {
            #[inline]
            async fn recv(&mut self) -> Option<u64> {
                <$rx>::$recv(self).await.ok()
            }
        }
    };
}

/// tokio's and thingbuf's receivers say `None` at the end.
macro_rules! awaiting_option {
    ($tx:ty, $rx:ty) => {
        awaiting!(send: $tx, send);
        impl AsyncRx for $rx {
            #[inline]
            async fn recv(&mut self) -> Option<u64> {
                <$rx>::recv(self).await
            }
        }
    };
}

blocking!(moirai_sync::channel::Sender<u64>, moirai_sync::channel::Receiver<u64>);
awaiting!(send: moirai_sync::channel::Sender<u64>, send_async);
awaiting!(recv: moirai_sync::channel::Receiver<u64>, recv_async);

blocking!(moirai_sync::channel::spsc::Sender<u64>, moirai_sync::channel::spsc::Receiver<u64>);
awaiting!(send: moirai_sync::channel::spsc::Sender<u64>, send_async);
awaiting!(recv: moirai_sync::channel::spsc::Receiver<u64>, recv_async);

blocking!(crossbeam_channel::Sender<u64>, crossbeam_channel::Receiver<u64>);
blocking!(mpsc::SyncSender<u64>, mpsc::Receiver<u64>);
blocking!(send: mpsc::Sender<u64>);
blocking!(kanal::Sender<u64>, kanal::Receiver<u64>);
awaiting!(kanal::AsyncSender<u64>, kanal::AsyncReceiver<u64>);
blocking!(flume::Sender<u64>, flume::Receiver<u64>);
awaiting!(send: flume::Sender<u64>, send_async);
awaiting!(recv: flume::Receiver<u64>, recv_async);
awaiting!(async_channel::Sender<u64>, async_channel::Receiver<u64>);
awaiting_option!(tokio::sync::mpsc::Sender<u64>, tokio::sync::mpsc::Receiver<u64>);
awaiting_option!(thingbuf::mpsc::Sender<u64>, thingbuf::mpsc::Receiver<u64>);
awaiting!(tachyonix::Sender<u64>, tachyonix::Receiver<u64>);
blocking!(may::sync::mpsc::Sender<u64>, may::sync::mpsc::Receiver<u64>);
blocking!(may::sync::spsc::Sender<u64>, may::sync::spsc::Receiver<u64>);

impl BlockingTx for async_channel::Sender<u64> {
    fn send(&mut self, message: u64) {
        self.send_blocking(message).expect("the receivers are gone");
    }
}

impl BlockingRx for async_channel::Receiver<u64> {
    fn recv(&mut self) -> Option<u64> {
        self.recv_blocking().ok()
    }
}

impl BlockingTx for tokio::sync::mpsc::Sender<u64> {
    fn send(&mut self, message: u64) {
        self.blocking_send(message).expect("the receiver is gone");
    }
}

impl BlockingRx for tokio::sync::mpsc::Receiver<u64> {
    fn recv(&mut self) -> Option<u64> {
        self.blocking_recv()
    }
}

/// Its sends need no await.
impl BlockingTx for tokio::sync::mpsc::UnboundedSender<u64> {
    fn send(&mut self, message: u64) {
        Self::send(self, message).expect("the receiver is gone");
    }
}

impl AsyncTx for tokio::sync::mpsc::UnboundedSender<u64> {
    async fn send(&mut self, message: u64) {
        Self::send(self, message).expect("the receiver is gone");
    }
}

impl BlockingRx for tokio::sync::mpsc::UnboundedReceiver<u64> {
    fn recv(&mut self) -> Option<u64> {
        self.blocking_recv()
    }
}

impl AsyncRx for tokio::sync::mpsc::UnboundedReceiver<u64> {
    async fn recv(&mut self) -> Option<u64> {
        Self::recv(self).await
    }
}

impl BlockingTx for thingbuf::mpsc::blocking::Sender<u64> {
    fn send(&mut self, message: u64) {
        Self::send(self, message).expect("the receiver is gone");
    }
}

impl BlockingRx for thingbuf::mpsc::blocking::Receiver<u64> {
    fn recv(&mut self) -> Option<u64> {
        Self::recv(self)
    }
}

mod crossfire_ends {
    use crossfire::{
        AsyncRx as ARx, AsyncTx as ATx, MAsyncRx, MAsyncTx, MRx, MTx, Rx, Tx, mpmc, mpsc, spsc,
    };

    use super::{AsyncRx, AsyncTx, BlockingRx, BlockingTx};

    blocking!(Tx<spsc::Array<u64>>, Rx<spsc::Array<u64>>);
    blocking!(send: Tx<spsc::List<u64>>);
    blocking!(recv: Rx<mpsc::Array<u64>>);
    blocking!(recv: Rx<mpsc::List<u64>>);
    awaiting!(ATx<spsc::Array<u64>>, ARx<spsc::Array<u64>>);
    awaiting!(recv: ARx<mpsc::Array<u64>>, recv);
    awaiting!(recv: ARx<mpsc::List<u64>>, recv);

    /// The cloneable ends have their methods from those that they dereference to.
    macro_rules! cloneable {
        (send: $tx:ty) => {
            impl BlockingTx for $tx {
                #[inline]
                fn send(&mut self, message: u64) {
                    Tx::send(self, message).expect("the receivers are gone");
                }
            }
        };
        (send async: $tx:ty) => {
            impl AsyncTx for $tx {
                #[inline]
                async fn send(&mut self, message: u64) {
                    ATx::send(self, message).await.expect("the receivers are gone");
                }
            }
        };
        (send at once: $tx:ty) => {
            impl AsyncTx for $tx {
                #[inline]
                async fn send(&mut self, message: u64) {
                    Tx::send(self, message).expect("the receivers are gone");
                }
            }
        };
        (recv: $flavor:ty) => {
            impl BlockingRx for MRx<$flavor> {
                #[inline]
                fn recv(&mut self) -> Option<u64> {
                    Rx::recv(self).ok()
                }
            }

            impl AsyncRx for MAsyncRx<$flavor> {
                #[inline]
                async fn recv(&mut self) -> Option<u64> {
                    ARx::recv(self).await.ok()
                }
            }
        };
    }

    cloneable!(send: MTx<mpsc::Array<u64>>);
    cloneable!(send: MTx<mpsc::List<u64>>);
    cloneable!(send: MTx<mpmc::Array<u64>>);
    cloneable!(send: MTx<mpmc::List<u64>>);
    cloneable!(send async: MAsyncTx<mpsc::Array<u64>>);
    cloneable!(send async: MAsyncTx<mpmc::Array<u64>>);
    cloneable!(recv: mpmc::Array<u64>);
    cloneable!(recv: mpmc::List<u64>);
    cloneable!(send at once: MTx<mpsc::List<u64>>);
    cloneable!(send at once: MTx<mpmc::List<u64>>);
}

/// A sending end without a bound, which never waits: in a task, too, its sends need no await.
#[derive(Clone)]
pub(super) struct AtOnce<Tx>(pub(super) Tx);

impl AsyncTx for AtOnce<moirai_sync::channel::Sender<u64>> {
    #[inline]
    async fn send(&mut self, message: u64) {
        self.0.send(message).expect("the receivers are gone");
    }
}

/// Neither rtrb nor ringbuf waits: here they spin, and yield now and then.
pub(super) struct Spinning<E>(pub(super) E);

impl BlockingTx for Spinning<rtrb::Producer<u64>> {
    fn send(&mut self, message: u64) {
        spin(|| self.0.push(message).ok());
    }
}

impl BlockingRx for Spinning<rtrb::Consumer<u64>> {
    fn recv(&mut self) -> Option<u64> {
        spin(|| match self.0.pop() {
            Ok(message) => Some(Some(message)),
            Err(_) if self.0.is_abandoned() && self.0.is_empty() => Some(None),
            Err(_) => None,
        })
    }
}

impl BlockingTx for Spinning<ringbuf::HeapProd<u64>> {
    fn send(&mut self, message: u64) {
        spin(|| ringbuf::traits::Producer::try_push(&mut self.0, message).ok());
    }
}

impl BlockingRx for Spinning<ringbuf::HeapCons<u64>> {
    fn recv(&mut self) -> Option<u64> {
        use ringbuf::traits::{Consumer as _, Observer as _};
        spin(|| match self.0.try_pop() {
            Some(message) => Some(Some(message)),
            None if !self.0.write_is_held() && self.0.is_empty() => Some(None),
            None => None,
        })
    }
}

/// Tries without sleeping.
pub(super) fn spin<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let mut spins = 0_u32;
    loop {
        if let Some(result) = attempt() {
            return result;
        }
        spins += 1;
        match spins % SPINS_MAX {
            0 => std::thread::yield_now(),
            _ => std::hint::spin_loop(),
        }
    }
}

/// Looks before the processor is given away.
const SPINS_MAX: u32 = 1_000;
