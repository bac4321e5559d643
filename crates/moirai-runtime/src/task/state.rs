//! The state word of one task, and every way it may change.
//!
//! ```text
//!          1 new             2 to_running, claim     4 to_complete         5 take_output, drop_handle
//! (nothing) ───► SCHEDULED ─────────────────► RUNNING ──────────► COMPLETE ──────────────────► freed
//!                 ▲    ▲                       │   │  ◄─────────┐
//!                 │    └── 3 to_idle: woken ───┘   │ 3 to_idle  │ 7 to_shutdown
//!                 │                                ▼            │
//!                 └─────── 6 to_scheduled ─────── IDLE ─────────┘
//!                                                  │  8 hand_over: to RUNNING, by who runs it
//! ```
//!
//! | bit | set | cleared | means |
//! |---|---|---|---|
//! | SCHEDULED | by a wake-up | by who starts to run it | it shall run (again); once COMPLETE, see below |
//! | RUNNING | by who starts to run it | at the end of the run | one thread has the future; once COMPLETE, see below |
//! | ENQUEUED | when a queue entry is made | when it is taken out | at most one entry exists: the header has one `next` |
//! | COMPLETE | at the end | never | the output is in the cell, or was taken |
//! | CANCELLED | by `cancel`, shutdown | never | the next who has the future drops it |
//! | HANDLE | at birth | by the handle's drop | somebody may ask for the output |
//! | WAITER | by the handle | by the handle, before COMPLETE | the waiter slot holds a waker |
//! | TAKEN | by the handle | never | the output has left the cell |
//! | SIDE | at birth | never | a side block lies behind the cell |
//! | LANE | at birth | never | two bits: the task's [priority](Priority), normal if zero |
//! | HOME | before it is first queued | never | eleven bits: the number of the permit it belongs to and one more, or zero |
//!
//! A task that is COMPLETE runs no more: SCHEDULED and RUNNING then are the number of its
//! [outcome](Outcome), which stays when the output has left.
//!
//! The flags are the lower bits of the cell's [`word`](crate::slab::word). Its upper bits count
//! references: the handle, each waker, the queue entry, the runner; in between is the cell's
//! generation, which no move changes.
//!
//! **A task can be scheduled and enqueued apart.** A joining worker may claim a task that waits in
//! some queue and run it at once; the entry stays behind, stale, and is dropped when it surfaces,
//! or serves the next wake-up.
//!
//! **Every move is a read-modify-write**, also one that changes nothing: a wake-up that finds the
//! task scheduled must still hand what it has written to the coming run. But who holds the last
//! reference to a task that is COMPLETE has the word to himself, for nobody makes another one then
//! but from one that he has: he stores, or frees.
//!
//! This file knows no scheduler and wakes nobody: each move returns a verdict, and the caller acts
//! on it. All orderings are at least AcqRel for that hand-over (a run sees what its wakers wrote, the
//! handle sees the output, the last owner sees everything), except where noted.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | exchange of every move | SeqCst | every other move, as Acquire and Release; `to_idle` also the pool's `closed`: see `Pool::shut_down_idle` |
//! | store in `begin` | Release | the exchange by which shutdown takes a reference |
//! | load in `is_complete`, `take_output`, `status` | Acquire | `to_complete`: the output is there |
//! | load in `take_output`, `drop_handle`, `drop_ref` | Acquire | the exchange by which another has dropped his reference: he is done with the cell |
//! | store in `take_output` | Release | the load in `status_of`'s callers, as the move to COMPLETE that it hides |
//! | exchange in `settle` | Relaxed | the queue that the task is put into next |
//! | count in `add_ref` | Relaxed | made from a reference that is held |

use std::fmt;

use moirai_sync::__prim::atomic::{AtomicU64, Ordering};
use moirai_sync::Priority;

use crate::sched::permits::{PERMITS_MAX, PermitId};
use crate::slab::word::{self, REF_ONE, REFS_MAX, add_ref, refs};
use crate::trace::{Outcome, TaskStatus};

const SCHEDULED: u64 = 1;
const RUNNING: u64 = 1 << 1;
/// Once it is complete.
const OUTCOME: u64 = SCHEDULED | RUNNING;
const ENQUEUED: u64 = 1 << 2;
const COMPLETE: u64 = word::ENDED;
const CANCELLED: u64 = 1 << 4;
const HANDLE: u64 = 1 << 5;
const WAITER: u64 = 1 << 6;
const TAKEN: u64 = 1 << 7;
const SIDE: u64 = 1 << 8;
const LANE: u64 = 0b11 << 9;
const LANE_LOW: u64 = 0b01 << 9;
const LANE_HIGH: u64 = 0b10 << 9;
const LANE_CRITICAL: u64 = 0b11 << 9;
const HOME_SHIFT: u32 = 11;
const HOME: u64 = 0x7ff << HOME_SHIFT;
// Each permit has its number, and the flags end where the generation begins.
const _: () = assert!((PERMITS_MAX as u64) << HOME_SHIFT <= HOME && HOME < word::GENERATION_ONE);

/// A cell's word while its task lives.
#[repr(transparent)]
pub(crate) struct State(AtomicU64);

/// Whether a side block lies behind the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HasSide {
    Yes,
    No,
}

/// Whether there is anything to think of when the task is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    /// It has no side block, is of normal priority, and is at home anywhere.
    Yes,
    No,
}

/// What to do with a queue entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum ToRunning {
    /// Poll the future. The entry's reference is now the runner's.
    Run,
    /// Drop the future and complete as cancelled. The entry's reference is now the runner's.
    Cancel,
    /// Somebody ran it meanwhile: drop the entry's reference.
    Stale,
}

/// Whether a joining worker has the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Claim {
    /// Poll the future, with a reference of the runner's own.
    Run,
    /// As `Run`, but drop the future.
    Cancel,
    Refused,
}

/// What to do after a poll that was pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum ToIdle {
    /// Nothing: the runner's reference is gone.
    Idle,
    /// Queue it again: the runner's reference is now the entry's.
    Reschedule,
    /// Drop the future and complete as cancelled; the task is still RUNNING. It was cancelled, or nobody
    /// is left to wake it.
    Cancel,
}

/// What the runner does after it has stored the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Completed {
    /// Nothing: the handle has the output, nobody waits, and the runner's reference is gone.
    Done,
    /// This; the reference is still the runner's.
    Act { output: Output, waiter: Waiting },
}

/// What the end of the handle leaves to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum HandleDropped {
    /// The handle's reference is gone, and this follows.
    Reference(RefDropped),
    /// The output is the caller's to drop; the reference is still the handle's.
    Output,
}

/// Whose the output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Output {
    /// Of the handle, now or later.
    Handle,
    /// Of the caller, who drops it.
    Caller,
}

/// Whether the waiter slot holds a waker that is now the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Waiting {
    Yes,
    No,
}

/// What a wake-up or a cancel must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum ToScheduled {
    /// Queue it: a reference for the entry has been counted.
    Push,
    Nothing,
}

/// What a wake-up must do that gives its reference up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Woken {
    /// Queue it: the reference is the entry's.
    Push,
    /// Nothing more: the reference is gone.
    Dropped(RefDropped),
}

/// Whether shutdown has the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum ToShutdown {
    /// Drop the future and complete as cancelled; the caller's reference is the runner's.
    Drop,
    /// It is complete, or its runner will see the cancel.
    Leave,
}

/// Whether the waiter slot is the handle's to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum WaiterMove {
    Done,
    /// The task is complete: the slot is the runner's.
    Complete,
}

/// What dropping a reference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum RefDropped {
    Others,
    /// Free the cell; nothing is in its union.
    Free,
    /// The future is still there and nobody can wake it: queue the cell, with the reference that
    /// was to be dropped, so that a worker drops the future. Not here: this may be any place where
    /// a waker is dropped, under any lock.
    Abandoned,
}

impl State {
    /// Begins the life of a task in a queue, with a handle: the rest of the cell is written.
    #[inline]
    pub(crate) fn begin(&self, generation: u64, side: HasSide, priority: Priority) {
        let side = if side == HasSide::Yes { SIDE } else { 0 };
        let lane = match priority {
            Priority::Low => LANE_LOW,
            Priority::Normal => 0,
            Priority::High => LANE_HIGH,
            Priority::Critical => LANE_CRITICAL,
        };
        let word = generation | side | lane | SCHEDULED | ENQUEUED | HANDLE | (2 * REF_ONE);
        // Release: pairs with the SeqCst exchange by which shutdown takes a reference to a cell
        // that it finds alive.
        self.0.store(word, Ordering::Release);
    }

    /// Applies `next` until it sticks; returns what it said of the word that it replaced.
    #[inline]
    fn change<V>(&self, mut next: impl FnMut(u64) -> (u64, V)) -> V {
        // Relaxed: a guess, checked by the exchange.
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (new, verdict) = next(word);
            // AcqRel: pairs with every other move, see the module's doc. SeqCst: a runner moves to
            // IDLE and then looks whether the pool is closed; shutdown closes it and then looks at
            // the word. One of the two sees the other.
            match self.0.compare_exchange_weak(word, new, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return verdict,
                Err(current) => word = current,
            }
        }
    }

    /// A queue entry has surfaced.
    #[inline]
    pub(crate) fn to_running(&self) -> ToRunning {
        self.change(|word| {
            let taken = word & !ENQUEUED;
            if word & SCHEDULED == 0 || word & (RUNNING | COMPLETE) != 0 {
                (taken, ToRunning::Stale)
            } else {
                let verdict =
                    if word & CANCELLED == 0 { ToRunning::Run } else { ToRunning::Cancel };
                (taken & !SCHEDULED | RUNNING, verdict)
            }
        })
    }

    /// A joining worker wants to run the task itself, wherever it is queued.
    pub(crate) fn claim(&self) -> Claim {
        self.change(|word| {
            if word & SCHEDULED == 0 || word & (RUNNING | COMPLETE) != 0 {
                (word, Claim::Refused)
            } else {
                let verdict = if word & CANCELLED == 0 { Claim::Run } else { Claim::Cancel };
                (add_ref(word & !SCHEDULED | RUNNING), verdict)
            }
        })
    }

    /// The runner's poll was pending.
    #[inline]
    pub(crate) fn to_idle(&self) -> ToIdle {
        self.change(|word| {
            let idle = word & !RUNNING;
            if word & CANCELLED != 0 {
                (word, ToIdle::Cancel)
            } else if word & SCHEDULED != 0 {
                if word & ENQUEUED != 0 {
                    // A stale entry exists and serves this wake-up; it has its own reference.
                    (idle - REF_ONE, ToIdle::Idle)
                } else {
                    (idle | ENQUEUED, ToIdle::Reschedule)
                }
            } else if refs(word) == 1 {
                (word, ToIdle::Cancel)
            } else {
                (idle - REF_ONE, ToIdle::Idle)
            }
        })
    }

    /// Whether the runner, whose poll was pending, may keep the task as it is: nobody has woken it, or holds
    /// a waker of it, nor does anything about it want more of its queueing than its turn.
    #[inline]
    pub(crate) fn may_stay(&self) -> bool {
        // Relaxed: the runner's own poll has made the wakers; what comes later is seen later.
        let word = self.0.load(Ordering::Relaxed);
        let handle = u64::from(word & HANDLE != 0);
        let unusual = SCHEDULED | ENQUEUED | CANCELLED | SIDE | LANE | HOME;
        word & unusual == 0 && refs(word) == 1 + handle
    }

    /// The runner does not keep the task for itself: its reference is an entry's now.
    pub(crate) fn to_queued(&self) {
        self.change(|word| {
            debug_assert!(word & (ENQUEUED | COMPLETE) == 0, "a task is queued twice");
            (word & !RUNNING | SCHEDULED | ENQUEUED, ())
        });
    }

    /// Whether whoever has the future is to drop it.
    #[inline]
    pub(crate) fn is_cancelled(&self) -> bool {
        // Relaxed: who cancels passes nothing on.
        self.0.load(Ordering::Relaxed) & CANCELLED != 0
    }

    /// The runner has stored the output, and says what it is.
    #[inline]
    pub(crate) fn to_complete(&self, outcome: Outcome) -> Completed {
        self.change(|word| {
            let output = if word & HANDLE == 0 { Output::Caller } else { Output::Handle };
            let waiter = if word & WAITER == 0 { Waiting::No } else { Waiting::Yes };
            let complete = word & !OUTCOME | outcome as u64 | COMPLETE;
            match (output, waiter) {
                // The handle has a reference too: this is not the last.
                (Output::Handle, Waiting::No) => (complete - REF_ONE, Completed::Done),
                _ => (complete, Completed::Act { output, waiter }),
            }
        })
    }

    /// Somebody wakes the task.
    #[inline]
    pub(crate) fn to_scheduled(&self) -> ToScheduled {
        self.change(|word| {
            if word & (SCHEDULED | COMPLETE) != 0 {
                (word, ToScheduled::Nothing)
            } else if word & (RUNNING | ENQUEUED) != 0 {
                // The runner will queue it, or a stale entry serves.
                (word | SCHEDULED, ToScheduled::Nothing)
            } else {
                (add_ref(word | SCHEDULED | ENQUEUED), ToScheduled::Push)
            }
        })
    }

    /// The same by who gives a reference up, which is the entry's if one is to be made.
    #[inline]
    pub(crate) fn wake(&self) -> Woken {
        self.wake_to(SCHEDULED | ENQUEUED)
    }

    /// As [`wake`](Self::wake), by who runs the task at once where that would queue it: `Push` says to, with
    /// the reference as the runner's. No entry exists then, and none is made before the run is over.
    #[inline]
    pub(crate) fn hand_over(&self) -> Woken {
        self.wake_to(RUNNING)
    }

    /// A task that is idle gets the flags `woken`, and the caller's reference.
    #[inline(always)]
    fn wake_to(&self, woken: u64) -> Woken {
        self.change(|word| {
            if word & (SCHEDULED | COMPLETE) != 0 {
                let (word, dropped) = without_ref(word);
                (word, Woken::Dropped(dropped))
            } else if word & (RUNNING | ENQUEUED) != 0 {
                // As above; the runner or the entry has a reference of its own.
                ((word | SCHEDULED) - REF_ONE, Woken::Dropped(RefDropped::Others))
            } else {
                (word | woken, Woken::Push)
            }
        })
    }

    /// Somebody cancels the task: whoever has the future next drops it.
    pub(crate) fn cancel(&self) -> ToScheduled {
        self.change(|word| {
            if word & (CANCELLED | COMPLETE) != 0 {
                (word, ToScheduled::Nothing)
            } else if word & (RUNNING | SCHEDULED | ENQUEUED) != 0 {
                let scheduled = if word & RUNNING == 0 { SCHEDULED } else { 0 };
                (word | CANCELLED | scheduled, ToScheduled::Nothing)
            } else {
                (add_ref(word | CANCELLED | SCHEDULED | ENQUEUED), ToScheduled::Push)
            }
        })
    }

    /// The runtime ends, and the caller holds a reference.
    pub(crate) fn to_shutdown(&self) -> ToShutdown {
        self.change(|word| {
            if word & COMPLETE != 0 {
                (word, ToShutdown::Leave)
            } else if word & RUNNING != 0 {
                (word | CANCELLED, ToShutdown::Leave)
            } else {
                (word & !SCHEDULED | CANCELLED | RUNNING, ToShutdown::Drop)
            }
        })
    }

    /// Relaxed, here and below: these bits never change.
    #[inline]
    pub(crate) fn side(&self) -> HasSide {
        if self.0.load(Ordering::Relaxed) & SIDE == 0 { HasSide::No } else { HasSide::Yes }
    }

    pub(crate) fn priority(&self) -> Priority {
        match self.0.load(Ordering::Relaxed) & LANE {
            LANE_LOW => Priority::Low,
            LANE_HIGH => Priority::High,
            LANE_CRITICAL => Priority::Critical,
            _ => Priority::Normal,
        }
    }

    #[inline]
    pub(crate) fn is_plain(&self) -> Plain {
        let special = self.0.load(Ordering::Relaxed) & (SIDE | LANE | HOME);
        if special == 0 { Plain::Yes } else { Plain::No }
    }

    /// The task belongs to a permit from now on; it has not been queued yet.
    pub(crate) fn settle(&self, home: PermitId) {
        // Relaxed: whoever finds it in a queue reads this. Shutdown may change the word meanwhile.
        self.0.fetch_or((home.index() as u64 + 1) << HOME_SHIFT, Ordering::Relaxed);
    }

    /// The permit whose holder runs the task, if it is not for anybody.
    pub(crate) fn home(&self) -> Option<PermitId> {
        let home = (self.0.load(Ordering::Relaxed) & HOME) >> HOME_SHIFT;
        (home != 0).then(|| PermitId::new(home as usize - 1))
    }

    /// How the task stands; of one that is complete, how it ended.
    pub(crate) fn status(&self) -> TaskStatus {
        // Acquire: pairs with `to_complete`.
        status_of(self.0.load(Ordering::Acquire))
    }

    #[inline]
    pub(crate) fn is_complete(&self) -> bool {
        // Acquire: pairs with `to_complete`, so that who sees it may act on what the task did.
        self.0.load(Ordering::Acquire) & COMPLETE != 0
    }

    /// The handle asks for the output.
    #[inline]
    pub(crate) fn take_output(&self) -> TakeOutput {
        // Acquire: pairs with `to_complete`: the output is in the cell; and with the last other
        // reference's drop. No exchange: after COMPLETE only the handle sets TAKEN.
        let word = self.0.load(Ordering::Acquire);
        if word & COMPLETE == 0 {
            return TakeOutput::NotYet;
        }
        if word & TAKEN != 0 {
            return TakeOutput::Gone;
        }
        if is_sole(word) {
            // Release: who asks for the task by name sees what it has done.
            self.0.store(word | TAKEN, Ordering::Release);
        } else {
            // Relaxed: read by the handle only.
            self.0.fetch_or(TAKEN, Ordering::Relaxed);
        }
        TakeOutput::Take
    }

    /// The handle has put a waker into the slot.
    #[inline]
    pub(crate) fn set_waiter(&self) -> WaiterMove {
        self.change(|word| {
            if word & COMPLETE != 0 {
                (word, WaiterMove::Complete)
            } else {
                (word | WAITER, WaiterMove::Done)
            }
        })
    }

    /// The handle wants to change the slot.
    #[inline]
    pub(crate) fn unset_waiter(&self) -> WaiterMove {
        self.change(|word| {
            if word & COMPLETE != 0 {
                (word, WaiterMove::Complete)
            } else {
                (word & !WAITER, WaiterMove::Done)
            }
        })
    }

    /// Whether the handle has a waker in the slot.
    #[inline]
    pub(crate) fn has_waiter(&self) -> Waiting {
        // Relaxed: only the handle changes the bit, and asks.
        if self.0.load(Ordering::Relaxed) & WAITER == 0 { Waiting::No } else { Waiting::Yes }
    }

    /// Whether the waker in the slot is still the handle's to take: not if the task has ended.
    #[inline]
    pub(crate) fn waits(&self) -> Waiting {
        // Relaxed: the handle's own bit; and if the end is not seen yet, `unset_waiter` sees it.
        let word = self.0.load(Ordering::Relaxed);
        if word & (WAITER | COMPLETE) == WAITER { Waiting::Yes } else { Waiting::No }
    }

    /// The handle goes away, and its reference with it unless the output is left.
    #[inline]
    pub(crate) fn drop_handle(&self) -> HandleDropped {
        // Acquire: pairs with the drop of the last other reference.
        let word = self.0.load(Ordering::Acquire);
        if is_sole(word) {
            return match word & TAKEN {
                0 => HandleDropped::Output,
                _ => HandleDropped::Reference(RefDropped::Free),
            };
        }
        self.change(|word| {
            if word & (COMPLETE | TAKEN) == COMPLETE {
                return (word & !HANDLE, HandleDropped::Output);
            }
            let (word, verdict) = without_ref(word & !HANDLE);
            (word, HandleDropped::Reference(verdict))
        })
    }

    #[inline]
    pub(crate) fn add_ref(&self) {
        // Relaxed: made from a reference that the caller holds.
        let before = self.0.fetch_add(REF_ONE, Ordering::Relaxed);
        if refs(before) >= REFS_MAX {
            std::process::abort();
        }
    }

    #[inline]
    pub(crate) fn drop_ref(&self) -> RefDropped {
        // Acquire: pairs with the drop of the last other reference.
        if is_sole(self.0.load(Ordering::Acquire)) {
            return RefDropped::Free;
        }
        self.change(without_ref)
    }
}

/// Whether the holder of a reference has the word to himself; see the module's doc.
#[inline]
fn is_sole(word: u64) -> bool {
    word & COMPLETE != 0 && refs(word) == 1
}

/// How the task with this word stands; if it is complete, how it ended.
pub(crate) fn status_of(word: u64) -> TaskStatus {
    if word & COMPLETE != 0 {
        Outcome::from_bits(word).into()
    } else if word & RUNNING != 0 {
        TaskStatus::Running
    } else if word & SCHEDULED != 0 {
        TaskStatus::Queued
    } else {
        TaskStatus::Waiting
    }
}

#[inline]
fn without_ref(word: u64) -> (u64, RefDropped) {
    if refs(word) > 1 {
        (word - REF_ONE, RefDropped::Others)
    } else if word & COMPLETE != 0 {
        (word - REF_ONE, RefDropped::Free)
    } else {
        (word | CANCELLED | SCHEDULED | ENQUEUED, RefDropped::Abandoned)
    }
}

/// What a handle gets that asks for the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum TakeOutput {
    /// It is the caller's now.
    Take,
    NotYet,
    /// It was taken before.
    Gone,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.0.load(Ordering::Relaxed);
        let names = [
            (SCHEDULED, "SCHEDULED"),
            (RUNNING, "RUNNING"),
            (ENQUEUED, "ENQUEUED"),
            (COMPLETE, "COMPLETE"),
            (CANCELLED, "CANCELLED"),
            (HANDLE, "HANDLE"),
            (WAITER, "WAITER"),
            (TAKEN, "TAKEN"),
            (SIDE, "SIDE"),
        ];
        let ended = word & COMPLETE != 0;
        let shown = if ended { word & !OUTCOME } else { word };
        let set = names.iter().filter(|(bit, _)| shown & bit != 0).map(|(_, name)| *name);
        write!(f, "State({} refs", refs(word))?;
        if ended {
            write!(f, " {:?}", Outcome::from_bits(word))?;
        }
        set.into_iter().try_for_each(|name| write!(f, " {name}"))?;
        f.write_str(")")
    }
}
