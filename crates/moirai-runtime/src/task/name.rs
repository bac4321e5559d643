//! What a spawner calls its task.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use moirai_sync::__prim::Mutex;

/// A task's name. One that is written in the program is kept for ever, once, so that it can be read
/// when the task is gone.
#[derive(Debug)]
pub(super) struct Name {
    text: Cow<'static, str>,
    kept: Option<&'static &'static str>,
}

impl Name {
    pub(super) fn new(text: Cow<'static, str>) -> Self {
        let kept = match text {
            Cow::Borrowed(text) => Some(keep(text)),
            Cow::Owned(_) => None,
        };
        Self { text, kept }
    }

    pub(super) fn text(&self) -> &Cow<'static, str> {
        &self.text
    }

    pub(super) fn kept(&self) -> Option<&'static &'static str> {
        self.kept
    }
}

/// The one copy of a word that points to `text`. There are as many as the program has names.
fn keep(text: &'static str) -> &'static &'static str {
    static KEPT: OnceLock<Mutex<BTreeMap<&'static str, &'static &'static str>>> = OnceLock::new();
    let mut kept = KEPT.get_or_init(|| Mutex::new(BTreeMap::new())).lock();
    kept.entry(text).or_insert_with(|| Box::leak(Box::new(text)))
}
