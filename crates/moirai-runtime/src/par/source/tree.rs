//! Trees that are known by their children: `walk_tree`.

use std::marker::PhantomData;

use crate::join::join;
use crate::par::ParallelIterator;
use crate::par::plumbing::Consumer;

/// The iterator of [`walk_tree`], [`walk_tree_prefix`] and [`walk_tree_postfix`].
#[must_use = "parallel iterators are lazy"]
#[derive(Clone, Debug)]
pub struct WalkTree<T, F, I> {
    root: T,
    children: F,
    order: Order,
    child: PhantomData<fn() -> I>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Prefix,
    Postfix,
}

/// All nodes below and with `root`, in no stated order.
///
/// # Examples
///
/// ```
/// use moirai_runtime::par::*;
///
/// let children = |&n: &u32| (2 * n..=2 * n + 1).filter(|&n| n < 100);
/// assert_eq!(iter::walk_tree(1, children).count(), 99);
/// ```
pub fn walk_tree<T, F, I>(root: T, children: F) -> WalkTree<T, F, I>
where
    T: Send,
    F: Fn(&T) -> I + Sync + Send,
    I: IntoIterator<Item = T>,
{
    walk_tree_prefix(root, children)
}

/// All nodes below and with `root`: each before its children.
///
/// # Examples
///
/// ```
/// use moirai_runtime::par::*;
///
/// let children = |&n: &u32| (2 * n..=2 * n + 1).filter(|&n| n < 6);
/// let nodes: Vec<u32> = iter::walk_tree_prefix(1, children).collect();
/// assert_eq!(nodes, [1, 2, 4, 5, 3]);
/// ```
pub fn walk_tree_prefix<T, F, I>(root: T, children: F) -> WalkTree<T, F, I>
where
    T: Send,
    F: Fn(&T) -> I + Sync + Send,
    I: IntoIterator<Item = T>,
{
    WalkTree { root, children, order: Order::Prefix, child: PhantomData }
}

/// All nodes below and with `root`: each after its children.
///
/// # Examples
///
/// ```
/// use moirai_runtime::par::*;
///
/// let children = |&n: &u32| (2 * n..=2 * n + 1).filter(|&n| n < 6);
/// let nodes: Vec<u32> = iter::walk_tree_postfix(1, children).collect();
/// assert_eq!(nodes, [4, 5, 2, 3, 1]);
/// ```
pub fn walk_tree_postfix<T, F, I>(root: T, children: F) -> WalkTree<T, F, I>
where
    T: Send,
    F: Fn(&T) -> I + Sync + Send,
    I: IntoIterator<Item = T>,
{
    WalkTree { root, children, order: Order::Postfix, child: PhantomData }
}

impl<T, F, I> ParallelIterator for WalkTree<T, F, I>
where
    T: Send,
    F: Fn(&T) -> I + Sync + Send,
    I: IntoIterator<Item = T>,
{
    type Item = T;

    fn drive<C: Consumer<T>>(self, consumer: &C, part: C::Part) -> C::Result {
        walk(self.root, &self.children, self.order, consumer, part)
    }
}

/// A node and what is below it.
fn walk<T, F, I, C>(node: T, children: &F, order: Order, consumer: &C, part: C::Part) -> C::Result
where
    T: Send,
    F: Fn(&T) -> I + Sync,
    I: IntoIterator<Item = T>,
    C: Consumer<T>,
{
    let below: Vec<T> = children(&node).into_iter().collect();
    if below.is_empty() || consumer.is_done(&part) {
        return one(node, consumer, part);
    }
    let (first, second) = consumer.split(part, 1, 2);
    match order {
        Order::Prefix => {
            let node = one(node, consumer, first);
            consumer.reduce(node, forest(below, children, order, consumer, second))
        }
        Order::Postfix => {
            let below = forest(below, children, order, consumer, first);
            consumer.reduce(below, one(node, consumer, second))
        }
    }
}

/// Siblings, at least one.
fn forest<T, F, I, C>(
    mut nodes: Vec<T>,
    children: &F,
    order: Order,
    consumer: &C,
    part: C::Part,
) -> C::Result
where
    T: Send,
    F: Fn(&T) -> I + Sync,
    I: IntoIterator<Item = T>,
    C: Consumer<T>,
{
    let len = nodes.len();
    if len <= 1 {
        return match nodes.pop() {
            Some(node) => walk(node, children, order, consumer, part),
            None => consumer.finish(consumer.begin(part)).0,
        };
    }
    let right = nodes.split_off(len / 2);
    let (left_part, right_part) = consumer.split(part, len / 2, len);
    let (left, right) = join(
        || forest(nodes, children, order, consumer, left_part),
        || forest(right, children, order, consumer, right_part),
    );
    consumer.reduce(left, right)
}

fn one<T, C: Consumer<T>>(node: T, consumer: &C, part: C::Part) -> C::Result {
    let state = consumer.feed(consumer.begin(part), std::iter::once(node));
    consumer.finish(state).0
}
