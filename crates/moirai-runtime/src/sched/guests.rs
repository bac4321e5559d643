//! Threads that are no workers and fork all the same, for as long as it takes.
//!
//! Such a thread gets a [`Post`], so that workers find what it offers, and takes a permit if one is
//! free, so that no more threads compute than there are permits. It runs no tasks, so the permit is
//! only borrowed: whoever has published a task and finds no free permit calls it back at once, and
//! the guest goes on without. Then it is counted among those who do (`permit::Missed`), so that no worker
//! takes a part of a computation in its stead, and it takes a permit again when it looks up and one is
//! free. While it blocks it has none, and computes not.
//!
//! ```text
//!                    borrow                       return: it leaves or blocks
//!   permit free ────────────────► borrowed ─────────────────────────────────► permit free
//!        │ ▲                         │  ▲
//!        │ └────────── recall ───────┘  │ borrow: it looks up
//!        │  none is free      └──► goes on without ──► return: nothing to pass on
//!        └───────────────────────────►┘
//! ```
//!
//! **No task is forgotten.** A publisher pushes, fences, finds no free permit, and then looks at
//! `borrowed`; a guest says that it has borrowed, fences, and then looks at every queue. One of them
//! sees the other.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | changes of `borrowed` | SeqCst | the fences of `Idle::wake_one` and `Pool::has_work` |
//! | changes of a guest's permit | Relaxed | as in `permit`; the fence of `borrow_permit` comes after them |
//! | exchange of `taken` | Acquire, Release | each other: the post is as its last guest left it |

use moirai_sync::__prim::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use moirai_sync::CachePadded;

use super::permit::{GaveUp, Permit};
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
    permit: Permit,
}

/// A seat that the calling thread has taken.
#[derive(Debug)]
pub(crate) struct Guest<'a> {
    guests: &'a Guests,
    seat: &'a Seat,
}

impl Guests {
    /// Room for `seats` guests at once, whose posts are numbered from `first` on.
    pub(crate) fn new(seats: usize, first: usize) -> Self {
        let seat = |at| Seat {
            post: Post::new(first + at),
            taken: AtomicBool::new(false),
            permit: Permit::none(),
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

    /// Takes a permit from a guest, if one has borrowed any; it is counted as going on without, as the
    /// caller has noted before. The caller has fenced as above.
    pub(crate) fn recall(&self) -> GaveUp {
        self.recall_from(|_| true)
    }

    /// The same for this very permit.
    pub(crate) fn recall_this(&self, permit: PermitId) -> GaveUp {
        self.recall_from(|seat| seat.permit.holds(permit))
    }

    fn recall_from(&self, of_interest: impl Fn(&Seat) -> bool) -> GaveUp {
        let seats = self.seats[..self.used.load(Ordering::Relaxed)].iter();
        let mut recalled =
            seats.filter(|seat| of_interest(seat)).map(|seat| self.returned(seat.permit.recall()));
        recalled.find(|gone| *gone != GaveUp::Nothing).unwrap_or(GaveUp::Nothing)
    }

    fn returned(&self, gone: GaveUp) -> GaveUp {
        if let GaveUp::Held(_) = gone {
            // SeqCst: see the module's doc.
            self.borrowed.fetch_sub(1, Ordering::SeqCst);
        }
        gone
    }
}

impl<'a> Guest<'a> {
    pub(crate) fn post(&self) -> &'a Post {
        &self.seat.post
    }

    /// Whether it computes and has no permit.
    pub(crate) fn is_without(&self) -> bool {
        self.seat.permit.is_missed()
    }

    /// The guest has acquired a permit; returns what it did without. It must look at every queue
    /// afterwards, and give the permit back if work is there.
    pub(crate) fn borrow_permit(&self, permit: PermitId) -> GaveUp {
        self.guests.borrowed.fetch_add(1, Ordering::SeqCst);
        let before = self.seat.permit.hold(permit);
        // SeqCst fence: pairs with the one in `Idle::wake_one`.
        fence(Ordering::SeqCst);
        before
    }

    /// The guest goes on, and there is no permit for it: the caller has counted that.
    pub(crate) fn go_without(&self) {
        self.seat.permit.go_without();
    }

    /// The guest computes no longer.
    pub(crate) fn return_permit(&self) -> GaveUp {
        self.guests.returned(self.seat.permit.give_up())
    }

    /// The guest goes on without its permit, as if that had been called back.
    pub(crate) fn renounce(&self) -> GaveUp {
        self.guests.returned(self.seat.permit.recall())
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `sit_down`.
        self.seat.taken.store(false, Ordering::Release);
    }
}
