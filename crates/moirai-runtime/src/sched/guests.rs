//! Threads that are no workers and fork all the same, for as long as it takes.
//!
//! Such a thread gets a [`Post`], so that workers find what it offers, and takes a permit if one is
//! free, so that no more threads compute than there are permits. It runs no tasks, so the permit is
//! only borrowed: whoever has published a task and finds no free permit calls it back at once, and
//! the guest goes on without. While it blocks it has none, either.
//!
//! ```text
//!                  lend                        recall, or it leaves or blocks
//!   permit free ──────────► borrowed by a guest ───────────────────► permit free
//! ```
//!
//! **No task is forgotten.** A publisher pushes, fences, finds no free permit, and then looks at
//! `borrowed`; a guest says that it has borrowed, fences, and then looks at every queue. One of them
//! sees the other.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | changes of `borrowed` and of a guest's permit | SeqCst | the fences of `Idle::wake_one` and `Pool::has_work` |
//! | exchange of `taken` | Acquire, Release | each other: the post is as its last guest left it |

use moirai_sync::__prim::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence};
use moirai_sync::CachePadded;

use super::permits::PermitId;
use super::post::Post;

#[derive(Debug)]
pub(crate) struct Guests {
    seats: Box<[Seat]>,
    /// No seat from here on has ever been taken.
    used: AtomicUsize,
    /// How many guests have a permit.
    borrowed: CachePadded<AtomicUsize>,
}

#[derive(Debug)]
struct Seat {
    post: Post,
    taken: AtomicBool,
    /// The number of its permit and one more, or zero.
    permit: AtomicU32,
}

/// A seat that the calling thread has taken.
#[derive(Debug)]
pub(crate) struct Guest<'a> {
    guests: &'a Guests,
    seat: &'a Seat,
}

/// Whether a permit was given back, which its former holder must pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a permit that is not passed on is lost"]
pub(crate) enum Returned {
    Yes(PermitId),
    /// There was none.
    No,
}

impl Guests {
    /// Room for `seats` guests at once, whose posts are numbered from `first` on.
    pub(crate) fn new(seats: usize, first: usize) -> Self {
        let seat = |at| Seat {
            post: Post::new(first + at),
            taken: AtomicBool::new(false),
            permit: AtomicU32::new(0),
        };
        Self {
            seats: (0..seats).map(seat).collect(),
            used: AtomicUsize::new(0),
            borrowed: CachePadded::new(AtomicUsize::new(0)),
        }
    }

    /// Takes a seat for the calling thread, if one is empty.
    pub(crate) fn sit_down(&self) -> Option<Guest<'_>> {
        let at = self.seats.iter().position(|seat| {
            // Relaxed: checked by the exchange. Acquire: pairs with the Release in `drop`.
            !seat.taken.load(Ordering::Relaxed) && !seat.taken.swap(true, Ordering::Acquire)
        })?;
        // Relaxed: who looks for offers looks again.
        if self.used.load(Ordering::Relaxed) <= at {
            self.used.fetch_max(at + 1, Ordering::Relaxed);
        }
        Some(Guest { guests: self, seat: &self.seats[at] })
    }

    /// The posts of all guests there may be.
    pub(crate) fn posts(&self) -> impl Iterator<Item = &Post> {
        self.seats[..self.used.load(Ordering::Relaxed)].iter().map(|seat| &seat.post)
    }

    /// Whether a guest has a permit. The caller has fenced since it published what that is for.
    #[inline]
    pub(crate) fn have_permits(&self) -> bool {
        // Acquire: pairs with the exchange in `borrow_permit`, so the seat is among the used ones.
        self.borrowed.load(Ordering::Acquire) != 0
    }

    /// Takes a permit from a guest, if one has borrowed any. The caller has fenced as above.
    pub(crate) fn recall(&self) -> Returned {
        self.recall_from(|_| true)
    }

    /// Takes this very permit from a guest, if one has borrowed it. The caller has fenced as above.
    pub(crate) fn recall_this(&self, permit: PermitId) -> Returned {
        let of_interest = permit.index() as u32 + 1;
        self.recall_from(|seat| seat.permit.load(Ordering::Relaxed) == of_interest)
    }

    fn recall_from(&self, of_interest: impl Fn(&Seat) -> bool) -> Returned {
        if !self.have_permits() {
            return Returned::No;
        }
        let seats = self.seats[..self.used.load(Ordering::Relaxed)].iter();
        let mut taken = seats.filter(|seat| of_interest(seat)).map(|seat| self.take_permit(seat));
        taken.find(|returned| *returned != Returned::No).unwrap_or(Returned::No)
    }

    fn take_permit(&self, seat: &Seat) -> Returned {
        // SeqCst: see the module's doc. One of the guest and whoever recalls it gets the permit.
        let permit = match seat.permit.load(Ordering::Relaxed) {
            0 => 0,
            _ => seat.permit.swap(0, Ordering::SeqCst),
        };
        if permit == 0 {
            return Returned::No;
        }
        // SeqCst: as above.
        self.borrowed.fetch_sub(1, Ordering::SeqCst);
        Returned::Yes(PermitId::new(permit as usize - 1))
    }
}

impl<'a> Guest<'a> {
    pub(crate) fn post(&self) -> &'a Post {
        &self.seat.post
    }

    /// The guest has acquired a permit. It must look at every queue afterwards, and give the permit
    /// back if work is there.
    pub(crate) fn borrow_permit(&self, permit: PermitId) {
        self.guests.borrowed.fetch_add(1, Ordering::SeqCst);
        self.seat.permit.swap(permit.index() as u32 + 1, Ordering::SeqCst);
        // SeqCst fence: pairs with the one in `Idle::wake_one`.
        fence(Ordering::SeqCst);
    }

    /// Gives the permit back, if the guest has one.
    pub(crate) fn return_permit(&self) -> Returned {
        self.guests.take_permit(self.seat)
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `sit_down`.
        self.seat.taken.store(false, Ordering::Release);
    }
}
