//! A select over operations that are known at run time only.

#![allow(unsafe_code, reason = "a message whose channel is known is of that channel's type")]

use std::fmt;
use std::time::{Duration, Instant};

use crate::channel::{Receiver, RecvError, SendError, Sender};
use crate::waitlist::{Group, Own, WaitList, Waiter};

use super::arms::{Arms, Handed, Oneself, Place, Reserved};
use super::engine;
use super::error::{ReadyTimeoutError, SelectTimeoutError, TryReadyError, TrySelectError};
use super::handle::{Begun, End, Handle};
use super::order::{Order, first_of_shuffled};

/// Several channel operations, one of which is to be done; as many as are added.
///
/// It is used in two steps. [`select`](Self::select) waits until one of the operations can be done
/// and begins it: a message has been taken, or a place reserved. The [`SelectedOperation`] says which
/// one, and ends it. A `Select` can be used again and again; for a loop over many channels a
/// [`SelectSet`](super::SelectSet) is faster.
///
/// Of several operations that are ready each is chosen equally often, or the one that was added
/// first if it was made by [`new_biased`](Self::new_biased).
///
/// As with everything that blocks here, a thread of the runtime gives its permit up while it waits.
///
/// # Examples
///
/// ```
/// use moirai_sync::{Select, channel};
///
/// let channels: Vec<_> = (0..8).map(|_| channel::bounded(1)).collect();
/// channels[5].0.send("five").unwrap();
///
/// let mut select = Select::new();
/// for (_, receiver) in &channels {
///     select.recv(receiver);
/// }
/// let operation = select.select();
/// let index = operation.index();
/// assert_eq!((index, operation.recv(&channels[index].1)), (5, Ok("five")));
/// ```
#[derive(Clone)]
pub struct Select<'a> {
    /// `None` where an operation was removed: the others keep their numbers.
    handles: Vec<Option<&'a (dyn Handle + 'a)>>,
    /// The numbers of those that are there, in any order.
    cases: Vec<u32>,
    choice: Choice,
}

#[derive(Clone, Copy, Debug)]
enum Choice {
    Fair,
    Biased,
}

impl<'a> Select<'a> {
    /// A select without operations that treats all alike.
    pub fn new() -> Self {
        Self { handles: Vec::new(), cases: Vec::new(), choice: Choice::Fair }
    }

    /// A select without operations that prefers those added first.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{Select, channel};
    ///
    /// let (urgent, first) = channel::bounded(1);
    /// let (normal, second) = channel::bounded(1);
    /// urgent.send(1).unwrap();
    /// normal.send(2).unwrap();
    /// let mut select = Select::new_biased();
    /// let index = select.recv(&first);
    /// select.recv(&second);
    /// let operation = select.select();
    /// assert_eq!(operation.index(), index);
    /// assert_eq!(operation.recv(&first), Ok(1));
    /// ```
    pub fn new_biased() -> Self {
        Self { choice: Choice::Biased, ..Self::new() }
    }

    /// Adds a send; returns its number. The message is named when the send is done.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{Select, channel};
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// let mut select = Select::new();
    /// let index = select.send(&sender);
    /// let operation = select.select();
    /// assert_eq!(operation.index(), index);
    /// operation.send(&sender, "message").unwrap();
    /// assert_eq!(receiver.recv(), Ok("message"));
    /// ```
    pub fn send<T: Send>(&mut self, sender: &'a Sender<T>) -> usize {
        self.add(sender)
    }

    /// Adds a receive; returns its number.
    pub fn recv<T: Send>(&mut self, receiver: &'a Receiver<T>) -> usize {
        self.add(receiver)
    }

    fn add(&mut self, handle: &'a (dyn Handle + 'a)) -> usize {
        let index = self.handles.len();
        self.handles.push(Some(handle));
        self.cases.push(index as u32);
        index
    }

    /// Removes an operation, for instance because its channel is closed; the others keep their
    /// numbers.
    ///
    /// # Panics
    ///
    /// If there is no such operation.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{Select, channel};
    ///
    /// let (_, closed) = channel::bounded::<u8>(1);
    /// let (sender, open) = channel::bounded(1);
    /// sender.send(1).unwrap();
    /// let mut select = Select::new();
    /// let index = select.recv(&closed);
    /// select.recv(&open);
    /// select.remove(index);
    /// assert_eq!(select.select().recv(&open), Ok(1));
    /// ```
    pub fn remove(&mut self, index: usize) {
        let place = self.cases.iter().position(|&case| case as usize == index);
        match place {
            Some(place) => self.cases.remove(place),
            None => panic!("the select has no operation {index}"),
        };
        self.handles[index] = None;
    }

    /// Begins one of the operations if one need not wait.
    ///
    /// # Errors
    ///
    /// [`TrySelectError`] if all would have to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{Select, channel};
    ///
    /// let (_sender, receiver) = channel::bounded::<u8>(1);
    /// let mut select = Select::new();
    /// select.recv(&receiver);
    /// assert!(select.try_select().is_err());
    /// ```
    pub fn try_select(&mut self) -> Result<SelectedOperation<'a>, TrySelectError> {
        let (arms, mut order) = self.begin();
        engine::try_now(&arms, &mut order).ok_or(TrySelectError)
    }

    /// Waits until one of the operations can be done, and begins it.
    ///
    /// # Panics
    ///
    /// If there are no operations: nothing could ever end the wait.
    pub fn select(&mut self) -> SelectedOperation<'a> {
        let (arms, mut order) = self.begin();
        match engine::attempt(&arms, &mut order) {
            Some(operation) => operation,
            None => {
                engine::block_in(&arms, &mut order, places(arms.handles, Waiter::blocked_select))
            }
        }
    }

    /// Waits for at most `timeout` until one of the operations can be done, and begins it.
    ///
    /// # Errors
    ///
    /// [`SelectTimeoutError`] if none could.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::{Select, channel};
    ///
    /// let (_sender, receiver) = channel::bounded::<u8>(1);
    /// let mut select = Select::new();
    /// select.recv(&receiver);
    /// assert!(select.select_timeout(Duration::from_millis(1)).is_err());
    /// ```
    pub fn select_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.select_until(engine::deadline(timeout))
    }

    /// Waits until `deadline` at most until one of the operations can be done, and begins it.
    ///
    /// # Errors
    ///
    /// [`SelectTimeoutError`] if none could.
    pub fn select_deadline(
        &mut self,
        deadline: Instant,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.select_until(Some(deadline))
    }

    fn select_until(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        let (arms, mut order) = self.begin();
        engine::attempt(&arms, &mut order)
            .or_else(|| {
                engine::block_in_until(
                    &arms,
                    &mut order,
                    places(arms.handles, Waiter::blocked_select),
                    deadline,
                )
            })
            .ok_or(SelectTimeoutError)
    }

    /// The number of an operation that need not wait now.
    ///
    /// By the time it is tried, somebody else may have been faster.
    ///
    /// # Errors
    ///
    /// [`TryReadyError`] if all would have to wait.
    pub fn try_ready(&mut self) -> Result<usize, TryReadyError> {
        let (arms, mut order) = self.look();
        engine::try_now(&arms, &mut order).ok_or(TryReadyError)
    }

    /// Waits until one of the operations need not wait; returns its number.
    ///
    /// By the time it is tried, somebody else may have been faster: so try it, and if that fails ask
    /// again.
    ///
    /// # Panics
    ///
    /// If there are no operations.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{Select, channel};
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// std::thread::spawn(move || sender.send(7));
    /// let mut select = Select::new();
    /// let index = select.recv(&receiver);
    /// assert_eq!(select.ready(), index);
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// ```
    pub fn ready(&mut self) -> usize {
        let (arms, mut order) = self.look();
        match engine::attempt(&arms, &mut order) {
            Some(index) => index,
            None => {
                engine::block_in(&arms, &mut order, places(arms.0.handles, Waiter::blocked_look))
            }
        }
    }

    /// Waits for at most `timeout` until one of the operations need not wait.
    ///
    /// # Errors
    ///
    /// [`ReadyTimeoutError`] if all had to.
    pub fn ready_timeout(&mut self, timeout: Duration) -> Result<usize, ReadyTimeoutError> {
        self.ready_until(engine::deadline(timeout))
    }

    /// Waits until `deadline` at most until one of the operations need not wait.
    ///
    /// # Errors
    ///
    /// [`ReadyTimeoutError`] if all had to.
    pub fn ready_deadline(&mut self, deadline: Instant) -> Result<usize, ReadyTimeoutError> {
        self.ready_until(Some(deadline))
    }

    fn ready_until(&mut self, deadline: Option<Instant>) -> Result<usize, ReadyTimeoutError> {
        let (arms, mut order) = self.look();
        engine::attempt(&arms, &mut order)
            .or_else(|| {
                engine::block_in_until(
                    &arms,
                    &mut order,
                    places(arms.0.handles, Waiter::blocked_look),
                    deadline,
                )
            })
            .ok_or(ReadyTimeoutError)
    }

    fn begin(&mut self) -> (Begin<'_, 'a>, Listed<'_>) {
        let order = Listed { cases: &mut self.cases, choice: self.choice };
        (Begin { handles: &self.handles }, order)
    }

    fn look(&mut self) -> (Look<'_, 'a>, Listed<'_>) {
        let (begin, order) = self.begin();
        (Look(begin), order)
    }
}

impl Default for Select<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select")
            .field("operations", &self.cases.len())
            .field("choice", &self.choice)
            .finish()
    }
}

/// An operation that [`Select::select`] has begun, to be ended by [`send`](Self::send) or
/// [`recv`](Self::recv), neither of which waits.
///
/// Dropped instead, a receive drops its message, and a send gives its place back.
#[must_use = "the operation is begun, and must be ended"]
#[derive(Debug)]
pub struct SelectedOperation<'a> {
    index: usize,
    begun: Begun<'a>,
}

impl SelectedOperation<'_> {
    /// The number of the operation.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Ends a send.
    ///
    /// # Errors
    ///
    /// [`SendError`] returns `message` if the channel is closed.
    ///
    /// # Panics
    ///
    /// If the operation is not a send into the channel of `sender`.
    pub fn send<T: Send>(self, sender: &Sender<T>, message: T) -> Result<(), SendError<T>> {
        let begun = self.begun;
        assert!(begun.end == End::Sender(sender.channel()), "not the sender that was selected");
        // SAFETY: the sides are equal while `sender` exists, so this was made by the `begin` of a
        // `Sender<T>`. (`Sender` is invariant in `T`: lifetimes are the same, too.)
        let reserved = unsafe { begun.got.take::<Reserved<'_, T>>() };
        reserved.send(message)
    }

    /// Ends a receive.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed.
    ///
    /// # Panics
    ///
    /// If the operation is not a receive from the channel of `receiver`.
    pub fn recv<T: Send>(self, receiver: &Receiver<T>) -> Result<T, RecvError> {
        let begun = self.begun;
        let end = End::Receiver(receiver.channel());
        assert!(begun.end == end, "not the receiver that was selected");
        // SAFETY: as in `send`, by the `begin` of a `Receiver<T>`.
        unsafe { begun.got.take::<Result<T, RecvError>>() }
    }
}

/// The arms of a select that begins an operation.
#[derive(Clone, Copy)]
struct Begin<'s, 'a> {
    handles: &'s [Option<&'a (dyn Handle + 'a)>],
}

impl<'a> Begin<'_, 'a> {
    #[inline]
    fn handle(&self, case: usize) -> Option<&'a (dyn Handle + 'a)> {
        self.handles[case]
    }
}

impl<'a> Arms for Begin<'_, 'a> {
    type Output = SelectedOperation<'a>;

    #[inline]
    fn attempt(&self, case: usize) -> Option<SelectedOperation<'a>> {
        let begun = self.handle(case)?.begin()?;
        Some(SelectedOperation { index: case, begun })
    }

    fn meet(&self, case: usize) -> Option<SelectedOperation<'a>> {
        let begun = self.handle(case)?.meet()?;
        Some(SelectedOperation { index: case, begun })
    }

    fn is_ready(&self, case: usize, own: Oneself) -> bool {
        self.handle(case).is_some_and(|handle| handle.is_ready(own.0))
    }

    fn place(&self, case: usize) -> Place<'_> {
        Place(self.handle(case).map(|handle| handle.waiting()))
    }

    fn any_ready(&self, own: Oneself) -> bool {
        (0..self.handles.len()).any(|case| self.is_ready(case, own))
    }

    fn is_enabled(&self) -> bool {
        self.handles.iter().any(Option::is_some)
    }

    fn before_sleep(&self, own: Oneself) {
        self.handles.iter().flatten().for_each(|handle| handle.before_sleep(own.0));
    }

    fn left_behind(&self, own: Oneself) -> Place<'_> {
        Place(self.handles.iter().flatten().find_map(|handle| handle.left_behind(own.0)))
    }

    fn take_handed_over(&self, case: usize, handed: Handed) -> Option<SelectedOperation<'a>> {
        let begun = self.handle(case)?.take_handed_over(handed)?;
        Some(SelectedOperation { index: case, begun })
    }
}

/// The arms of a select that only looks which operation need not wait. What it was told of is there
/// for others as well, so it is passed on, as always where something is left.
#[derive(Clone, Copy)]
struct Look<'s, 'a>(Begin<'s, 'a>);

impl Arms for Look<'_, '_> {
    type Output = usize;

    fn attempt(&self, case: usize) -> Option<usize> {
        self.0.handle(case)?.is_ready(Own::NONE).then_some(case)
    }

    fn meet(&self, case: usize) -> Option<usize> {
        self.attempt(case)
    }

    fn is_ready(&self, case: usize, own: Oneself) -> bool {
        self.0.is_ready(case, own)
    }

    fn place(&self, case: usize) -> Place<'_> {
        self.0.place(case)
    }

    fn any_ready(&self, own: Oneself) -> bool {
        self.0.any_ready(own)
    }

    fn is_enabled(&self) -> bool {
        self.0.is_enabled()
    }

    fn before_sleep(&self, own: Oneself) {
        self.0.before_sleep(own);
    }

    fn left_behind(&self, own: Oneself) -> Place<'_> {
        self.0.left_behind(own)
    }

    /// Nothing: nobody brings anything to who only looks.
    fn take_handed_over(&self, _: usize, _: Handed) -> Option<usize> {
        None
    }
}

/// The operations in the order they were added, or in a random one.
struct Listed<'s> {
    cases: &'s mut [u32],
    choice: Choice,
}

impl Order for Listed<'_> {
    #[inline]
    fn first<R>(&mut self, mut attempt: impl FnMut(usize) -> Option<R>) -> Option<R> {
        match self.choice {
            Choice::Fair => first_of_shuffled(self.cases, attempt),
            Choice::Biased => self.cases.iter().find_map(|&case| attempt(case as usize)),
        }
    }
}

fn places<'a>(
    handles: &[Option<&'a (dyn Handle + 'a)>],
    waiter: fn(&'a WaitList) -> Waiter<'a>,
) -> Group<'a, Box<[Option<Waiter<'a>>]>> {
    Group::new(handles.iter().map(|handle| handle.map(|it| waiter(it.waiting()))).collect())
}
