//! The Mandelbrot set in letters: lines differ in what they cost, and idle workers take of those that
//! are left.

#![allow(clippy::print_stdout, reason = "a program")]

use moirai::par::*;

const WIDTH: usize = 100;
const HEIGHT: usize = 41;
const STEPS_MAX: usize = 2000;

pub(crate) fn main() {
    let lines: Vec<String> = (0..HEIGHT).into_par_iter().map(line).collect();
    println!("{}", lines.join("\n"));

    // It is the same above and below the real axis.
    assert!(lines.par_iter().eq(lines.par_iter().rev()));
    // Zero is in the set.
    assert_eq!(lines[HEIGHT / 2].as_bytes()[WIDTH * 2 / 3], b'#');
}

fn line(y: usize) -> String {
    let im = 1.2 * (2.0 * y as f64 - (HEIGHT - 1) as f64) / (HEIGHT - 1) as f64;
    (0..WIDTH).map(|x| letter(steps(3.0 * x as f64 / WIDTH as f64 - 2.0, im))).collect()
}

fn letter(steps: usize) -> char {
    match steps {
        0..=3 => ' ',
        4..=7 => '.',
        8..=15 => ':',
        16..STEPS_MAX => '+',
        _ => '#',
    }
}

/// Steps until the point has left the circle of radius 2.
fn steps(re: f64, im: f64) -> usize {
    let (mut x, mut y, mut steps) = (0.0, 0.0, 0);
    while x * x + y * y < 4.0 && steps < STEPS_MAX {
        (x, y) = (x * x - y * y + re, 2.0 * x * y + im);
        steps += 1;
    }
    steps
}
