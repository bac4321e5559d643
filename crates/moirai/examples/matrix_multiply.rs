//! Multiplies matrices, line by line of the product.

#![allow(clippy::print_stdout, reason = "a program")]

use moirai::par::*;

const N: usize = 200;

/// Line by line.
type Matrix = Vec<f64>;

pub(crate) fn main() {
    let a: Matrix = (0..N * N).into_par_iter().map(|n| (n % 7) as f64).collect();
    let b: Matrix = (0..N * N).into_par_iter().map(|n| (n % 5) as f64).collect();
    let product = multiply(&a, &b);

    // Some of its numbers, the long way.
    for (line, column) in [(0, 0), (3, 141), (N - 1, N - 1)] {
        let expected: f64 = (0..N).map(|n| a[line * N + n] * b[n * N + column]).sum();
        assert_eq!(product[line * N + column], expected);
    }
    assert_eq!(multiply(&product, &one()), product);
    println!("trace of the product: {}", product.par_iter().step_by(N + 1).sum::<f64>());
}

fn multiply(a: &[f64], b: &[f64]) -> Matrix {
    let mut product = vec![0.0; N * N];
    product.par_chunks_mut(N).zip(a.par_chunks(N)).for_each(|(line, of_a)| {
        // A line of `b` at a time, so that memory is read in order.
        for (factor, of_b) in of_a.iter().zip(b.chunks(N)) {
            for (sum, n) in line.iter_mut().zip(of_b) {
                *sum += factor * n;
            }
        }
    });
    product
}

fn one() -> Matrix {
    (0..N * N).into_par_iter().map(|n| if n % (N + 1) == 0 { 1.0 } else { 0.0 }).collect()
}
