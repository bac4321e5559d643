//! Queues without waiting: they say Full and Empty, and the channel above makes callers wait.

pub(crate) mod ring;
