//! Groups of tasks: started together, waited for together, cancelled together.
//!
//! | to | use |
//! |---|---|
//! | take results in the order in which they come | [`JoinSet`] |
//! | know when the last of many has ended | [`TaskTracker`] |
//! | have children that never outlive their parent, and whose errors reach it | [`nursery`] |
//! | the same, but let all go on after an error | [`NurseryBuilder::collect_all`] |
//! | take the first success of several, and cancel the rest | [`race`] |
//! | start again what fails | [`supervise`] |
//!
//! What ends in these groups costs its owner one wake-up and a few steps, however many others there
//! are: each task tells its place in the group to a queue, and nobody looks at the rest.
//!
//! Owners of groups are async; where they can be waited for in blocking code, too, that method has
//! a name of its own, since `join_next` is what everybody calls the awaited one.
//!
//! Nothing here knows the scheduler: a group is made of task handles.

mod child;
mod core;
mod error;
mod join_set;
mod members;
mod nursery;
mod race;
mod supervise;
mod tracker;

pub use child::Child;
pub use error::{Failure, NurseryError};
pub use join_set::JoinSet;
pub use nursery::{Nursery, NurseryBuilder, nursery};
pub use race::{Race, race};
pub use supervise::{Supervision, Supervisor, supervise};
pub use tracker::{TaskTracker, Tracked};
