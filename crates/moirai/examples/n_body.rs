//! Bodies that attract each other: every pair in every step, on all cores.

#![allow(clippy::print_stdout, reason = "a program")]

use moirai::par::*;

const BODIES: usize = 300;
const STEPS: usize = 20;
const DT: f64 = 1e-3;

#[derive(Clone, Copy)]
struct Body {
    mass: f64,
    at: [f64; 3],
    velocity: [f64; 3],
}

pub(crate) fn main() {
    let mut bodies: Vec<Body> = (0..BODIES).map(body).collect();
    let before = momentum(&bodies);
    for _ in 0..STEPS {
        step(&mut bodies);
    }
    // What one body gives another, it gets back.
    let after = momentum(&bodies);
    let gained: f64 = before.iter().zip(after).map(|(a, b)| (a - b).abs()).sum();
    assert!(gained < 1e-9, "{gained}");
    println!("{BODIES} bodies, {STEPS} steps: the momentum changed by {gained:e}");
}

fn step(bodies: &mut [Body]) {
    let forces: Vec<[f64; 3]> = bodies.par_iter().map(|body| force(body, bodies)).collect();
    bodies.par_iter_mut().zip(forces).for_each(|(body, force)| {
        for (axis, force) in force.into_iter().enumerate() {
            body.velocity[axis] += force / body.mass * DT;
            body.at[axis] += body.velocity[axis] * DT;
        }
    });
}

fn force(body: &Body, all: &[Body]) -> [f64; 3] {
    all.iter().fold([0.0; 3], |mut force, other| {
        let way: [f64; 3] = std::array::from_fn(|axis| other.at[axis] - body.at[axis]);
        // Softened, so that bodies that meet do not fly apart.
        let square = way.iter().map(|d| d * d).sum::<f64>() + 1e-2;
        let pull = body.mass * other.mass / (square * square.sqrt());
        (0..3).for_each(|axis| force[axis] += pull * way[axis]);
        force
    })
}

fn momentum(bodies: &[Body]) -> [f64; 3] {
    let of = |body: &Body| body.velocity.map(|v| v * body.mass);
    bodies.par_iter().map(of).reduce(|| [0.0; 3], |a, b| std::array::from_fn(|i| a[i] + b[i]))
}

fn body(n: usize) -> Body {
    let n = n as f64;
    let at = [(n * 0.7).sin(), (n * 1.3).cos(), (n * 2.1).sin()];
    Body { mass: 1.0 + (n * 0.3).sin().abs(), at, velocity: [-at[1], at[0], 0.0] }
}
