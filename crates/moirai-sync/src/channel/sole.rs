//! Handles that are alone on their side: not cloneable, their methods take `&mut self`, and the queue
//! needs no compare-exchange where one thread at a time moves an index.

mod receiver;
mod sender;
mod sitting;

pub(crate) use receiver::Attending;
pub use receiver::{IntoIter, Receiver};
pub use sender::Sender;
