//! Loops and sorts: the same programs twice, which differ in their `use` line alone, and once as a
//! loop.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::per_unit;
use super::rivals::{ForkJoin as _, Moirai, Rayon, Sequential};
use crate::harness::{Case, Effort, Entrant, Failure, Workload};

/// What the programs compute: the same for everybody.
#[derive(Clone, Copy)]
struct Programs {
    name: &'static str,
    sum: fn(&[u64]) -> u64,
    map_collect: fn(&[u64]) -> Vec<u64>,
    word_count: fn(&str) -> usize,
    mandelbrot: fn() -> u64,
    sort_unstable: fn(&mut [u64]),
    sort_stable: fn(&mut [u64]),
}

/// Programs as rayon's users write them.
macro_rules! programs {
    ($module:ident, $peer:ident, use $($use:tt)*) => {
        mod $module {
            use std::collections::HashMap;

            use super::{Programs, HEIGHT, escapes_of_line};
            use $($use)*

            pub(super) const ALL: Programs = Programs {
                name: super::name_of::<super::$peer>(),
                sum: |numbers| numbers.par_iter().sum(),
                map_collect: |numbers| numbers.par_iter().map(|n| n * 3 + 1).collect(),
                word_count: |text| {
                    let counts = text
                        .par_lines()
                        .fold(HashMap::new, |mut counts: HashMap<&str, usize>, line| {
                            line.split_whitespace().for_each(|word| *counts.entry(word).or_default() += 1);
                            counts
                        })
                        .reduce(HashMap::new, |mut all, counts| {
                            counts.into_iter().for_each(|(word, n)| *all.entry(word).or_default() += n);
                            all
                        });
                    counts.into_iter().map(|(word, n)| word.len() * n).sum()
                },
                mandelbrot: || (0..HEIGHT).into_par_iter().map(escapes_of_line).sum(),
                sort_unstable: |numbers| numbers.par_sort_unstable(),
                sort_stable: |numbers| numbers.par_sort(),
            };

            /// Generations of Conway's game of life, on a torus.
            #[cfg(test)]
            pub(super) fn life(cells: Vec<bool>, width: usize, generations: usize) -> Vec<bool> {
                let height = cells.len() / width;
                (0..generations).fold(cells, |cells, _| {
                    cells
                        .par_chunks(width)
                        .enumerate()
                        .flat_map(|(y, line)| {
                            let cells = &cells;
                            line.par_iter().enumerate().map(move |(x, &lives)| {
                                let around = (0..9).filter(|n| {
                                    let (dx, dy) = (n % 3 + width - 1, n / 3 + height - 1);
                                    let (x, y) = ((x + dx) % width, (y + dy) % height);
                                    *n != 4 && cells[y * width + x]
                                });
                                matches!((lives, around.count()), (true, 2 | 3) | (false, 3))
                            })
                        })
                        .collect()
                })
            }
        }
    };
}

programs!(ours, Moirai, use moirai_runtime::par::*;);
programs!(rayons, Rayon, use rayon::prelude::*;);

const PLAIN: Programs = Programs {
    name: Sequential::NAME,
    sum: |numbers| numbers.iter().sum(),
    map_collect: |numbers| numbers.iter().map(|n| n * 3 + 1).collect(),
    word_count: |text| {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        text.split_whitespace().for_each(|word| *counts.entry(word).or_default() += 1);
        counts.into_iter().map(|(word, n)| word.len() * n).sum()
    },
    mandelbrot: || (0..HEIGHT).map(escapes_of_line).sum(),
    sort_unstable: |numbers| numbers.sort_unstable(),
    sort_stable: |numbers| numbers.sort(),
};

const fn name_of<P: super::ForkJoin>() -> &'static str {
    P::NAME
}

/// The cases, in the order in which they run.
pub(super) fn cases() -> Vec<Case> {
    vec![
        case("sum10m", "ns", "per number, of ten million", |peer| {
            checked(peer, 10_000_000, |peer, numbers| (peer.sum)(numbers))
        }),
        case("sum1m", "ns", "per number, of a million", |peer| {
            checked(peer, 1_000_000, |peer, numbers| (peer.sum)(numbers))
        }),
        case("map_collect", "ns", "per number, of a million into a new vector", |peer| {
            checked(peer, 1_000_000, |peer, numbers| {
                let mapped = (peer.map_collect)(numbers);
                mapped[0] ^ mapped[mapped.len() - 1] ^ mapped.len() as u64
            })
        }),
        case("word_count", "ns", "per word, of 200,000 in 20,000 lines", |peer| {
            checked(peer, WORDS, |peer, _| (peer.word_count)(text()) as u64)
        }),
        case("mandelbrot", "us", "per line, of 400", |peer| {
            let lines = checked(peer, HEIGHT, |peer, _| (peer.mandelbrot)());
            Arc::new(move |iterations| {
                let mut sample = lines(iterations)?;
                sample.value /= 1e3;
                Ok(sample)
            })
        }),
        case("sort_unstable", "ns", "per number, of four million", |peer| {
            sorted(peer.sort_unstable)
        }),
        case("sort_stable", "ns", "per number, of four million", |peer| sorted(peer.sort_stable)),
    ]
}

fn case(
    name: &'static str,
    unit: &'static str,
    what: &'static str,
    workload: fn(Programs) -> Workload,
) -> Case {
    let entrants = [ours::ALL, rayons::ALL, PLAIN]
        .into_iter()
        .map(|peer| Entrant { peer: peer.name, workload: Ok(workload(peer)) })
        .collect();
    Case { name, unit, what, effort: Effort::Calibrated, entrants }
}

/// Times `run`, which must return what the plain loop does, per unit of `len`.
fn checked(peer: Programs, len: usize, run: fn(Programs, &[u64]) -> u64) -> Workload {
    Arc::new(move |iterations| {
        let numbers = &numbers()[..len];
        let expected = run(PLAIN, numbers);
        let start = Instant::now();
        for _ in 0..iterations {
            let found = run(peer, black_box(numbers));
            if found != expected {
                return Err(Failure::Wrong(format!("{found}, expected {expected}")));
            }
        }
        per_unit(start.elapsed(), iterations * len as u64)
    })
}

/// Times `sort` alone, without the copying and the checking.
fn sorted(sort: fn(&mut [u64])) -> Workload {
    Arc::new(move |iterations| {
        let mut elapsed = Duration::ZERO;
        for _ in 0..iterations {
            let mut numbers = numbers()[..SORTED].to_vec();
            let start = Instant::now();
            sort(&mut numbers);
            elapsed += start.elapsed();
            if !numbers.is_sorted() {
                return Err(Failure::Wrong("not in order".to_owned()));
            }
        }
        per_unit(elapsed, iterations * SORTED as u64)
    })
}

/// Steps after which the points of a line have left the circle of radius 2, together.
fn escapes_of_line(y: usize) -> u64 {
    (0..WIDTH).map(|x| escapes(x as f64 / 200.0 - 2.0, y as f64 / 200.0 - 1.0)).sum()
}

fn escapes(re: f64, im: f64) -> u64 {
    let (mut x, mut y, mut steps) = (0.0, 0.0, 0);
    while x * x + y * y < 4.0 && steps < ESCAPES_MAX {
        (x, y) = (x * x - y * y + re, 2.0 * x * y + im);
        steps += 1;
    }
    steps
}

/// Ten million numbers without an order (Marsaglia's xorshift).
fn numbers() -> &'static [u64] {
    static NUMBERS: OnceLock<Vec<u64>> = OnceLock::new();
    NUMBERS.get_or_init(|| random().map(|n| n >> 24).take(10_000_000).collect())
}

fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let words = random().take(WORDS).enumerate().map(|(index, n)| {
            let end = if index % 10 == 9 { '\n' } else { ' ' };
            format!("w{}{end}", n % 1000)
        });
        words.collect()
    })
}

fn random() -> impl Iterator<Item = u64> {
    let next = |mut x: u64| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^ x << 17
    };
    std::iter::successors(Some(88_172_645_463_325_252), move |&x| Some(next(x)))
}

const WORDS: usize = 200_000;
const SORTED: usize = 4_000_000;
const WIDTH: usize = 600;
const HEIGHT: usize = 400;
const ESCAPES_MAX: u64 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_ported_by_its_use_line_does_what_it_did() {
        let cells: Vec<bool> = random().take(60 * 40).map(|n| n % 3 == 0).collect();
        let after = ours::life(cells.clone(), 60, 20);
        assert_eq!(after, rayons::life(cells.clone(), 60, 20));
        assert_ne!(after, cells);
        // A glider looks as it did four generations later, a line and a column further.
        let glider: Vec<bool> = (0..100).map(|n| [1, 12, 20, 21, 22].contains(&n)).collect();
        let mut further = glider.clone();
        further.rotate_right(11);
        assert_eq!(ours::life(glider, 10, 4), further);
    }

    #[test]
    fn all_programs_come_to_the_same() {
        let numbers = &numbers()[..100_000];
        for peer in [ours::ALL, rayons::ALL] {
            assert_eq!((peer.sum)(&numbers[..1000]), (PLAIN.sum)(&numbers[..1000]));
            assert_eq!((peer.map_collect)(&numbers[..1000]), (PLAIN.map_collect)(&numbers[..1000]));
            assert_eq!((peer.word_count)(text()), (PLAIN.word_count)(text()));
            assert_eq!((peer.mandelbrot)(), (PLAIN.mandelbrot)());
            for sort in [peer.sort_stable, peer.sort_unstable] {
                let mut sorted = numbers.to_vec();
                sort(&mut sorted);
                assert!(sorted.is_sorted());
            }
        }
    }
}
