//! Whatever blocks in a call of ours, the others go on.

use moirai_runtime::spawn;
use moirai_sync::{channel, strand};

use crate::{runtime, watch};

/// Fails if what is woken inside a guard goes into the next-task slot, which nobody else reaches.
#[test]
fn a_task_that_is_started_inside_a_blocking_guard_runs_meanwhile() {
    for workers in [1, 2] {
        watch(move || {
            let runtime = runtime(workers);
            let task = runtime.spawn(async {
                let guard = strand::blocking();
                // A call that blocks in our way, inside of one that blocks in any way.
                let (sender, receiver) = channel::bounded(1);
                spawn(async move { sender.send_async(3).await }).detach();
                let ours = receiver.recv().unwrap();
                let (sender, receiver) = std::sync::mpsc::channel();
                spawn(async move { sender.send(4) }).detach();
                let foreign = receiver.recv().unwrap();
                drop(guard);
                ours + foreign
            });
            assert_eq!(task.join().unwrap(), 7);
        });
    }
}
