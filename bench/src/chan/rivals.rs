//! Who takes part in which case, with which of its channels.

use moirai_sync::channel::{self, mpsc, spsc};
use ringbuf::traits::Split as _;

use super::ends::{AtOnce, Spinning};
use super::{
    Executors, case, create_drop, in_tasks, on_threads, one_each, ping_pong_tasks,
    ping_pong_threads, spread, spread_senders,
};
use crate::harness::{Case, Entrant};

/// Senders and receivers of the cases with many.
const MANY: usize = 4;

/// One channel on tokio and on smol.
macro_rules! foreign {
    ($on:ident, $executors:expr, $name:literal, $ends:expr) => {
        [
            $on(concat!($name, "@tokio"), &$executors.tokio, $ends),
            $on(concat!($name, "@smol"), &$executors.smol, $ends),
        ]
    };
}

/// Ours on every executor.
macro_rules! ours {
    ($on:ident, $executors:expr, $ends:expr) => {
        [
            $on("moirai@moirai", &$executors.moirai, $ends),
            $on("moirai@tokio", &$executors.tokio, $ends),
            $on("moirai@smol", &$executors.smol, $ends),
        ]
    };
}

pub(super) fn cases(executors: &Executors) -> Vec<Case> {
    vec![
        case("spsc1024_threads", "per message, 1:1", spsc_threads()),
        case("spsc1024_tasks", "per message, 1:1", spsc_tasks(executors)),
        case("spsc_unbounded_threads", "per message, 1:1", spsc_unbounded()),
        case("mpsc128_threads", "per message, 4:1", mpsc_threads()),
        case("mpsc128_tasks", "per message, 4:1", mpsc_tasks(executors)),
        case("mpsc_unbounded_threads", "per message, 4:1", mpsc_unbounded_threads()),
        case("mpsc_unbounded_tasks", "per message, 4:1", mpsc_unbounded_tasks(executors)),
        case("mpmc128_threads", "per message, 4:4", mpmc_threads()),
        case("mpmc128_tasks", "per message, 4:4", mpmc_tasks(executors)),
        case("mpmc_unbounded_threads", "per message, 4:4", mpmc_unbounded_threads(MANY)),
        case("mpmc_unbounded_tasks", "per message, 4:4", mpmc_unbounded_tasks(executors, MANY)),
        case("spmc_unbounded_threads", "per message, 1:4", mpmc_unbounded_threads(1)),
        case("spmc_unbounded_tasks", "per message, 1:4", mpmc_unbounded_tasks(executors, 1)),
        case("ping_pong_threads", "per round trip", ping_pong_on_threads()),
        case("ping_pong_tasks", "per round trip", ping_pong_in_tasks(executors)),
        case("create_drop", "per channel of 16", create_drop_bounded()),
        case("create_drop_unbounded", "per channel", create_drop_unbounded()),
    ]
}

fn spsc_threads() -> Vec<Entrant> {
    const N: usize = 1024;
    vec![
        on_threads("moirai@threads", || one_each(spsc::bounded(N))),
        on_threads("crossbeam@threads", || one_each(crossbeam_channel::bounded(N))),
        on_threads("std@threads", || one_each(std::sync::mpsc::sync_channel(N))),
        on_threads("flume@threads", || one_each(flume::bounded(N))),
        on_threads("kanal@threads", || one_each(kanal::bounded(N))),
        on_threads("async-channel@threads", || one_each(async_channel::bounded(N))),
        on_threads("tokio@threads", || one_each(tokio::sync::mpsc::channel(N))),
        on_threads("thingbuf@threads", || one_each(thingbuf::mpsc::blocking::channel(N))),
        on_threads("crossfire-spsc@threads", || one_each(crossfire::spsc::bounded_blocking(N))),
        on_threads("crossfire-mpmc@threads", || one_each(crossfire::mpmc::bounded_blocking(N))),
        on_threads("rtrb", || {
            let (producer, consumer) = rtrb::RingBuffer::new(N);
            one_each((Spinning(producer), Spinning(consumer)))
        }),
        on_threads("ringbuf", || {
            let (producer, consumer) = ringbuf::HeapRb::new(N).split();
            one_each((Spinning(producer), Spinning(consumer)))
        }),
    ]
}

fn spsc_tasks(executors: &Executors) -> Vec<Entrant> {
    const N: usize = 1024;
    let mut rows = Vec::new();
    rows.extend(ours!(in_tasks, executors, || one_each(spsc::bounded(N))));
    rows.extend(foreign!(in_tasks, executors, "flume", || one_each(flume::bounded(N))));
    rows.extend(foreign!(in_tasks, executors, "kanal", || one_each(kanal::bounded_async(N))));
    rows.extend(foreign!(in_tasks, executors, "async-channel", || one_each(
        async_channel::bounded(N)
    )));
    rows.extend(foreign!(in_tasks, executors, "tokio", || one_each(tokio::sync::mpsc::channel(N))));
    rows.extend(foreign!(in_tasks, executors, "thingbuf", || one_each(thingbuf::mpsc::channel(N))));
    rows.extend(foreign!(in_tasks, executors, "tachyonix", || one_each(tachyonix::channel(N))));
    rows.extend(foreign!(in_tasks, executors, "crossfire-spsc", || one_each(
        crossfire::spsc::bounded_async(N)
    )));
    rows.extend(foreign!(in_tasks, executors, "crossfire-mpmc", || one_each(
        crossfire::mpmc::bounded_async(N)
    )));
    rows
}

fn spsc_unbounded() -> Vec<Entrant> {
    vec![
        on_threads("moirai@threads", || one_each(spsc::unbounded())),
        on_threads("crossbeam@threads", || one_each(crossbeam_channel::unbounded())),
        on_threads("std@threads", || one_each(std::sync::mpsc::channel())),
        on_threads("flume@threads", || one_each(flume::unbounded())),
        on_threads("kanal@threads", || one_each(kanal::unbounded())),
        on_threads("async-channel@threads", || one_each(async_channel::unbounded())),
        on_threads("tokio@threads", || one_each(tokio::sync::mpsc::unbounded_channel())),
        on_threads("crossfire-spsc@threads", || one_each(crossfire::spsc::unbounded_blocking())),
        on_threads("crossfire-mpmc@threads", || one_each(crossfire::mpmc::unbounded_blocking())),
        on_threads("may", || one_each(may::sync::spsc::channel())),
    ]
}

fn mpsc_threads() -> Vec<Entrant> {
    const N: usize = 128;
    vec![
        on_threads("moirai@threads", || spread_senders(mpsc::bounded(N), MANY)),
        on_threads("crossbeam@threads", || spread_senders(crossbeam_channel::bounded(N), MANY)),
        on_threads("std@threads", || spread_senders(std::sync::mpsc::sync_channel(N), MANY)),
        on_threads("flume@threads", || spread_senders(flume::bounded(N), MANY)),
        on_threads("kanal@threads", || spread_senders(kanal::bounded(N), MANY)),
        on_threads("async-channel@threads", || spread_senders(async_channel::bounded(N), MANY)),
        on_threads("tokio@threads", || spread_senders(tokio::sync::mpsc::channel(N), MANY)),
        on_threads("thingbuf@threads", || {
            spread_senders(thingbuf::mpsc::blocking::channel(N), MANY)
        }),
        on_threads("crossfire-mpsc@threads", || {
            spread_senders(crossfire::mpsc::bounded_blocking(N), MANY)
        }),
        on_threads("crossfire-mpmc@threads", || {
            spread_senders(crossfire::mpmc::bounded_blocking(N), MANY)
        }),
    ]
}

fn mpsc_tasks(executors: &Executors) -> Vec<Entrant> {
    const N: usize = 128;
    let mut rows = Vec::new();
    rows.extend(ours!(in_tasks, executors, || spread_senders(mpsc::bounded(N), MANY)));
    rows.extend(foreign!(in_tasks, executors, "flume", || {
        spread_senders(flume::bounded(N), MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "kanal", || {
        spread_senders(kanal::bounded_async(N), MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "async-channel", || {
        spread_senders(async_channel::bounded(N), MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "tokio", || {
        spread_senders(tokio::sync::mpsc::channel(N), MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "thingbuf", || {
        spread_senders(thingbuf::mpsc::channel(N), MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "tachyonix", || {
        spread_senders(tachyonix::channel(N), MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "crossfire-mpsc", || {
        spread_senders(crossfire::mpsc::bounded_async(N), MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "crossfire-mpmc", || {
        spread_senders(crossfire::mpmc::bounded_async(N), MANY)
    }));
    rows
}

fn mpsc_unbounded_threads() -> Vec<Entrant> {
    vec![
        on_threads("moirai@threads", || spread_senders(mpsc::unbounded(), MANY)),
        on_threads("crossbeam@threads", || spread_senders(crossbeam_channel::unbounded(), MANY)),
        on_threads("std@threads", || spread_senders(std::sync::mpsc::channel(), MANY)),
        on_threads("flume@threads", || spread_senders(flume::unbounded(), MANY)),
        on_threads("kanal@threads", || spread_senders(kanal::unbounded(), MANY)),
        on_threads("async-channel@threads", || spread_senders(async_channel::unbounded(), MANY)),
        on_threads("tokio@threads", || {
            spread_senders(tokio::sync::mpsc::unbounded_channel(), MANY)
        }),
        on_threads("crossfire-mpsc@threads", || {
            spread_senders(crossfire::mpsc::unbounded_blocking(), MANY)
        }),
        on_threads("crossfire-mpmc@threads", || {
            spread_senders(crossfire::mpmc::unbounded_blocking(), MANY)
        }),
        on_threads("may", || spread_senders(may::sync::mpsc::channel(), MANY)),
    ]
}

/// With sends that need no await, as those of tokio and crossfire that have no bound; with an await, one
/// stops now and then for others, which is measured beside.
fn at_once<S, R>((sender, receiver): (S, R)) -> (AtOnce<S>, R) {
    (AtOnce(sender), receiver)
}

fn mpsc_unbounded_tasks(executors: &Executors) -> Vec<Entrant> {
    let mut rows = Vec::new();
    rows.extend(ours!(in_tasks, executors, || spread_senders(at_once(mpsc::unbounded()), MANY)));
    rows.push(in_tasks("moirai-awaited@moirai", &executors.moirai, || {
        spread_senders(mpsc::unbounded(), MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "flume", || {
        spread_senders(flume::unbounded(), MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "kanal", || {
        spread_senders(kanal::unbounded_async(), MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "async-channel", || {
        spread_senders(async_channel::unbounded(), MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "tokio", || {
        spread_senders(tokio::sync::mpsc::unbounded_channel(), MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "crossfire-mpsc", || {
        spread_senders(crossfire::mpsc::unbounded_async(), MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "crossfire-mpmc", || {
        spread_senders(crossfire::mpmc::unbounded_async(), MANY)
    }));
    rows
}

fn mpmc_threads() -> Vec<Entrant> {
    const N: usize = 128;
    vec![
        on_threads("moirai@threads", || spread(channel::bounded(N), MANY, MANY)),
        on_threads("crossbeam@threads", || spread(crossbeam_channel::bounded(N), MANY, MANY)),
        on_threads("flume@threads", || spread(flume::bounded(N), MANY, MANY)),
        on_threads("kanal@threads", || spread(kanal::bounded(N), MANY, MANY)),
        on_threads("async-channel@threads", || spread(async_channel::bounded(N), MANY, MANY)),
        on_threads("crossfire-mpmc@threads", || {
            spread(crossfire::mpmc::bounded_blocking(N), MANY, MANY)
        }),
    ]
}

fn mpmc_tasks(executors: &Executors) -> Vec<Entrant> {
    const N: usize = 128;
    let mut rows = Vec::new();
    rows.extend(ours!(in_tasks, executors, || spread(channel::bounded(N), MANY, MANY)));
    rows.extend(foreign!(in_tasks, executors, "flume", || {
        spread(flume::bounded(N), MANY, MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "kanal", || {
        spread(kanal::bounded_async(N), MANY, MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "async-channel", || {
        spread(async_channel::bounded(N), MANY, MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "crossfire-mpmc", || {
        spread(crossfire::mpmc::bounded_async(N), MANY, MANY)
    }));
    rows
}

fn mpmc_unbounded_threads(senders: usize) -> Vec<Entrant> {
    vec![
        on_threads("moirai@threads", move || spread(channel::unbounded(), senders, MANY)),
        on_threads("crossbeam@threads", move || {
            spread(crossbeam_channel::unbounded(), senders, MANY)
        }),
        on_threads("flume@threads", move || spread(flume::unbounded(), senders, MANY)),
        on_threads("kanal@threads", move || spread(kanal::unbounded(), senders, MANY)),
        on_threads("async-channel@threads", move || {
            spread(async_channel::unbounded(), senders, MANY)
        }),
        on_threads("crossfire-mpmc@threads", move || {
            spread(crossfire::mpmc::unbounded_blocking(), senders, MANY)
        }),
    ]
}

fn mpmc_unbounded_tasks(executors: &Executors, senders: usize) -> Vec<Entrant> {
    let mut rows = Vec::new();
    rows.extend(ours!(in_tasks, executors, move || {
        spread(at_once(channel::unbounded()), senders, MANY)
    }));
    rows.push(in_tasks("moirai-awaited@moirai", &executors.moirai, move || {
        spread(channel::unbounded(), senders, MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "flume", move || {
        spread(flume::unbounded(), senders, MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "kanal", move || {
        spread(kanal::unbounded_async(), senders, MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "async-channel", move || {
        spread(async_channel::unbounded(), senders, MANY)
    }));
    rows.extend(foreign!(in_tasks, executors, "crossfire-mpmc", move || {
        spread(crossfire::mpmc::unbounded_async(), senders, MANY)
    }));
    rows
}

fn ping_pong_on_threads() -> Vec<Entrant> {
    vec![
        ping_pong_threads("moirai@threads", || spsc::bounded(1)),
        ping_pong_threads("crossbeam@threads", || crossbeam_channel::bounded(1)),
        ping_pong_threads("std@threads", || std::sync::mpsc::sync_channel(1)),
        ping_pong_threads("flume@threads", || flume::bounded(1)),
        ping_pong_threads("kanal@threads", || kanal::bounded(1)),
        ping_pong_threads("async-channel@threads", || async_channel::bounded(1)),
        ping_pong_threads("tokio@threads", || tokio::sync::mpsc::channel(1)),
        ping_pong_threads("thingbuf@threads", || thingbuf::mpsc::blocking::channel(1)),
        ping_pong_threads("crossfire-spsc@threads", || crossfire::spsc::bounded_blocking(1)),
        ping_pong_threads("crossfire-mpmc@threads", || crossfire::mpmc::bounded_blocking(1)),
        ping_pong_threads("rtrb", || {
            let (producer, consumer) = rtrb::RingBuffer::new(1);
            (Spinning(producer), Spinning(consumer))
        }),
    ]
}

fn ping_pong_in_tasks(executors: &Executors) -> Vec<Entrant> {
    let mut rows = Vec::new();
    rows.extend(ours!(ping_pong_tasks, executors, || spsc::bounded(1)));
    rows.extend(foreign!(ping_pong_tasks, executors, "flume", || flume::bounded(1)));
    rows.extend(foreign!(ping_pong_tasks, executors, "kanal", || kanal::bounded_async(1)));
    rows.extend(foreign!(ping_pong_tasks, executors, "async-channel", || async_channel::bounded(
        1
    )));
    rows.extend(foreign!(ping_pong_tasks, executors, "tokio", || tokio::sync::mpsc::channel(1)));
    rows.extend(foreign!(ping_pong_tasks, executors, "thingbuf", || thingbuf::mpsc::channel(1)));
    rows.extend(foreign!(ping_pong_tasks, executors, "tachyonix", || tachyonix::channel(1)));
    rows.extend(foreign!(ping_pong_tasks, executors, "crossfire-spsc", || {
        crossfire::spsc::bounded_async(1)
    }));
    rows.extend(foreign!(ping_pong_tasks, executors, "crossfire-mpmc", || {
        crossfire::mpmc::bounded_async(1)
    }));
    rows
}

fn create_drop_bounded() -> Vec<Entrant> {
    const N: usize = 16;
    vec![
        create_drop("moirai", || channel::bounded::<u64>(N)),
        create_drop("crossbeam", || crossbeam_channel::bounded::<u64>(N)),
        create_drop("std", || std::sync::mpsc::sync_channel::<u64>(N)),
        create_drop("flume", || flume::bounded::<u64>(N)),
        create_drop("kanal", || kanal::bounded::<u64>(N)),
        create_drop("async-channel", || async_channel::bounded::<u64>(N)),
        create_drop("tokio", || tokio::sync::mpsc::channel::<u64>(N)),
        create_drop("thingbuf", || thingbuf::mpsc::channel::<u64>(N)),
        create_drop("thingbuf-blocking", || thingbuf::mpsc::blocking::channel::<u64>(N)),
        create_drop("tachyonix", || tachyonix::channel::<u64>(N)),
        create_drop("crossfire-spsc", || crossfire::spsc::bounded_blocking::<u64>(N)),
        create_drop("crossfire-mpmc", || crossfire::mpmc::bounded_blocking::<u64>(N)),
        create_drop("rtrb", || rtrb::RingBuffer::<u64>::new(N)),
    ]
}

fn create_drop_unbounded() -> Vec<Entrant> {
    vec![
        create_drop("moirai", channel::unbounded::<u64>),
        create_drop("crossbeam", crossbeam_channel::unbounded::<u64>),
        create_drop("std", std::sync::mpsc::channel::<u64>),
        create_drop("flume", flume::unbounded::<u64>),
        create_drop("kanal", kanal::unbounded::<u64>),
        create_drop("async-channel", async_channel::unbounded::<u64>),
        create_drop("tokio", tokio::sync::mpsc::unbounded_channel::<u64>),
        create_drop("crossfire-spsc", crossfire::spsc::unbounded_blocking::<u64>),
        create_drop("crossfire-mpmc", crossfire::mpmc::unbounded_blocking::<u64>),
        create_drop("may", may::sync::spsc::channel::<u64>),
    ]
}
