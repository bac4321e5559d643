//! What every handle says of its channel, and how it closes it.

/// Implements it for a handle, a struct `$handle<T>` with a field `shared`.
macro_rules! tells_of_its_channel {
    ($handle:ident) => {
        impl<T> $handle<T> {
            /// Closes the channel for everybody: no later send succeeds; what is queued can be
            /// received. Says whether this call closed it.
            ///
            /// # Examples
            ///
            /// ```
            /// let (sender, receiver) = moirai_sync::channel::bounded(2);
            /// sender.send(1).unwrap();
            /// assert!(sender.close());
            /// assert!(sender.send(2).is_err());
            /// assert_eq!(receiver.iter().collect::<Vec<_>>(), [1]);
            /// ```
            pub fn close(&self) -> bool {
                self.shared.close().into()
            }

            /// Whether the channel is closed.
            pub fn is_closed(&self) -> bool {
                self.shared.is_closed()
            }

            /// How many messages are queued; none in a rendezvous channel.
            pub fn len(&self) -> usize {
                self.shared.len()
            }

            /// As [`len`](Self::len), under the name that `may` has for it.
            ///
            /// # Examples
            ///
            /// ```
            /// let (sender, _receiver) = moirai_sync::channel::unbounded();
            /// (0..3).for_each(|i| sender.send(i).unwrap());
            /// assert_eq!(sender.pressure(), 3);
            /// ```
            pub fn pressure(&self) -> usize {
                self.len()
            }

            /// What [`ChannelBuilder::name`](crate::channel::ChannelBuilder::name) was given.
            pub fn name(&self) -> Option<&str> {
                self.shared.name()
            }

            /// What the channel has done; `None` unless it was made with
            /// [`enable_metrics`](crate::channel::ChannelBuilder::enable_metrics).
            pub fn metrics(&self) -> Option<crate::channel::ChannelMetrics> {
                self.shared.metrics()
            }

            /// Has [`metrics`](Self::metrics) count from now on: the most that was queued is what is
            /// queued now, and all sums are 0.
            pub fn reset_metrics(&self) {
                self.shared.reset_metrics();
            }

            /// Whether no message is queued; always so in a rendezvous channel.
            pub fn is_empty(&self) -> bool {
                self.shared.is_empty()
            }

            /// Whether the channel holds as many messages as it may; always so in a rendezvous
            /// channel.
            pub fn is_full(&self) -> bool {
                self.shared.is_full()
            }

            /// How many messages the channel holds at most; `None` if it has no bound.
            pub fn capacity(&self) -> Option<usize> {
                self.shared.capacity()
            }
        }

        // A panic elsewhere leaves no channel half changed.
        impl<T> std::panic::UnwindSafe for $handle<T> {}
        impl<T> std::panic::RefUnwindSafe for $handle<T> {}

        impl<T> std::fmt::Debug for $handle<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut this = f.debug_struct(stringify!($handle));
                self.name().iter().for_each(|name| {
                    this.field("name", name);
                });
                this.field("len", &self.len())
                    .field("capacity", &self.capacity())
                    .field("closed", &self.is_closed())
                    .finish()
            }
        }
    };
}
pub(super) use tells_of_its_channel;
