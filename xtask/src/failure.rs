//! How a command fails. Knows no command.

/// Why a command did not succeed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The command line makes no sense: the usage is printed, the exit code is 2.
    Usage(String),
    /// The command ran and something is wrong: the exit code is 1.
    Failed(String),
}

impl Failure {
    /// The error of `command` for an argument that it does not take.
    pub(crate) fn unexpected(command: &str, arg: &str) -> Self {
        let kind = if arg.starts_with('-') { "flag" } else { "argument" };
        Self::Usage(format!("`{command}` has no {kind} `{arg}`"))
    }
}

/// Refuses every argument, for commands that take none.
pub(crate) fn no_arguments(command: &str, args: &[String]) -> Result<(), Failure> {
    args.first().map_or(Ok(()), |arg| Err(Failure::unexpected(command, arg)))
}
