//! What the fuzz targets run, as a library, so that plain tests run it too, with random input of
//! their own. A target itself only hands its input over.

pub mod channel_ops;
