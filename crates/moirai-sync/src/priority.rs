//! How urgent something is: one scale for tasks and for messages.

/// How urgent a task or a message is.
///
/// # Examples
///
/// ```
/// use moirai_sync::Priority;
///
/// assert!(Priority::Critical > Priority::High && Priority::Normal > Priority::Low);
/// assert_eq!(Priority::default(), Priority::Normal);
/// assert_eq!(Priority::Low as u8, 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// After everything else, but not never.
    Low = 0,
    /// What most is.
    #[default]
    Normal = 1,
    /// Before what is normal.
    High = 2,
    /// Before everything else.
    Critical = 3,
}
