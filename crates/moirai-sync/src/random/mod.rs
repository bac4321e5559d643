//! Random schedules of what is too large for loom. Run by `cargo xtask shuttle`.
//!
//! shuttle runs the real code one step at a time and draws who goes next, so a model may be as
//! large as one likes; it is no proof, and it knows no weak memory: that is what `model` is for. A
//! lost wake-up shows as a deadlock. A failure prints its seed and its schedule: set
//! `SHUTTLE_RANDOM_SEED`, or pass the schedule to `shuttle::replay`.
//!
//! Planted bugs (those of the locks stand in `lock`), each found within the schedules of a quick run:
//!
//! | left out | found by, among others |
//! |---|---|
//! | passing an unused baton on (`Waiter::drop`) | `waiters_that_leave_take_no_wake_up_with_them` |
//! | one lock for all waiters (`WaitList::notify_all`) | `what_is_sent_is_received_whoever_gives_up` |
//! | the second try after registering (`Shared::poll_recv`) | the same |
//! | passing the word on (`Shared::poll_recv`, `poll_send`) | `each_of_three_receivers_gets_one_of_three_messages` |
//! | waking senders at the close (`Shared::close`) | `senders_are_freed_when_the_receivers_go` |
//! | moving `tail` before the link is set (`List::append_block`) | `receivers_stay_behind_the_sender_at_the_end_of_a_block` |
//! | waking futures in spite of a promise (`WaitList::is_promised`) | `a_future_that_is_never_polled_again_keeps_no_thread_asleep` |
//! | passing on a receiver of a rendezvous (`Shared::has_more`) | `a_sender_that_leaves_a_rendezvous_leaves_the_receiver_to_another` |
//! | telling whoever waits of a nearer timer (`Timers::insert`) | `every_timer_fires_or_is_cancelled_whoever_fires_it` |
//! | the note of what is left in a wheel after a batch (`Timers::fire`) | the same |
//! | taking back what came after the end (`Spsc::publish_late`) | `an_only_sender_and_an_only_receiver_agree_on_the_end` |
//! | asking under the lock whether one was claimed (`Rendezvous::try_recv`) | `at_a_rendezvous_messages_come_in_order_from_each_sender` |
//! | the names of claims (there), who only looks (`WaitList::pop_other`), what is for nobody (`Meeting::take`) | the same |
//! | what is brought to a select in the last moment (`engine::give_up`) | the same |
//! | giving a promise up (`Group::let_go`) | the same; `selects_at_a_rendezvous_meet_each_other` |
//! | telling a sender that a receiver has gone (`Leaving::drop`) | `whoever_stays_gets_everything_whoever_goes` |
//! | looking for a notification before the park (`Parker::park`) | every test |

mod broadcast;
mod channel;
mod lock;
mod order;
mod parker;
mod select;
mod timer;
mod waitlist;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner, thread};

/// Runs `body` under `schedules` schedules, or as many times as many as the environment says: three
/// of four drawn at random, the fourth with few forced switches at random places, which finds what
/// needs one thread to stand still for long.
fn explore(schedules: usize, body: fn()) {
    let factor = std::env::var(FACTOR).ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    let schedules = schedules * factor;
    let mut config = Config::new();
    config.silence_warnings = true; // that all orderings count as SeqCst
    let pct = schedules / 4;
    Runner::new(RandomScheduler::new(schedules - pct), config.clone()).run(body);
    Runner::new(PctScheduler::new(FORCED_SWITCHES, pct), config).run(body);
    println!("{schedules} schedules");
}

/// Polls `future` up to `polls` times and drops it; says what it returned.
fn poll_and_cancel<F: Future>(future: F, polls: u32) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        thread::yield_now();
    }
    None
}

/// One of `0..n`.
fn draw(n: u32) -> u32 {
    thread_rng().gen_range(0..n)
}

/// The environment's variable for longer runs.
const FACTOR: &str = "MOIRAI_SHUTTLE_FACTOR";

/// Most bugs need two or three.
const FORCED_SWITCHES: usize = 3;
