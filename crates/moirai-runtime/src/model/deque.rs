//! Models of the ring: every piece of work is taken once, by somebody.

#![allow(unsafe_code, reason = "makes work of its own kind; model: src/model/deque.rs")]

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use loom::thread;

use crate::sched::deque::{Local, RING_CAPACITY, ring_at};
use crate::sched::work::{Header, Kind, VTable, Work};

/// Work that sets its bit when it runs.
#[repr(C)]
struct Bit {
    header: Header,
    bit: u32,
    ran: Arc<AtomicU32>,
}

static VTABLE: VTable = VTable { run, shutdown: run, acquire: |_| None, describe: || "Bit" };

unsafe fn run(header: NonNull<Header>) {
    // SAFETY: the table is that of `Bit`, made by a Box in `bits`, and run once.
    let bit = unsafe { Box::from_raw(header.cast::<Bit>().as_ptr()) };
    let before = bit.ran.fetch_or(1 << bit.bit, Ordering::Relaxed);
    assert_eq!(before & 1 << bit.bit, 0, "ran twice");
}

fn bit(bit: u32, ran: &Arc<AtomicU32>) -> Work {
    let header = Header::new(&VTABLE, Kind::Parallel);
    let boxed = Box::new(Bit { header, bit, ran: Arc::clone(ran) });
    let header = NonNull::from(Box::leak(boxed)).cast();
    // SAFETY: the box lives until the work is run.
    unsafe { Work::from_header(header) }
}

fn drain(local: &Local) {
    while let Some(work) = local.pop() {
        work.run();
    }
}

/// The owner pushes more than fits and pops, while `thieves` steal once each; positions wrap.
fn owner_and_thieves(thieves: usize, pushes: u32) {
    loom::model(move || {
        let ran = Arc::new(AtomicU32::new(0));
        let (local, stealer) = ring_at(u32::MAX - 1);
        let thieves: Vec<_> = (0..thieves)
            .map(|_| {
                let stealer = stealer.clone();
                thread::spawn(move || {
                    let (mine, _) = ring_at(0);
                    if let Some(work) = stealer.steal_half(&mine) {
                        work.run();
                    }
                    drain(&mine);
                })
            })
            .collect();
        for i in 0..pushes {
            if let Err(mut overflow) = local.push(bit(i, &ran)) {
                while let Some(work) = overflow.pop() {
                    work.run();
                }
            }
        }
        drain(&local);
        thieves.into_iter().for_each(|thief| thief.join().unwrap());
        drain(&local);
        assert_eq!(ran.load(Ordering::Relaxed), (1 << pushes) - 1);
    });
}

#[test]
fn a_thief_and_the_owner_share_the_ring() {
    owner_and_thieves(1, 3);
}

#[test]
fn a_full_ring_overflows_while_a_thief_is_at_it() {
    owner_and_thieves(1, RING_CAPACITY as u32 + 2);
}

#[test]
fn two_thieves_and_the_owner_share_the_ring() {
    owner_and_thieves(2, 2);
}
