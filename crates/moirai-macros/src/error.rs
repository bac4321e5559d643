//! A complaint and the tokens it is about. Knows nothing of functions or options.

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// What is wrong, and where.
#[derive(Debug)]
pub(crate) struct Error {
    span: Span,
    message: String,
}

impl Error {
    /// A complaint about the token at `span`.
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into() }
    }

    /// `::core::compile_error! { "message" }`, every token of it at the place in question.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let Self { span, message } = self;
        let punct = |letter, spacing| {
            let mut punct = Punct::new(letter, spacing);
            punct.set_span(span);
            TokenTree::from(punct)
        };
        let word = |name| TokenTree::from(Ident::new(name, span));
        let mut literal = Literal::string(&message);
        literal.set_span(span);
        let mut group = Group::new(Delimiter::Brace, TokenTree::from(literal).into());
        group.set_span(span);
        [
            punct(':', Spacing::Joint),
            punct(':', Spacing::Alone),
            word("core"),
            punct(':', Spacing::Joint),
            punct(':', Spacing::Alone),
            word("compile_error"),
            punct('!', Spacing::Alone),
            group.into(),
        ]
        .into_iter()
        .collect()
    }
}
