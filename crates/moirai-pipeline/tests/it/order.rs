//! Order, whatever the stages do with time.

use super::{collect, mix, numbers, runtime, watched};
use moirai_pipeline::pipeline;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn order_holds_under_random_delays_on_any_number_of_workers() {
    watched(|| {
        for workers in [1, 2, 4] {
            let runtime = runtime(workers);
            for (seed, tasks, depth) in [(1, 1, 1), (2, 2, 1), (3, 7, 3), (4, 16, 4)] {
                let delay = move |number: u64| {
                    thread::sleep(Duration::from_micros(mix(number + seed) % 300));
                    Ok(number)
                };
                let (sink, kept) = collect();
                let run = pipeline()
                    .parallel_stage(delay)
                    .concurrency(tasks)
                    .parallel_stage(delay)
                    .concurrency(tasks)
                    .ordered()
                    .channel_depth(depth)
                    .run(numbers(300), sink);
                runtime.block_on(run).unwrap();
                let kept: Vec<_> = kept.try_iter().collect();
                assert_eq!(kept, (0..300).collect::<Vec<_>>(), "{workers} workers, seed {seed}");
            }
        }
    });
}

#[test]
fn two_pipelines_share_one_worker() {
    watched(|| {
        let runtime = runtime(1);
        let (handle, begun) = (runtime.handle().clone(), Instant::now());
        let start = |count| {
            let (sink, kept) = collect();
            let run = pipeline().parallel_stage(Ok).ordered().run(numbers(count), sink);
            (handle.spawn(run), kept)
        };
        let ((first, first_kept), (second, second_kept)) = (start(500), start(700));
        runtime.block_on(async {
            first.await.unwrap().unwrap();
            second.await.unwrap().unwrap();
        });
        assert_eq!(first_kept.try_iter().count(), 500);
        assert_eq!(second_kept.try_iter().count(), 700);
        println!("1200 items on one worker in {:?}", begun.elapsed());
    });
}
