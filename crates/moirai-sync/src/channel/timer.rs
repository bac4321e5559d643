//! Channels that time sends into: [`after`], [`at`] and [`tick`]; and [`never`], which nobody does.
//!
//! A timer channel holds no message. It knows when the next one is due, and a receive at or after
//! that time makes it. Only where somebody waits is there an alarm, kept by the process's timer
//! thread (so it rings on any executor, and outlives each), which wakes everybody in the channel's
//! list: the first to look takes the message, and the others set the alarm anew before they sleep.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use crate::clock::{Clock, TimerKey};
use crate::prim::Mutex;
use crate::queue::Close;
use crate::timer::timer_thread;
use crate::waitlist::WaitList;

use super::Receiver;
use super::error::TryRecvError;
use super::shared::Flavour;

/// Makes a receiver of one message, which comes after `timeout` and says when that was.
///
/// Its clones share the message. A timeout beyond what an [`Instant`] can hold never comes.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use moirai_sync::{channel, select};
///
/// let (_sender, receiver) = channel::bounded::<u8>(1);
/// let timeout = channel::after(Duration::from_millis(5));
/// select! {
///     recv(receiver) -> _ => unreachable!(),
///     recv(timeout) -> _ => println!("nothing came in time"),
/// }
/// ```
pub fn after(timeout: Duration) -> Receiver<Instant> {
    match Instant::now().checked_add(timeout) {
        Some(when) => at(when),
        None => never(),
    }
}

/// Makes a receiver of one message, which comes at `when` and says so.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use moirai_sync::channel;
///
/// let when = Instant::now() + Duration::from_millis(5);
/// assert_eq!(channel::at(when).recv(), Ok(when));
/// assert!(Instant::now() >= when);
/// ```
pub fn at(when: Instant) -> Receiver<Instant> {
    Receiver::of(Flavour::timer(Timer::new(when, None, |when| when)))
}

/// Makes a receiver of a message every `period`, which says when it was due.
///
/// The channel holds one message: as long as it is not received, the next ones are left out. If it is
/// received late, by more than a period, the next period begins then.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use moirai_sync::channel;
///
/// let start = Instant::now();
/// let ticks = channel::tick(Duration::from_millis(2));
/// assert_eq!(ticks.iter().take(3).count(), 3);
/// assert!(start.elapsed() >= Duration::from_millis(6));
/// ```
pub fn tick(period: Duration) -> Receiver<Instant> {
    match Instant::now().checked_add(period) {
        Some(first) => {
            let timer = Timer::new(first, Some(period), |when| when);
            Receiver::of(Flavour::timer(timer))
        }
        None => never(),
    }
}

/// Makes a receiver to which nothing is ever sent, and which is not closed either.
///
/// For an arm of a select that may be missing. (A guard says the same in fewer words, where the
/// handle is there.)
///
/// # Examples
///
/// ```
/// use moirai_sync::{channel, select};
///
/// let maybe: Option<channel::Receiver<u8>> = None;
/// let nothing = channel::never();
/// select! {
///     recv(maybe.as_ref().unwrap_or(&nothing)) -> _ => unreachable!(),
///     default => println!("nobody is there"),
/// }
/// ```
pub fn never<T>() -> Receiver<T> {
    Receiver::of(Flavour::never())
}

/// The state of a timer channel.
#[derive(Debug)]
pub(super) struct Timer<T> {
    times: Mutex<Times>,
    /// The one alarm that may be set.
    alarm: Mutex<Option<Alarm>>,
    bell: Arc<Bell>,
    message: fn(Instant) -> T,
}

#[derive(Debug)]
struct Times {
    due: Option<Instant>,
    period: Option<Duration>,
    closed: bool,
}

#[derive(Debug)]
struct Alarm {
    due: Instant,
    clock: &'static Arc<dyn Clock>,
    key: TimerKey,
}

/// What the alarm rings: everybody who waits.
#[derive(Debug)]
struct Bell(WaitList);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify_all();
    }
}

impl<T> Timer<T> {
    fn new(due: Instant, period: Option<Duration>, message: fn(Instant) -> T) -> Self {
        Self {
            times: Mutex::new(Times { due: Some(due), period, closed: false }),
            alarm: Mutex::new(None),
            bell: Arc::new(Bell(WaitList::new())),
            message,
        }
    }

    /// Makes the message that is due.
    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut times = self.times.lock();
        let now = Instant::now();
        match times.due {
            _ if times.closed => Err(TryRecvError::Disconnected),
            Some(due) if due <= now => {
                // A period after this one was due; where that has passed, what was missed is left out
                // and a new period begins.
                times.due = times.period.and_then(|period| {
                    let next = due.checked_add(period).filter(|next| *next > now);
                    next.or_else(|| now.checked_add(period))
                });
                Ok((self.message)(due))
            }
            _ => Err(TryRecvError::Empty),
        }
    }

    /// Makes sure that whoever waits is woken when the next message is due.
    pub(super) fn set_alarm(&self) {
        let Some(due) = self.times.lock().due else { return };
        let mut alarm = self.alarm.lock();
        if alarm.as_ref().is_some_and(|alarm| alarm.due == due) {
            return;
        }
        let clock = timer_thread();
        let key = clock.insert(due, Waker::from(Arc::clone(&self.bell)));
        let old = alarm.replace(Alarm { due, clock, key });
        drop(alarm);
        drop(old);
    }

    pub(super) fn waiting(&self) -> &WaitList {
        &self.bell.0
    }

    pub(super) fn has_message(&self) -> bool {
        let times = self.times.lock();
        !times.closed && times.due.is_some_and(|due| due <= Instant::now())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.times.lock().closed
    }

    pub(super) fn close(&self) -> Close {
        match std::mem::replace(&mut self.times.lock().closed, true) {
            true => Close::AlreadyClosed,
            false => Close::Closed,
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.clock.remove(self.key);
    }
}
