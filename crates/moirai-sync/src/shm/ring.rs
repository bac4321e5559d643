//! The ring itself: what two processes see, and what each moves.
//!
//! ```text
//!   head ............ tail          the places from head to tail are the receiver's, the others the sender's
//! ```
//!
//! Positions count messages and never begin anew. Each side moves its own, which it knows by heart, and
//! only reads the other's. A message is there once `tail` has moved past it: whoever dies before that
//! has sent nothing, and the next sender writes over what there is. A receiver that dies before it has
//! moved `head` has received nothing, and the next one gets the message again.
//!
//! **What the other process writes is not believed.** Messages are copied word by word, through atomics,
//! into memory of our own, and are of a type that any bytes make a value of. A position is compared
//! with our own: what is there is at least nothing and at most the capacity, or [`Corrupt`]. Nothing else
//! is read from there. So this file holds no `unsafe`; `map` says where the words lie.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `tail` store in `push` | Release | the receiver's Acquire load: the message is there |
//! | `head` store in `pop` | Release | the sender's Acquire load: the message was read |
//! | `life` store in `attach`, `leave` | Release | the other's Acquire load: what came before is seen |
//! | words of messages | Relaxed | nothing: the positions order them |
//!
//! Knows no file and no process: who is there and who has died is `seat`'s affair.

use crate::prim::atomic::{AtomicU32, AtomicU64, Ordering};

use super::bell::Bell;

/// The file up to the places. See `layout` for the first line.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Shared {
    /// Read from the file, before it is mapped, and not from here.
    _facts: Line<[AtomicU64; 5]>,
    tail: Line<AtomicU64>,
    head: Line<AtomicU64>,
    /// On a line that nobody writes as long as nobody waits, comes or goes.
    sides: Line<[Side; 2]>,
}

/// Two cache lines, so that the prefetcher of one side does not pull the other's along.
#[derive(Debug)]
#[repr(C, align(128))]
struct Line<T>(T);

/// One side, as the other one sees it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Side {
    /// 0 before anybody came; odd while somebody is there, even after he has left. It changes with each
    /// that comes or goes.
    life: AtomicU32,
    bell: Bell,
}

/// Who is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Sender,
    Receiver,
}

impl Role {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }
}

/// What a side says of itself. One that has died says that it is there; the number tells one that
/// is there from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Nobody,
    There(u32),
    Left,
}

/// A position of the other process cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt;

/// What became of a [`push`](Producer::push).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Push {
    Done,
    Full,
}

/// What became of a [`pop`](Consumer::pop).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Pop {
    Done,
    Empty,
}

impl Shared {
    /// One that nobody has used; a mapped one is made by the zeros of a new file.
    #[cfg(moirai_loom)]
    pub(crate) fn new() -> Self {
        let side = || Side { life: AtomicU32::new(0), bell: Bell::new() };
        Self {
            _facts: Line(std::array::from_fn(|_| AtomicU64::new(0))),
            tail: Line(AtomicU64::new(0)),
            head: Line(AtomicU64::new(0)),
            sides: Line([side(), side()]),
        }
    }

    pub(crate) fn side(&self, role: Role) -> &Side {
        let [sender, receiver] = &self.sides.0;
        match role {
            Role::Sender => sender,
            Role::Receiver => receiver,
        }
    }

    /// Says that somebody has come, who has the side for himself.
    pub(crate) fn attach(&self, role: Role) {
        // Relaxed: only who has the side writes it.
        let life = self.side(role).life.load(Ordering::Relaxed);
        // The next odd number, also after one that has died and is odd still.
        self.change(role, (life | 1).wrapping_add(2 * (life & 1)));
    }

    /// Says that whoever had the side has left it.
    pub(crate) fn leave(&self, role: Role) {
        // Relaxed: as in `attach`. The next even number, but for that of nobody.
        let life = self.side(role).life.load(Ordering::Relaxed);
        self.change(role, (life | 1).wrapping_add(1).max(2));
    }

    fn change(&self, role: Role, life: u32) {
        // Release: pairs with the Acquire in `life`: who sees that the sender has left sees all it sent.
        self.side(role).life.store(life, Ordering::Release);
        self.side(role.other()).bell.ring();
    }

    pub(crate) fn life(&self, role: Role) -> Life {
        // Acquire: pairs with the Release in `change`.
        match self.side(role).life.load(Ordering::Acquire) {
            0 => Life::Nobody,
            life if life % 2 == 1 => Life::There(life),
            _ => Life::Left,
        }
    }

    /// How many messages there are from `head` to `tail`.
    fn between(head: u64, tail: u64, places: &Places<'_>) -> Result<u64, Corrupt> {
        tail.checked_sub(head).filter(|filled| *filled <= places.capacity).ok_or(Corrupt)
    }

    /// How many messages there are now; for those who move neither position.
    pub(crate) fn len(&self, places: &Places<'_>) -> Result<u64, Corrupt> {
        // Acquire, in this order: pairs with the Release stores. `head` may move in between, so that less
        // is there than these say, but never more than there is room for.
        let tail = self.tail.0.load(Ordering::Acquire);
        let head = self.head.0.load(Ordering::Acquire);
        if head > tail { Ok(0) } else { Self::between(head, tail, places) }
    }

    /// Both positions, for somebody who goes on where another one has left off.
    fn positions(&self) -> Result<(u64, u64), Corrupt> {
        // Acquire: pairs with the Release stores of whoever moved them last.
        let head = self.head.0.load(Ordering::Acquire);
        let tail = self.tail.0.load(Ordering::Acquire);
        if head > POSITION_MAX || tail > POSITION_MAX {
            return Err(Corrupt);
        }
        Ok((head, tail))
    }
}

impl Side {
    pub(crate) fn bell(&self) -> &Bell {
        &self.bell
    }
}

/// Where the messages lie: `capacity` places of as many words each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places<'a> {
    pub(crate) words: &'a [AtomicU64],
    pub(crate) words_each: usize,
    pub(crate) capacity: u64,
}

impl<'a> Places<'a> {
    /// The words of a message; `index` is below the capacity.
    #[inline]
    fn at(&self, index: usize) -> &'a [AtomicU64] {
        let first = index * self.words_each;
        &self.words[first..first + self.words_each]
    }

    /// Which place is that of `position`.
    fn index(&self, position: u64) -> usize {
        (position % self.capacity) as usize
    }

    /// The place after `index`.
    #[inline]
    fn after(&self, index: usize) -> usize {
        if index as u64 + 1 == self.capacity { 0 } else { index + 1 }
    }
}

/// What the sender knows by heart.
#[derive(Debug)]
pub(crate) struct Producer {
    tail: u64,
    /// The place of `tail`.
    index: usize,
    /// Where the receiver was when the sender looked last.
    head: u64,
}

impl Producer {
    /// Goes on where the last sender has left off.
    pub(crate) fn resume(shared: &Shared, places: &Places<'_>) -> Result<Self, Corrupt> {
        let (head, tail) = shared.positions()?;
        // The receiver may go on meanwhile, so `head` is no later than it was.
        Shared::between(head, tail, places)?;
        Ok(Self { tail, index: places.index(tail), head })
    }

    /// Copies `message`, of as many bytes as a place has or a few less, into the next place.
    #[inline]
    pub(crate) fn push(
        &mut self,
        shared: &Shared,
        places: &Places<'_>,
        message: &[u8],
    ) -> Result<Push, Corrupt> {
        if self.tail - self.head >= places.capacity {
            // Acquire: pairs with the Release in `pop`: the message that was there has been read.
            let head = shared.head.0.load(Ordering::Acquire);
            if Shared::between(head, self.tail, places)? == places.capacity {
                return Ok(Push::Full);
            }
            self.head = head;
        }
        write(places.at(self.index), message);
        self.tail += 1;
        self.index = places.after(self.index);
        // Release: pairs with the Acquire in `Consumer::pop`: the message is there.
        shared.tail.0.store(self.tail, Ordering::Release);
        shared.side(Role::Receiver).bell.ring();
        Ok(Push::Done)
    }
}

/// What the receiver knows by heart.
#[derive(Debug)]
pub(crate) struct Consumer {
    head: u64,
    /// The place of `head`.
    index: usize,
    /// Where the sender was when the receiver looked last.
    tail: u64,
}

impl Consumer {
    /// Goes on where the last receiver has left off.
    pub(crate) fn resume(shared: &Shared, places: &Places<'_>) -> Result<Self, Corrupt> {
        let (head, tail) = shared.positions()?;
        Shared::between(head, tail, places)?;
        // What has been sent meanwhile is found at the first receive.
        Ok(Self { head, index: places.index(head), tail })
    }

    /// Copies the oldest message into `message`.
    #[inline]
    pub(crate) fn pop(
        &mut self,
        shared: &Shared,
        places: &Places<'_>,
        message: &mut [u8],
    ) -> Result<Pop, Corrupt> {
        if self.tail == self.head {
            // Acquire: pairs with the Release in `push`: the messages before `tail` are there.
            let tail = shared.tail.0.load(Ordering::Acquire);
            if Shared::between(self.head, tail, places)? == 0 {
                return Ok(Pop::Empty);
            }
            self.tail = tail;
        }
        read(places.at(self.index), message);
        self.head += 1;
        self.index = places.after(self.index);
        // Release: pairs with the Acquire in `Producer::push`: the message has been read.
        shared.head.0.store(self.head, Ordering::Release);
        shared.side(Role::Sender).bell.ring();
        Ok(Pop::Done)
    }
}

/// Copies `bytes` into `place`, whose last word may have some more.
#[inline]
fn write(place: &[AtomicU64], bytes: &[u8]) {
    let (whole, rest) = bytes.as_chunks::<WORD>();
    for (word, bytes) in place.iter().zip(whole) {
        word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
    }
    if let Some(word) = place.get(whole.len()) {
        let mut last = [0; WORD];
        last[..rest.len()].copy_from_slice(rest);
        word.store(u64::from_ne_bytes(last), Ordering::Relaxed);
    }
}

/// The reverse of [`write`].
#[inline]
fn read(place: &[AtomicU64], bytes: &mut [u8]) {
    let (whole, rest) = bytes.as_chunks_mut::<WORD>();
    for (word, bytes) in place.iter().zip(&mut *whole) {
        *bytes = word.load(Ordering::Relaxed).to_ne_bytes();
    }
    if let Some(word) = place.get(whole.len()) {
        let last = word.load(Ordering::Relaxed).to_ne_bytes();
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

/// The bytes of a word of a message.
pub(crate) const WORD: usize = size_of::<u64>();

/// A ring that says it has passed more messages was not written by this: at a billion each second it
/// takes a century.
pub(crate) const POSITION_MAX: u64 = 1 << 61;
