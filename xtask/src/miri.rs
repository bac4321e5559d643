//! `cargo xtask miri`: the crates that hold `unsafe` under Miri, which finds undefined behaviour,
//! races and leaks that tests alone cannot see. Needs a nightly toolchain with the component.
//!
//! Miri's clock counts steps, so nothing waits for real time; tests do less under `cfg!(miri)`.
//! Isolation stays on: a run depends on its seed only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::cargo::Cargo;
use crate::failure::Failure;

/// Runs all stages, and says what they covered; with `args`, only `cargo miri test` with them, in the
/// same way.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if !args.is_empty() {
        return miri(STRICT, args).run();
    }
    let mut ran = Vec::new();
    for stage in STAGES {
        eprintln!("\n== {}", stage.about);
        let (start, mut passed) = (Instant::now(), BTreeSet::new());
        let result = stage.call().run_and_read(|line| passed.extend(passed_test(line)));
        ran.push(Ran { about: stage.about, result, time: start.elapsed(), passed });
    }
    println!("{}", summary(&ran));
    let failed = ran.iter().filter(|ran| ran.result.is_err()).count();
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::Failed(format!("{failed} of {} stages failed", ran.len())))
}

fn miri(flags: &str, args: &[impl AsRef<str>]) -> Cargo {
    Cargo::of_toolchain("nightly")
        .args(["miri", "test", "--target-dir", "target/miri"])
        .args(args)
        .append_flags("MIRIFLAGS", flags.trim_end())
}

/// What became of a stage.
struct Ran {
    about: &'static str,
    result: Result<(), Failure>,
    time: Duration,
    passed: BTreeSet<String>,
}

/// The test that a line of a test program says to have passed.
fn passed_test(line: &str) -> Option<String> {
    let (name, result) = line.strip_prefix("test ")?.split_once(" ... ")?;
    result.ends_with("ok").then(|| name.trim_end_matches(" - should panic").to_owned())
}

fn summary(ran: &[Ran]) -> String {
    let mut text = String::new();
    for Ran { about, result, time, passed } in ran {
        let mut modules = BTreeMap::<_, usize>::new();
        for test in passed {
            let module = test.rsplit_once("::").map_or("", |(module, _)| module);
            *modules.entry(module.trim_end_matches("::tests")).or_default() += 1;
        }
        let modules: Vec<_> =
            modules.iter().map(|(name, tests)| format!("{name} {tests}")).collect();
        let (minutes, tests) = (time.as_secs_f64() / 60.0, passed.len());
        let result = if result.is_ok() { "ok" } else { "FAILED" };
        text.push_str(&format!("\n{about}: {result}, {tests} tests, {minutes:.1} minutes\n"));
        text.push_str(&format!("    {}\n", modules.join(", ")));
    }
    text.push_str("\nleft out, as no stage can run it:\n");
    for (name, why) in UNFIT {
        text.push_str(&format!("    {name}: {why}\n"));
    }
    text
}

/// One call of Miri.
struct Stage {
    about: &'static str,
    args: &'static [&'static str],
    flags: &'static str,
    seeds: &'static str,
    /// Which tests; without any, all but `ENDLESS` and `LOOPS`.
    filters: &'static [&'static str],
}

impl Stage {
    fn call(&self) -> Cargo {
        let Self { args, flags, seeds, filters, .. } = self;
        let mut all: Vec<&str> = args.to_vec();
        all.push("--");
        all.extend(*filters);
        let elsewhere: &[_] = if filters.is_empty() { &[ENDLESS, LOOPS] } else { &[] };
        let unfit = UNFIT.iter().map(|(name, _)| name);
        let left_out = elsewhere.iter().copied().flatten().chain(unfit);
        all.extend(left_out.flat_map(|name| ["--skip", name]));
        miri(&format!("{STRICT} {flags} {seeds}"), &all)
    }
}

const STAGES: &[Stage] = &[
    Stage {
        about: "queues, waiters and results, and what the channels' users see",
        args: &["-p", "moirai-sync", "--lib", "--test", "it"],
        flags: "",
        seeds: "",
        filters: &[],
    },
    Stage {
        about: "tasks and the scheduler",
        args: &["-p", "moirai-runtime", "--lib", "--test", "it"],
        flags: "",
        seeds: "",
        filters: &[],
    },
    Stage {
        about: "threads that outlive the program",
        args: &["-p", "moirai-sync", "-p", "moirai-runtime", "--lib", "--test", "it"],
        flags: IGNORE_LEAKS,
        seeds: "",
        filters: ENDLESS,
    },
    Stage {
        about: "parallel loops",
        args: &["-p", "moirai-runtime", "--lib", "--test", "it"],
        flags: IGNORE_LEAKS,
        seeds: "",
        filters: LOOPS,
    },
    Stage {
        about: "small tests of queues and waiters, on many schedules",
        args: &["-p", "moirai-sync", "-p", "moirai-runtime", "--lib"],
        flags: "",
        seeds: SEEDS,
        filters: &["oneshot::", "parker::", "waitlist::", "sched::"],
    },
    Stage {
        about: "small tests of tasks, on many schedules",
        args: &["-p", "moirai-runtime", "--test", "it"],
        flags: IGNORE_LEAKS,
        seeds: SEEDS,
        filters: &["cancel::", "panic::", "wake_after_shutdown", "last_waker"],
    },
];

/// Stacked Borrows is Miri's default. Beyond it: no pointer from a number, and no access that is
/// aligned by luck.
const STRICT: &str = "-Zmiri-strict-provenance -Zmiri-symbolic-alignment-check";

const SEEDS: &str = "-Zmiri-many-seeds=0..16";

/// A thread that lives as long as the process is a leak to Miri.
const IGNORE_LEAKS: &str = "-Zmiri-ignore-leaks";

/// These start the timer thread or the global runtime, which live as long as the process.
const ENDLESS: &[&str] = &[
    "the_timer_thread_wakes_at_a_deadline_nearer_than_the_one_it_waits_for",
    "a_timer_wakes_on_a_thread_without_a_runtime",
    "timers_work_on_a_thread_without_a_runtime",
    "a_future_on_any_executor_is_woken_by_the_timer_thread",
    "a_send_that_is_forgotten_stops_no_other",
    "stress_what_was_sent_was_received_and_what_was_not_came_back",
    "threads_and_tasks_get_every_message_whoever_is_slow",
    "operators_on_one_channel_do_as_on_a_vector",
    "operators_on_two_channels_do_as_on_vectors",
    "every_kind_of_receiver_has_the_operators",
    "a_filter_that_keeps_nothing_looks_at_the_time",
    "a_rendezvous_with_a_limit_meets_who_comes_in_time",
    "every_combination_builds_what_was_chosen_or_says_why_not",
    "every_message_arrives_once_among_many_senders_and_receivers",
    "a_channel_without_levels_has_one",
    "stress_nothing_is_lost_or_doubled_whoever_gives_up",
    "a_limiter_lets_a_burst_through_and_then_so_many_in_a_period",
    "a_wait_for_a_limiter_that_is_dropped_costs_nobody_a_turn",
    "selects_that_are_not_polled_stop_nobody",
    "stress_sent_equals_received_with_selects_that_give_up",
    "a_select_with_a_timeout_ends_in_a_thread_and_in_a_future",
    "a_waiter_that_is_never_polled_again_stops_no_tick",
    "one_message_comes_when_it_is_due_and_says_when_that_was",
    "one_of_many_that_wait_gets_the_message_and_the_others_wait_on",
    "ticks_that_are_missed_are_left_out",
    "a_cancel_ends_every_wait_before_its_deadline",
    "a_dropped_wait_lets_go_of_its_waker",
    "every_wait_ends_at_the_deadline",
    "a_dynamic_select_that_waits_to_send_leaves_no_receiver_behind",
    "a_select_that_sleeps_leaves_nobody_behind_who_was_forgotten",
    "a_set_that_waits_to_receive_leaves_no_sender_behind",
    "a_set_that_waits_to_send_leaves_no_receiver_behind",
    "forgotten_receives_at_a_rendezvous_stop_no_other_receiver",
    "more_forgotten_receives_than_messages_stop_no_other_receiver",
    "more_forgotten_sends_than_places_stop_no_other_sender",
    "a_foreign_executor_awaits_our_handles_and_timers",
    "block_on_works_everywhere",
    "the_global_runtime_is_used_where_there_is_none",
    "timers_are_kept_after_the_runtime_is_gone",
    "both_halves_run_also_when_one_panics_and_the_first_panic_wins",
    "a_tree_has_the_same_result_wherever_it_is_forked",
];

/// These fork on the global runtime if a block takes long enough, as all do here.
const LOOPS: &[&str] = &["par::"];

/// What Miri cannot run, and why.
const UNFIT: &[(&str, &str)] = &[
    ("a_refused_first_thread_is_an_error_and_no_hang", "no stack is too large for Miri"),
    ("a_refused_worker_thread_fails_the_build", "no stack is too large for Miri"),
    ("as_many_workers_as_there_may_be", "1024 threads take hours"),
    ("more_tasks_block_than_there_are_spare_threads", "256 threads take hours"),
    ("work_of_a_microsecond_is_one_piece", "no work is so short for Miri"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo;

    #[test]
    fn the_summary_says_of_each_stage_what_passed_by_module_and_how_long_it_took() {
        let lines = "\nrunning 4 tests\ntest a::b::tests::it_holds ... ok\ntest a::b::so ... ok\n\
            test c::panics - should panic ... ok\ntest c::fails ... FAILED\ntest c::not ... ignored\n";
        let passed = lines.lines().filter_map(passed_test).collect();
        let time = Duration::from_secs(90);
        let result = Err(Failure::Failed("c::fails".to_owned()));
        let text = summary(&[Ran { about: "this and that", result, time, passed }]);
        let stage = "\nthis and that: FAILED, 3 tests, 1.5 minutes\n    a::b 2, c 1\n";
        assert!(text.starts_with(stage), "{text}");
    }

    #[test]
    fn every_test_that_is_treated_apart_exists() {
        repo::assert_tests_exist(ENDLESS.iter().chain(UNFIT.iter().map(|(name, _)| name)));
    }
}
