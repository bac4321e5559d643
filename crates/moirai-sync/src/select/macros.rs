//! `select!` and its relatives: the syntax, and nothing else.
//!
//! One internal macro reads the arms one by one (`@arm`, `@handle`, `@body`) into a list of
//! `{kind (handle) (message) (pattern) (guard) (number) {body}}`, and then writes the list three
//! times: as a value (`@list`), as numbers (`@count`, `@numbers`), and as nested matches of what the
//! value gave (`@pick`). Handles are evaluated once, in order; a message only when it is to be sent.

/// Waits until one of several channel operations can be done, and does it.
///
/// ```
/// use std::time::Duration;
/// use moirai_sync::{channel, select};
///
/// let (sender, numbers) = channel::bounded(1);
/// let (_keep, words) = channel::bounded::<&str>(1);
/// sender.send(7).unwrap();
///
/// let doubled = select! {
///     recv(numbers) -> number => number.unwrap() * 2,
///     recv(words) -> word => word.unwrap().len(),
///     default(Duration::from_secs(1)) => 0,
/// };
/// assert_eq!(doubled, 14);
/// ```
#[macro_export]
macro_rules! select {
    () => {
        ::core::compile_error!("empty `select!` block")
    };
    (async { $($arms:tt)* }) => {
        $crate::__select_private::ready($crate::__select!(@top (async) $($arms)*))
    };
    ($($arms:tt)*) => {
        $crate::__select!(@top (block) $($arms)*)
    };
}

/// As [`select!`], but of several arms that are ready the first one is taken.
#[macro_export]
macro_rules! select_biased {
    () => {
        ::core::compile_error!("empty `select_biased!` block")
    };
    (async { $($arms:tt)* }) => {
        $crate::__select_private::ready(
            $crate::__select!(@arm ((async) (biased)) [] [] $($arms)*)
        )
    };
    ($($arms:tt)*) => {
        $crate::__select!(@arm ((block) (biased)) [] [] $($arms)*)
    };
}

/// As [`select!`], but of several arms that are ready each is taken as often as its weight says.
#[macro_export]
macro_rules! select_weighted {
    (async { $($arms:tt)* }) => {
        $crate::__select_private::ready(
            $crate::__select!(@arm ((async) (weighted)) [] [] $($arms)*)
        )
    };
    ($($arms:tt)*) => {
        $crate::__select!(@arm ((block) (weighted)) [] [] $($arms)*)
    };
}

/// As [`select!`], but of several arms that are ready the one of the highest priority is taken.
#[macro_export]
macro_rules! select_priority {
    (async { $($arms:tt)* }) => {
        $crate::__select_private::ready(
            $crate::__select!(@arm ((async) (priority)) [] [] $($arms)*)
        )
    };
    ($($arms:tt)*) => {
        $crate::__select!(@arm ((block) (priority)) [] [] $($arms)*)
    };
}

/// As [`select!`], with a condition before each arm.
#[macro_export]
macro_rules! select_if {
    ($($arms:tt)*) => {
        $crate::select!($($arms)*)
    };
}

/// The parser behind the public macros.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    // @top (strand) arms: `biased;` in front, or a fair choice.
    (@top $strand:tt biased; $($rest:tt)*) => {
        $crate::__select!(@arm ($strand (biased)) [] [] $($rest)*)
    };
    (@top $strand:tt $($rest:tt)*) => {
        $crate::__select!(@arm ($strand (fair)) [] [] $($rest)*)
    };

    // @arm (how) [arms so far] [default so far] rest: reads one arm, up to its `=>`.
    (@arm $how:tt $arms:tt $default:tt) => {
        $crate::__select!(@build $how $arms $default)
    };
    (@arm $how:tt $arms:tt [] default $(())? => $($rest:tt)*) => {
        $crate::__select!(@body $how $arms [] (default now) $($rest)*)
    };
    (@arm $how:tt $arms:tt [] default($timeout:expr $(,)?) => $($rest:tt)*) => {
        $crate::__select!(@body $how $arms [] (default ($timeout)) $($rest)*)
    };
    (@arm $how:tt $arms:tt [$($default:tt)+] default $($rest:tt)*) => {
        ::core::compile_error!("a select can have only one `default` arm")
    };
    (@arm $how:tt $arms:tt $default:tt weight($number:expr) => $($rest:tt)*) => {
        $crate::__select!(@operation $how $arms $default (true) (weight $number) $($rest)*)
    };
    (@arm $how:tt $arms:tt $default:tt priority($number:expr) => $($rest:tt)*) => {
        $crate::__select!(@operation $how $arms $default (true) (priority $number) $($rest)*)
    };
    (@arm $how:tt $arms:tt $default:tt if $guard:expr => $($rest:tt)*) => {
        $crate::__select!(@operation $how $arms $default ($guard) () $($rest)*)
    };
    (@arm $how:tt $arms:tt $default:tt $($rest:tt)+) => {
        $crate::__select!(@operation $how $arms $default (true) () $($rest)+)
    };

    // @operation how arms default (guard) (number) rest: `recv(..) ->`, `send(..) ->` or `pat =`.
    (@operation $how:tt $arms:tt $default:tt ($first:expr) $number:tt
        recv($handle:expr $(,)?) -> $pattern:pat, if $guard:expr => $($rest:tt)*
    ) => {
        $crate::__select!(
            @body $how $arms $default
            (recv ($handle) () ($pattern) ($first && $guard) $number) $($rest)*
        )
    };
    (@operation $how:tt $arms:tt $default:tt $guard:tt $number:tt
        recv($handle:expr $(,)?) -> $pattern:pat => $($rest:tt)*
    ) => {
        $crate::__select!(
            @body $how $arms $default (recv ($handle) () ($pattern) $guard $number) $($rest)*
        )
    };
    (@operation $how:tt $arms:tt $default:tt ($first:expr) $number:tt
        send($handle:expr, $message:expr $(,)?) -> $pattern:pat, if $guard:expr => $($rest:tt)*
    ) => {
        $crate::__select!(
            @body $how $arms $default
            (send ($handle) ($message) ($pattern) ($first && $guard) $number) $($rest)*
        )
    };
    (@operation $how:tt $arms:tt $default:tt $guard:tt $number:tt
        send($handle:expr, $message:expr $(,)?) -> $pattern:pat => $($rest:tt)*
    ) => {
        $crate::__select!(
            @body $how $arms $default (send ($handle) ($message) ($pattern) $guard $number) $($rest)*
        )
    };
    (@operation $how:tt $arms:tt $default:tt $guard:tt $number:tt
        $pattern:pat = $($rest:tt)+
    ) => {
        $crate::__select!(@handle $how $arms $default $guard $number ($pattern) () $($rest)+)
    };

    // @handle how arms default guard number (pattern) (handle so far) rest: up to the method.
    (@handle $how:tt $arms:tt $default:tt ($first:expr) $number:tt ($pattern:pat) ($($handle:tt)+)
        .recv(), if $guard:expr => $($rest:tt)*
    ) => {
        $crate::__select!(
            @body $how $arms $default
            (recv ($($handle)+) () ($pattern) ($first && $guard) $number) $($rest)*
        )
    };
    (@handle $how:tt $arms:tt $default:tt $guard:tt $number:tt ($pattern:pat) ($($handle:tt)+)
        .recv() => $($rest:tt)*
    ) => {
        $crate::__select!(
            @body $how $arms $default
            (recv ($($handle)+) () ($pattern) $guard $number) $($rest)*
        )
    };
    (@handle $how:tt $arms:tt $default:tt ($first:expr) $number:tt ($pattern:pat) ($($handle:tt)+)
        .send($message:expr), if $guard:expr => $($rest:tt)*
    ) => {
        $crate::__select!(
            @body $how $arms $default
            (send ($($handle)+) ($message) ($pattern) ($first && $guard) $number) $($rest)*
        )
    };
    (@handle $how:tt $arms:tt $default:tt $guard:tt $number:tt ($pattern:pat) ($($handle:tt)+)
        .send($message:expr) => $($rest:tt)*
    ) => {
        $crate::__select!(
            @body $how $arms $default
            (send ($($handle)+) ($message) ($pattern) $guard $number) $($rest)*
        )
    };
    (@handle $how:tt $arms:tt $default:tt $guard:tt $number:tt $pattern:tt ($($handle:tt)*)
        $next:tt $($rest:tt)*
    ) => {
        $crate::__select!(
            @handle $how $arms $default $guard $number $pattern ($($handle)* $next) $($rest)*
        )
    };

    // @body how arms default (head) rest: the body of the arm whose head was read.
    (@body $how:tt $arms:tt $default:tt $head:tt $body:block $(, $($rest:tt)*)?) => {
        $crate::__select!(@push $how $arms $default $head $body $($($rest)*)?)
    };
    (@body $how:tt $arms:tt $default:tt $head:tt $body:expr $(, $($rest:tt)*)?) => {
        $crate::__select!(@push $how $arms $default $head { $body } $($($rest)*)?)
    };
    (@body $how:tt $arms:tt $default:tt $head:tt $body:block $($rest:tt)+) => {
        $crate::__select!(@push $how $arms $default $head $body $($rest)+)
    };

    // @push how arms default (head) body rest: one arm more, on to the next.
    (@push $how:tt $arms:tt [] (default $when:tt) $body:block $($rest:tt)*) => {
        $crate::__select!(@arm $how $arms [$when $body] $($rest)*)
    };
    (@push $how:tt [$($arms:tt)*] $default:tt
        ($kind:ident $handle:tt $message:tt $pattern:tt $guard:tt $number:tt)
        $body:block $($rest:tt)*
    ) => {
        $crate::__select!(
            @arm $how [$($arms)* {$kind $handle $message $pattern $guard $number $body}] $default
            $($rest)*
        )
    };

    // @build ((strand) (order)) [arms] [default]: the list lives in the scrutinee, so temporaries in
    // the handles live as long as it.
    (@build ($strand:tt $order:tt) [$($arms:tt)*] [$($when:tt $otherwise:block)?]) => {
        match $crate::__select!(@list $($arms)*) {
            arms => match $crate::__select!(
                @run $strand ($($when)?) arms ($crate::__select!(@count $($arms)*))
                ($crate::__select!(@order $order $($arms)*))
            ) {
                ::core::option::Option::Some(pick) => {
                    $crate::__select!(@pick pick $($arms)*)
                }
                ::core::option::Option::None => {
                    $crate::__select!(@otherwise $($otherwise)?)
                }
            },
        }
    };

    // @run (strand) (when to give up) arms (number of arms) (order)
    (@run (block) () $arms:ident ($count:expr) ($order:expr)) => {
        ::core::option::Option::Some(
            $crate::__select_private::block::<{ $count }, _>(&$arms, &mut $order)
        )
    };
    (@run (block) (now) $arms:ident ($count:expr) ($order:expr)) => {
        $crate::__select_private::try_now(&$arms, &mut $order)
    };
    (@run (block) (($timeout:expr)) $arms:ident ($count:expr) ($order:expr)) => {
        $crate::__select_private::block_for::<{ $count }, _>(&$arms, &mut $order, $timeout)
    };
    (@run (async) () $arms:ident ($count:expr) ($order:expr)) => {
        ::core::option::Option::Some(
            $crate::__select_private::wait::<{ $count }, _>(&$arms, &mut $order).await
        )
    };
    (@run (async) (now) $arms:ident ($count:expr) ($order:expr)) => {
        $crate::__select_private::try_now(&$arms, &mut $order)
    };
    (@run (async) (($timeout:expr)) $arms:ident ($count:expr) ($order:expr)) => {
        $crate::__select_private::wait_for::<{ $count }, _>(&$arms, &mut $order, $timeout).await
    };

    (@otherwise $otherwise:block) => { $otherwise };
    (@otherwise) => { ::core::unreachable!("a select without a default arm took none") };

    // @list: the arms as a value.
    (@list) => { $crate::__select_private::End };
    (@list {recv ($($handle:tt)+) () $pattern:tt ($guard:expr) $number:tt $body:tt} $($rest:tt)*) => {
        $crate::__select_private::Cons(
            ($($handle)+).__recv_arm($guard), $crate::__select!(@list $($rest)*)
        )
    };
    (@list {send ($($handle:tt)+) $message:tt $pattern:tt ($guard:expr) $number:tt $body:tt} $($rest:tt)*) => {
        $crate::__select_private::Cons(
            ($($handle)+).__send_arm($guard), $crate::__select!(@list $($rest)*)
        )
    };

    // @count: how many there are.
    (@count) => { 0 };
    (@count $arm:tt $($rest:tt)*) => { 1 + $crate::__select!(@count $($rest)*) };

    // @order (which) arms
    (@order (fair) $($arms:tt)*) => {
        $crate::__select_private::Fair::<{ $crate::__select!(@count $($arms)*) }>
    };
    (@order (biased) $($arms:tt)*) => {
        $crate::__select_private::Biased::<{ $crate::__select!(@count $($arms)*) }>
    };
    (@order (weighted) $($arms:tt)*) => {
        $crate::__select_private::Weighted([$($crate::__select!(@weight $arms)),*])
    };
    (@order (priority) $($arms:tt)*) => {
        $crate::__select_private::Priority([$($crate::__select!(@priority $arms)),*])
    };
    (@weight {$kind:ident $handle:tt $message:tt $pattern:tt $guard:tt (weight $number:expr) $body:tt}) => {
        $number
    };
    (@weight $arm:tt) => { ::core::compile_error!("an arm of `select_weighted!` needs a weight") };
    (@priority {$kind:ident $handle:tt $message:tt $pattern:tt $guard:tt (priority $number:expr) $body:tt}) => {
        $number
    };
    (@priority $arm:tt) => { ::core::compile_error!("an arm of `select_priority!` needs a priority") };

    // @pick (what the list gave) arms: the body of the arm that it came from.
    (@pick $pick:ident) => { match $pick {} };
    (@pick $pick:ident {recv $handle:tt $message:tt ($pattern:pat) $guard:tt $number:tt $body:block} $($rest:tt)*) => {
        match $pick {
            $crate::__select_private::Pick::Here(output) => {
                let $pattern = output;
                $body
            }
            $crate::__select_private::Pick::There(rest) => {
                $crate::__select!(@pick rest $($rest)*)
            }
        }
    };
    (@pick $pick:ident {send $handle:tt ($message:expr) ($pattern:pat) $guard:tt $number:tt $body:block} $($rest:tt)*) => {
        match $pick {
            $crate::__select_private::Pick::Here(permit) => {
                let $pattern = permit.send($message);
                $body
            }
            $crate::__select_private::Pick::There(rest) => {
                $crate::__select!(@pick rest $($rest)*)
            }
        }
    };
}
