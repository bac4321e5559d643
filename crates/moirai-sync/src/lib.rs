//! Waiting, queues and channels.
