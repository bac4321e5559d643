//! The progress bar. Counts input bytes; knows nothing of chunks.

use crate::args::ProgressWhen;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike, WeakProgressBar};
use std::io::{self, IsTerminal, Write};
use std::thread;
use std::time::Duration;

/// How far a run is. Clones show the same bar.
#[derive(Clone, Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that is never shown.
    #[must_use]
    pub fn hidden() -> Self {
        Self { bar: ProgressBar::hidden() }
    }

    /// A bar on standard error for `len` bytes, or for a stream of unknown length.
    #[must_use]
    pub fn new(when: ProgressWhen, label: &'static str, len: Option<u64>) -> Self {
        let target = match when {
            ProgressWhen::Never => return Self::hidden(),
            ProgressWhen::Auto if !io::stderr().is_terminal() => return Self::hidden(),
            ProgressWhen::Auto => ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND),
            ProgressWhen::Always if io::stderr().is_terminal() => {
                ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND)
            }
            ProgressWhen::Always => ProgressDrawTarget::term_like(Box::new(PlainStderr)),
        };
        let bar = ProgressBar::with_draw_target(len, target).with_message(label);
        let template = if len.is_some() { TEMPLATE } else { TEMPLATE_STREAM };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        tick(bar.downgrade());
        Self { bar }
    }

    /// Says that `bytes` bytes of the input have been dealt with in all.
    pub fn set(&self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    /// Takes the bar away, so that what is printed next stands alone.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Moves the spinner while nothing is read. The bar's own ticker would panic where no thread is to be had;
/// without one, the bar moves only when something is read.
fn tick(bar: WeakProgressBar) {
    let ticker = thread::Builder::new().name("progress".to_owned());
    let _ = ticker.spawn(move || {
        while let Some(bar) = bar.upgrade().filter(|bar| !bar.is_finished()) {
            bar.tick();
            drop(bar);
            thread::sleep(TICK);
        }
    });
}

/// Standard error where it is no terminal: one line per draw, no cursor movement.
#[derive(Debug)]
struct PlainStderr;

impl TermLike for PlainStderr {
    fn width(&self) -> u16 {
        PLAIN_COLUMNS
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{}", text.trim_end())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        match text.trim() {
            "" => Ok(()),
            text => writeln!(io::stderr(), "{text}"),
        }
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        io::stderr().flush()
    }
}

const TEMPLATE: &str = "{msg} [{bar:24}] {percent:>3}%  {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta} left";
const TEMPLATE_STREAM: &str = "{msg} {spinner} {binary_bytes}  {binary_bytes_per_sec}  {elapsed}";
const DRAWS_PER_SECOND: u8 = 10;
const TICK: Duration = Duration::from_millis(250);
const PLAIN_COLUMNS: u16 = 100;
