//! Receivers as streams and senders as sinks, for what is written against the `futures` traits.
//!
//! A stream must be pollable again and again from one place, and a waiter must not move while it is
//! in its list: so a wait is a future in a box, which owns the handle meanwhile. A message that is
//! there costs no allocation.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;

use crate::coop;

use super::{Receiver, RecvError, SendError, Sender, TryRecvError, TrySendError};

/// What a wait brings: its result, and the handle back.
type Received<T> = (Result<T, RecvError>, Receiver<T>);
type Sent<T> = (Result<(), SendError<T>>, Sender<T>);

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A receiver as a stream of messages; from [`Receiver::into_stream`].
///
/// Dropping it, or the future of its next item, loses no message.
pub struct RecvStream<T>(Receiving<T>);

enum Receiving<T> {
    Idle(Receiver<T>),
    Waiting(Boxed<Received<T>>),
    /// The channel is empty and closed.
    Ended,
}

/// A sender as a sink of messages; from [`Sender::into_sink`].
///
/// It holds one message beyond what the channel has room for. Dropping it drops that one unsent.
pub struct SendSink<T>(SinkState<T>);

enum SinkState<T> {
    Idle(Sender<T>),
    Waiting(Boxed<Sent<T>>),
    Closed,
}

impl<T: Send + 'static> Receiver<T> {
    /// The messages as a stream, which ends when the channel is empty and closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use futures_core::Stream;
    /// use moirai_sync::{channel, strand};
    ///
    /// let (sender, receiver) = channel::bounded(2);
    /// sender.send(7).unwrap();
    /// let mut stream = pin!(receiver.into_stream());
    /// let first = strand::block_on(std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)));
    /// assert_eq!(first, Some(7));
    /// ```
    pub fn into_stream(self) -> RecvStream<T> {
        RecvStream(Receiving::Idle(self))
    }
}

impl<T: Send + 'static> Sender<T> {
    /// A sink that sends into the channel.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use futures_sink::Sink;
    /// use moirai_sync::{channel, strand};
    ///
    /// let (sender, receiver) = channel::bounded(2);
    /// let mut sink = pin!(sender.into_sink());
    /// strand::block_on(std::future::poll_fn(|cx| sink.as_mut().poll_ready(cx))).unwrap();
    /// sink.as_mut().start_send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// ```
    pub fn into_sink(self) -> SendSink<T> {
        SendSink(SinkState::Idle(self))
    }
}

impl<T: Send + 'static> Stream for RecvStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if let Receiving::Idle(receiver) = &self.0 {
            ready!(coop::poll_proceed(cx));
            match receiver.try_recv() {
                Ok(message) => return Poll::Ready(Some(message)),
                Err(TryRecvError::Disconnected) => self.0 = Receiving::Ended,
                Err(TryRecvError::Empty) => {
                    let receiver = receiver.clone();
                    self.0 = Receiving::Waiting(Box::pin(async move {
                        (receiver.recv_async().await, receiver)
                    }));
                }
            }
        }
        let Receiving::Waiting(wait) = &mut self.0 else { return Poll::Ready(None) };
        let (result, receiver) = ready!(wait.as_mut().poll(cx));
        self.0 = match result {
            Ok(_) => Receiving::Idle(receiver),
            Err(RecvError) => Receiving::Ended,
        };
        Poll::Ready(result.ok())
    }
}

impl<T: Send + 'static> FusedStream for RecvStream<T> {
    fn is_terminated(&self) -> bool {
        matches!(self.0, Receiving::Ended)
    }
}

impl<T: Send + 'static> Sink<T> for SendSink<T> {
    type Error = SendError<T>;

    /// Ready once the message before is in the channel.
    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<T>>> {
        let SinkState::Waiting(wait) = &mut self.0 else { return Poll::Ready(Ok(())) };
        let (result, sender) = ready!(wait.as_mut().poll(cx));
        self.0 = SinkState::Idle(sender);
        Poll::Ready(result)
    }

    /// # Panics
    ///
    /// If the sink was not ready.
    fn start_send(mut self: Pin<&mut Self>, message: T) -> Result<(), SendError<T>> {
        let sender = match &self.0 {
            SinkState::Idle(sender) => sender,
            SinkState::Waiting(_) => panic!("`start_send` before the sink was ready"),
            SinkState::Closed => return Err(SendError(message)),
        };
        match sender.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(message)) => Err(SendError(message)),
            Err(TrySendError::Full(message)) => {
                let sender = sender.clone();
                self.0 = SinkState::Waiting(Box::pin(async move {
                    (sender.send_async(message).await, sender)
                }));
                Ok(())
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        self.poll_ready(cx)
    }

    /// Lets the sender go once the last message is in the channel.
    fn poll_close(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<T>>> {
        let result = ready!(self.as_mut().poll_ready(cx));
        self.0 = SinkState::Closed;
        Poll::Ready(result)
    }
}

// Nothing in them is pinned but what is in the box.
impl<T> Unpin for RecvStream<T> {}
impl<T> Unpin for SendSink<T> {}

impl<T> fmt::Debug for RecvStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvStream").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for SendSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendSink").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::channel;

    fn next<T: Send + 'static>(stream: &mut RecvStream<T>) -> Poll<Option<T>> {
        Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_stream_waits_goes_on_and_ends() {
        let (sender, receiver) = channel::bounded(2);
        let mut stream = receiver.into_stream();
        assert!(next(&mut stream).is_pending());
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        assert_eq!(next(&mut stream), Poll::Ready(Some(1)));
        drop(sender);
        assert_eq!(next(&mut stream), Poll::Ready(Some(2)));
        assert!(!stream.is_terminated());
        assert_eq!(next(&mut stream), Poll::Ready(None));
        assert!(stream.is_terminated());
        assert_eq!(next(&mut stream), Poll::Ready(None));
    }

    #[test]
    fn a_stream_that_is_always_ready_uses_up_the_budget() {
        let (sender, receiver) = channel::unbounded();
        (0..1000).for_each(|n| sender.send(n).unwrap());
        let mut stream = receiver.into_stream();
        let taken = coop::limited(|| (0..1000).filter(|_| next(&mut stream).is_ready()).count());
        assert_eq!(taken, coop::BUDGET as usize);
    }

    #[test]
    fn a_waiting_stream_that_is_dropped_loses_nothing() {
        let (sender, receiver) = channel::bounded(1);
        let mut stream = receiver.clone().into_stream();
        assert!(next(&mut stream).is_pending());
        sender.send(1).unwrap();
        drop(stream);
        assert_eq!(receiver.try_recv(), Ok(1));
    }

    #[test]
    fn a_sink_holds_one_message_and_closes_after_it() {
        let (sender, receiver) = channel::bounded(1);
        let mut sink = sender.into_sink();
        let mut cx = Context::from_waker(Waker::noop());
        let mut sink = Pin::new(&mut sink);
        for message in [1, 2] {
            assert!(sink.as_mut().poll_ready(&mut cx).is_ready());
            assert!(sink.as_mut().start_send(message).is_ok());
        }
        assert!(sink.as_mut().poll_flush(&mut cx).is_pending());
        assert_eq!(receiver.recv(), Ok(1));
        assert!(sink.as_mut().poll_close(&mut cx).is_ready());
        assert_eq!(receiver.recv(), Ok(2));
        assert!(receiver.recv().is_err());
        assert_eq!(sink.as_mut().start_send(3).map_err(SendError::into_inner), Err(3));
    }
}
