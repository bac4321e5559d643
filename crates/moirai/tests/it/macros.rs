//! `#[moirai::main]` and `#[moirai::test]`: what must compile, and what it then does. What must not
//! compile stands in the docs of the two re-exports.

use std::error::Error;
use std::num::ParseIntError;

use moirai::Handle;

#[test]
fn main_runs_its_body_on_a_runtime_and_leaves_it() {
    #[moirai::main]
    async fn main() -> u32 {
        assert!(Handle::try_current().is_some());
        moirai::spawn(async { 40 }).await.unwrap() + 2
    }
    assert_eq!(main(), 42);
    assert!(Handle::try_current().is_none());
}

#[test]
fn main_without_a_return_type_returns_nothing() {
    #[moirai::main]
    async fn main() {}
    let () = main();
}

#[test]
fn a_question_mark_in_main_converts_to_the_declared_error() {
    #[moirai::main]
    async fn main() -> Result<u8, Box<dyn Error>> {
        Ok("300".parse()?)
    }
    assert!(main().unwrap_err().is::<ParseIntError>());
}

#[test]
fn an_early_return_coerces_to_the_declared_type() {
    #[moirai::main]
    async fn main() -> Box<dyn Fn() -> u8 + Send> {
        if Handle::try_current().is_some() {
            return Box::new(|| 1);
        }
        Box::new(|| 2)
    }
    assert_eq!(main()(), 1);
}

#[test]
fn attributes_and_visibility_stay() {
    mod inner {
        /// Attributes and a restricted visibility.
        #[allow(clippy::unused_unit, reason = "the attribute must reach the body")]
        #[moirai::main]
        pub(super) async fn start() -> () {
            ()
        }
    }
    inner::start();
}

#[test]
fn an_option_takes_any_expression_and_a_trailing_comma() {
    const WORKERS: usize = 1;
    #[moirai::main(worker_threads = WORKERS + 1,)]
    async fn main() -> u8 {
        moirai::spawn_parallel(|| 7).await.unwrap()
    }
    assert_eq!(main(), 7);
}

#[test]
#[should_panic(expected = "cannot start the runtime: ")]
fn an_option_out_of_range_panics_with_the_reason() {
    #[moirai::main(worker_threads = usize::MAX)]
    async fn main() {}
    main();
}

#[moirai::test]
async fn a_test_runs_on_a_runtime() {
    assert!(Handle::try_current().is_some());
}

#[moirai::test(worker_threads = 1)]
async fn a_test_may_return_a_result() -> Result<(), Box<dyn Error>> {
    assert_eq!(moirai::spawn(async { "5".parse::<u8>() }).await??, 5);
    Ok(())
}

#[moirai::test]
#[should_panic(expected = "as it should")]
async fn a_panic_in_a_test_fails_it() {
    panic!("as it should");
}

macro_rules! generated {
    ($visibility:vis fn $name:ident) => {
        #[moirai::test]
        $visibility async fn $name() {
            assert!(Handle::try_current().is_some());
        }
    };
}

generated!(fn a_test_may_come_from_a_macro);
generated!(pub(crate) fn a_test_from_a_macro_keeps_its_visibility);
