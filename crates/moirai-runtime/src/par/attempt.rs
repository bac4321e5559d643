//! What may fail: the types that the `try_` methods take, as std's `?` does.

use std::ops::ControlFlow::{self, Break, Continue};
use std::task::Poll;

/// What the closures of `try_for_each`, `try_fold` and `try_reduce` return: an [`Option`], a
/// [`Result`], a [`ControlFlow`] or a [`Poll`] of a result.
///
/// Closed: std's own trait of this name is not stable.
///
/// # Examples
///
/// ```
/// use moirai_runtime::par::*;
///
/// fn sum(numbers: &[u8]) -> impl iter::Try<Output = u8> + use<> {
///     numbers.par_iter().map(|&n| Some(n)).try_reduce(|| 0, u8::checked_add)
/// }
/// use iter::Try;
/// assert!(sum(&[1, 2]).branch().is_continue() && sum(&[200, 100]).branch().is_break());
/// ```
pub trait Try: Sized + sealed::Sealed {
    /// What success yields.
    type Output;
    /// What failure yields.
    type Residual: Send;

    /// Takes it apart.
    fn branch(self) -> ControlFlow<Self::Residual, Self::Output>;

    /// Puts it together.
    fn from_branch(branch: ControlFlow<Self::Residual, Self::Output>) -> Self;
}

mod sealed {
    pub trait Sealed {}

    impl<T> Sealed for Option<T> {}
    impl<T, E> Sealed for Result<T, E> {}
    impl<B, C> Sealed for std::ops::ControlFlow<B, C> {}
    impl<T, E> Sealed for std::task::Poll<Result<T, E>> {}
}

impl<T> Try for Option<T> {
    type Output = T;
    type Residual = ();

    fn branch(self) -> ControlFlow<(), T> {
        self.map_or(Break(()), Continue)
    }

    fn from_branch(branch: ControlFlow<(), T>) -> Self {
        branch.continue_value()
    }
}

impl<T, E: Send> Try for Result<T, E> {
    type Output = T;
    type Residual = E;

    fn branch(self) -> ControlFlow<E, T> {
        self.map_or_else(Break, Continue)
    }

    fn from_branch(branch: ControlFlow<E, T>) -> Self {
        match branch {
            Continue(value) => Ok(value),
            Break(error) => Err(error),
        }
    }
}

impl<B: Send, C> Try for ControlFlow<B, C> {
    type Output = C;
    type Residual = B;

    fn branch(self) -> Self {
        self
    }

    fn from_branch(branch: Self) -> Self {
        branch
    }
}

impl<T, E: Send> Try for Poll<Result<T, E>> {
    type Output = Poll<T>;
    type Residual = E;

    fn branch(self) -> ControlFlow<E, Poll<T>> {
        match self {
            Self::Pending => Continue(Poll::Pending),
            Self::Ready(Ok(value)) => Continue(Poll::Ready(value)),
            Self::Ready(Err(error)) => Break(error),
        }
    }

    fn from_branch(branch: ControlFlow<E, Poll<T>>) -> Self {
        match branch {
            Continue(poll) => poll.map(Ok),
            Break(error) => Self::Ready(Err(error)),
        }
    }
}
