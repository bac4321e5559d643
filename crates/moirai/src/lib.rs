//! One runtime.
