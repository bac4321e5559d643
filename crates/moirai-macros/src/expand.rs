//! Puts the pieces together: the outer function around the one that the user wrote.
//!
//! Tokens that the user wrote keep their place, so that the compiler points at them; tokens of
//! ours point at the attribute.

use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

use crate::error::Error;
use crate::item::{self, Function};
use crate::options;

/// Which of the two attributes is being expanded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// `#[moirai::main]`
    Main,
    /// `#[moirai::test]`
    Test,
}

impl Kind {
    fn attribute(self) -> &'static str {
        match self {
            Self::Main => "moirai::main",
            Self::Test => "moirai::test",
        }
    }
}

/// The function that replaces `function`, or the complaint.
pub(crate) fn expand(kind: Kind, options: TokenStream, function: TokenStream) -> TokenStream {
    wrapped(kind, options, function).unwrap_or_else(|error| {
        let mut tokens = error.into_tokens();
        // With a `main` to go with it, the complaint is the only one.
        if matches!(kind, Kind::Main) {
            tokens.extend(code("fn main() {}"));
        }
        tokens
    })
}

fn wrapped(kind: Kind, options: TokenStream, function: TokenStream) -> Result<TokenStream, Error> {
    let Function { attributes, visibility, name, arguments, returns, body } =
        item::parse(kind.attribute(), function)?;
    let calls = options::builder_calls(options)?;
    let arguments = TokenTree::from(arguments);

    let mut inner = code("async fn");
    inner.extend([name.clone(), arguments.clone()]);
    inner.extend(returns.clone());
    inner.extend([TokenTree::from(body)]);

    inner.extend(code("::moirai::Runtime::builder()"));
    inner.extend(calls);
    inner.extend(code(
        ".build().unwrap_or_else(|error| ::core::panic!(\"cannot start the runtime: {error}\"))",
    ));
    let mut future = TokenStream::from(name.clone());
    future.extend([arguments.clone()]);
    inner.extend(code(".block_on"));
    inner.extend([TokenTree::from(Group::new(Delimiter::Parenthesis, future))]);

    let mut outer = TokenStream::new();
    if matches!(kind, Kind::Test) {
        refuse_second_test(&attributes)?;
        outer.extend(code("#[::core::prelude::v1::test]"));
    }
    outer.extend(attributes);
    outer.extend(visibility);
    outer.extend(code("fn"));
    outer.extend([name, arguments]);
    outer.extend(returns);
    outer.extend([TokenTree::from(Group::new(Delimiter::Brace, inner))]);
    Ok(outer)
}

/// A function with two test attributes would run twice, once without a runtime.
fn refuse_second_test(attributes: &TokenStream) -> Result<(), Error> {
    for token in attributes.clone() {
        let TokenTree::Group(group) = &token else { continue };
        let tokens: Vec<_> = group.stream().into_iter().collect();
        if let [word] = tokens.as_slice()
            && word.to_string() == "test"
        {
            let message = "`#[moirai::test]` makes this a test already: remove `#[test]`";
            return Err(Error::new(word.span(), message));
        }
    }
    Ok(())
}

/// Code of ours, as tokens at the attribute.
fn code(text: &str) -> TokenStream {
    text.parse().unwrap_or_else(|_| unreachable!("`{text}` is written here and is Rust"))
}
