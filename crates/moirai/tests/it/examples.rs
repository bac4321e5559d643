//! The examples that assert what they show, run as tests.

#[path = "../../examples/mandelbrot.rs"]
mod mandelbrot;
#[path = "../../examples/matrix_multiply.rs"]
mod matrix_multiply;
#[path = "../../examples/n_body.rs"]
mod n_body;
#[path = "../../examples/word_count.rs"]
mod word_count;
#[path = "../../examples/work_stealing_scheduler.rs"]
mod work_stealing_scheduler;

#[test]
fn an_executor_is_built_from_the_public_parts_alone() {
    work_stealing_scheduler::main();
}

#[test]
fn the_examples_of_parallel_loops_hold_what_they_assert() {
    mandelbrot::main();
    matrix_multiply::main();
    n_body::main();
    word_count::main();
}
