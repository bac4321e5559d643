//! The examples that assert what they show, run as tests.

#[path = "../../examples/work_stealing_scheduler.rs"]
mod work_stealing_scheduler;

#[test]
fn an_executor_is_built_from_the_public_parts_alone() {
    work_stealing_scheduler::main();
}
