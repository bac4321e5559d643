//! `select!` and its relatives: the syntax, and nothing else.
//!
//! One internal macro reads the arms one by one (`@arm`, `@handle`, `@body`) into a list of
//! `{kind (handle) (message) (pattern) (guard) (number) {body}}`, and then writes the list three
//! times: as a value (`@list`), as numbers (`@count`, `@order`), and as nested matches of what the
//! value gave (`@pick`). Handles are evaluated once, in order; a message only when it is to be sent.

/// Waits until one of several channel operations can be done, does exactly that one, and gives the
/// value of its arm.
///
/// ```
/// use moirai_sync::{channel, select};
///
/// let (sender, numbers) = channel::bounded(1);
/// let (_keep, words) = channel::bounded::<&str>(1);
/// sender.send(7).unwrap();
///
/// let length = select! {
///     recv(numbers) -> number => number.unwrap() * 2,
///     recv(words) -> word => word.unwrap().len(),
/// };
/// assert_eq!(length, 14);
/// ```
///
/// Of several arms that are ready each is taken equally often, whichever they are. An operation on a
/// closed channel is ready, and its arm gets the error. The waiting is that of the strand: a thread
/// parks, and a thread of the runtime gives its permit up meanwhile.
///
/// # Arms
///
/// | arm | the pattern gets |
/// |---|---|
/// | `recv(receiver) -> pattern => body` | `Result<T, RecvError>` |
/// | `send(sender, message) -> pattern => body` | `Result<(), SendError<T>>` |
/// | `pattern = receiver.recv() => body`, `pattern = sender.send(message) => body` | the same |
/// | `default => body`, `default(timeout) => body` | taken if no other is ready, at once or in time |
///
/// A `receiver` may also be that of an [`spsc`](crate::channel::spsc) or
/// [`mpsc`](crate::channel::mpsc) channel, or of a [`watch`](crate::channel::watch) channel (its arm gets
/// the newer value), [`after`](crate::channel::after), [`tick`](crate::channel::tick) or
/// [`never`](crate::channel::never). Handles are evaluated once, in order, and live as long as the
/// select; a `message` is evaluated when its place is reserved, hence only if it is sent. A body may
/// use `break`, `return` and `?`, and may move, replace or drop the handles. The same channel may stand
/// in several arms; at a rendezvous a select does not meet itself.
///
/// ```
/// use std::time::Duration;
/// use moirai_sync::{channel, select};
///
/// let (sender, receiver) = channel::bounded(1);
/// for round in 0..2 {
///     select! {
///         send(sender, String::from("made when there is a place")) -> sent => {
///             assert_eq!((round, sent), (0, Ok(())));
///         }
///         default(Duration::from_millis(1)) => assert_eq!(round, 1), // the channel is full
///     }
/// }
/// let first = select!(message = receiver.recv() => message);
/// assert_eq!(first.as_deref(), Ok("made when there is a place"));
/// ```
///
/// # Guards
///
/// An arm whose guard is false takes no part: `recv(rx) -> m, if condition => ..`, or in front,
/// `if condition => recv(rx) -> m => ..`. The handle is evaluated nevertheless.
///
/// ```
/// use moirai_sync::{channel, select};
///
/// let (sender, receiver) = channel::bounded(1);
/// sender.send(1).unwrap();
/// let paused = true;
/// let got = select! {
///     recv(receiver) -> n, if !paused => n.ok(),
///     default => None,
/// };
/// assert_eq!(got, None);
/// ```
///
/// # Order
///
/// `biased;` in front takes the first of the arms that are ready, as [`select_biased!`](crate::select_biased!) does.
///
/// # In a future
///
/// `select!(async { .. })` waits in the surrounding `async` instead of blocking. It stands where a
/// value is awaited, and its bodies belong to the surrounding function: `break`, `?` and `.await` work.
///
/// ```
/// use moirai_sync::{channel, select, strand};
///
/// let (sender, receiver) = channel::bounded(1);
/// std::thread::spawn(move || (0..3).try_for_each(|n| sender.send(n)));
/// let sum = strand::block_on(async {
///     let mut sum = 0;
///     loop {
///         select!(async {
///             recv(receiver) -> n => match n {
///                 Ok(n) => sum += n,
///                 Err(_) => break sum,
///             },
///         })
///         .await
///     }
/// });
/// assert_eq!(sum, 3);
/// ```
///
/// # Cancel safety
///
/// A select does its operation in the poll that ends its wait. Dropped before, it has taken no message
/// and sent none, and what it was woken for goes to the next who waits. One that is never polled again
/// stops nobody: a notification for a select that was woken already goes on.
///
/// At a rendezvous a sender may have found a select that gives up in that moment: its message is left
/// to the next receive.
///
/// # Panics
///
/// If every guard is false and there is no `default`: nothing could ever end the wait.
///
/// ```should_panic
/// # let (_sender, receiver) = moirai_sync::channel::bounded::<u8>(1);
/// moirai_sync::select! {
///     recv(receiver) -> _, if false => {}
/// }
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
///
/// An arm that is always ready keeps those behind it from being taken.
///
/// # Examples
///
/// ```
/// use moirai_sync::{channel, select_biased};
///
/// let (stop, stopped) = channel::bounded(1);
/// let (work, jobs) = channel::bounded(1);
/// work.send("job").unwrap();
/// stop.send(()).unwrap();
/// let job = select_biased! {
///     recv(stopped) -> _ => None,
///     recv(jobs) -> job => job.ok(),
/// };
/// assert_eq!(job, None);
/// ```
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
///
/// Every arm but `default` has a weight in front, a `u32`. The weights count among the arms that are
/// ready; an arm of weight 0 is taken when no other is. Elsewhere a weight does not compile:
///
/// ```compile_fail
/// let receiver = moirai_sync::channel::never::<u8>();
/// moirai_sync::select! {
///     weight(3) => recv(receiver) -> _ => {}
///     default => {}
/// }
/// ```
///
/// # Examples
///
/// ```
/// use moirai_sync::{channel, select_weighted};
///
/// let (paid, first) = channel::unbounded();
/// let (free, second) = channel::unbounded();
/// (0..1000).for_each(|n| (paid.send(n).unwrap(), free.send(n).unwrap()).0);
/// let mut served = 0;
/// for _ in 0..1000 {
///     served += select_weighted! {
///         weight(3) => recv(first) -> _ => 1,
///         weight(1) => _ = second.recv() => 0,
///     };
/// }
/// assert!((600..900).contains(&served)); // three of four
/// ```
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
///
/// Every arm but `default` has a priority in front, an `i32`; of equal ones the first is taken. Elsewhere
/// a priority does not compile:
///
/// ```compile_fail
/// let receiver = moirai_sync::channel::never::<u8>();
/// moirai_sync::select! {
///     priority(3) => recv(receiver) -> _ => {}
///     default => {}
/// }
/// ```
///
/// # Examples
///
/// ```
/// use moirai_sync::{channel, select_priority};
///
/// let (normal, jobs) = channel::bounded(1);
/// let (urgent, alarms) = channel::bounded(1);
/// normal.send("job").unwrap();
/// urgent.send("alarm").unwrap();
/// let first = select_priority! {
///     priority(1) => job = jobs.recv() => job,
///     priority(9) => recv(alarms) -> alarm => alarm,
/// };
/// assert_eq!(first, Ok("alarm"));
/// ```
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

/// [`select!`], under the name for arms with a condition in front.
///
/// # Examples
///
/// ```
/// use moirai_sync::{channel, select_if};
///
/// let (sender, receiver) = channel::bounded(1);
/// sender.send(1).unwrap();
/// let open = true;
/// let got = select_if! {
///     if open => n = receiver.recv() => n.ok(),
///     if !open => recv(receiver) -> _ => None,
/// };
/// assert_eq!(got, Some(1));
/// ```
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
    (@arm ($strand:tt (weighted)) $arms:tt $default:tt weight($number:expr) => $($rest:tt)*) => {
        $crate::__select!(
            @operation ($strand (weighted)) $arms $default (true) (weight $number) $($rest)*
        )
    };
    (@arm ($strand:tt (priority)) $arms:tt $default:tt priority($number:expr) => $($rest:tt)*) => {
        $crate::__select!(
            @operation ($strand (priority)) $arms $default (true) (priority $number) $($rest)*
        )
    };
    (@arm $how:tt $arms:tt $default:tt weight($number:expr) => $($rest:tt)*) => {
        ::core::compile_error!("only the arms of `select_weighted!` have a weight")
    };
    (@arm $how:tt $arms:tt $default:tt priority($number:expr) => $($rest:tt)*) => {
        ::core::compile_error!("only the arms of `select_priority!` have a priority")
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
    (@run (async) (now) $arms:ident ($count:expr) ($order:expr)) => {{
        $crate::coop::consume_budget().await;
        $crate::__select_private::try_now(&$arms, &mut $order)
    }};
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
