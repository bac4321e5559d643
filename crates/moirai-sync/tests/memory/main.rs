//! What channels take of the heap, and that they give it back.

#![allow(unsafe_code, reason = "a global allocator is unsafe to implement")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::mpsc::{Sender, channel};

use moirai_sync::channel::{self, TryRecvError, mpsc, spsc};
use moirai_sync::result_channel;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    /// Bytes that this thread has allocated and not given back.
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // Where the thread-locals are gone, the test is over.
    let _: Result<(), _> = LIVE.try_with(|live| live.set(live.get() + bytes));
}

struct Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are those of `System.alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promises are those of `System.dealloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

/// The most that an empty unbounded channel takes, and one block.
const EMPTY_BYTES_MAX: isize = 512;
const BLOCK_BYTES_MAX: isize = 384;

fn live() -> isize {
    LIVE.get()
}

const MESSAGES: u64 = if cfg!(miri) { 1_000 } else { 100_000 };

macro_rules! gives_back {
    ($pair:expr) => {{
        let before = live();
        #[allow(unused_mut, reason = "some ends need no exclusive borrow")]
        let (mut sender, mut receiver) = $pair;
        assert!(live() - before <= EMPTY_BYTES_MAX, "{} bytes", live() - before);
        (0..MESSAGES).for_each(|message| sender.send(message).unwrap());
        // Ten bytes for a word, and not sixteen.
        assert!(live() - before <= EMPTY_BYTES_MAX + 11 * MESSAGES as isize);
        for message in 0..MESSAGES {
            assert_eq!(receiver.recv(), Ok(message));
        }
        // Who finds nothing gives back what was kept for the next messages.
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        assert!(live() - before <= EMPTY_BYTES_MAX + BLOCK_BYTES_MAX, "{}", live() - before);
        drop((sender, receiver));
        assert_eq!(live(), before);
    }};
}

#[test]
fn a_drained_unbounded_channel_keeps_one_block_at_most() {
    // The thread keeps the memory of as many as there are at once here, for the next ones.
    drop([(); 2].map(|()| channel::unbounded::<u64>()));
    gives_back!(channel::unbounded());
    gives_back!(mpsc::unbounded());
    // The first sender that is alone for long has the process announced to the kernel, by a thread.
    let (mut sender, _receiver) = spsc::unbounded();
    (0..MESSAGES).for_each(|message| sender.send(message).unwrap());
    gives_back!(spsc::unbounded());
}

/// What a thread keeps of each of the two sizes of result channels, and of other channels.
const KEPT_BYTES_MAX: isize = 64 * (32 + 64) + 4 * 512;

/// What a thread has allocated and not given back at its very end, having made and dropped so many
/// channels of each size at once.
fn left_by_a_thread(channels: usize) -> isize {
    struct AtEnd(Cell<Option<Sender<isize>>>);
    impl Drop for AtEnd {
        fn drop(&mut self) {
            let told = self.0.take().map(|told| told.send(live()));
            assert!(matches!(told, Some(Ok(()))));
        }
    }
    thread_local! {
        static AT_END: AtEnd = const { AtEnd(Cell::new(None)) };
    }
    let (tell, told) = channel();
    let thread = std::thread::spawn(move || {
        // First, for the values of a thread are dropped in reverse.
        AT_END.with(|at_end| at_end.0.set(Some(tell)));
        let before = live();
        drop((0..channels).map(|_| result_channel::<u64>()).collect::<Vec<_>>());
        drop((0..channels).map(|_| result_channel::<[u64; 5]>()).collect::<Vec<_>>());
        drop((0..channels).map(|_| result_channel::<[u64; 6]>()).collect::<Vec<_>>());
        drop((0..channels).map(|_| channel::unbounded::<u64>()).collect::<Vec<_>>());
        let kept = live() - before;
        assert!((0..=KEPT_BYTES_MAX).contains(&kept), "{kept} bytes");
        // Miri is to see each of them come and go.
        assert_eq!(kept > 0, channels > 0 && !cfg!(miri));
    });
    thread.join().expect("its assertions hold");
    told.recv().expect("told at the end of the thread")
}

#[test]
fn a_thread_keeps_little_of_what_it_has_freed_and_nothing_at_its_end() {
    assert_eq!(left_by_a_thread(1000), left_by_a_thread(0));
}
