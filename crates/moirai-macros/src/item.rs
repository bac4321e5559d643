//! Takes an `async fn` apart, just as far as needed to wrap it.
//!
//! Knows the order of a function's parts: attributes, visibility, qualifiers, `fn`, name,
//! arguments, return type, body. Must never look inside the return type or the body.

use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree};

use crate::error::Error;

/// An `async fn` without generics and arguments.
#[derive(Debug)]
pub(crate) struct Function {
    /// The attributes, doc comments included.
    pub(crate) attributes: TokenStream,
    /// `pub`, `pub(crate)` or nothing.
    pub(crate) visibility: TokenStream,
    /// The name.
    pub(crate) name: TokenTree,
    /// The empty parentheses after the name.
    pub(crate) arguments: Group,
    /// `-> R`, or nothing.
    pub(crate) returns: TokenStream,
    /// The braces and what is in them.
    pub(crate) body: Group,
}

/// Takes `tokens` apart. `attribute` is how the caller's attribute is called, for messages.
pub(crate) fn parse(attribute: &str, tokens: TokenStream) -> Result<Function, Error> {
    let mut tokens = tokens.into_iter().peekable();
    let mut attributes = TokenStream::new();
    while let Some(hash) = tokens.next_if(|token| is_punct(token, '#')) {
        attributes.extend([hash]);
        attributes.extend(tokens.next());
    }
    let mut visibility = TokenStream::new();
    if let Some(word) = tokens.next_if(|token| is_word(token, "pub")) {
        visibility.extend([word]);
        visibility.extend(tokens.next_if(|token| is_group(token, Delimiter::Parenthesis)));
    } else if let Some(fragment) = tokens.next_if(|token| is_group(token, Delimiter::None)) {
        visibility.extend([fragment]); // `$vis` of a `macro_rules!`
    }
    match tokens.next() {
        Some(token) if is_word(&token, "async") => {}
        Some(token) => return Err(not_async(attribute, &token)),
        None => return Err(Error::new(Span::call_site(), expected_function(attribute))),
    }
    match tokens.next() {
        Some(token) if is_word(&token, "fn") => {}
        other => {
            return Err(Error::new(span(other.as_ref()), expected_function(attribute)));
        }
    }
    let Some(name @ TokenTree::Ident(_)) = tokens.next() else {
        return Err(Error::new(Span::call_site(), expected_function(attribute)));
    };
    let arguments = match tokens.next() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => group,
        other => {
            let message = format!("a function under `#[{attribute}]` cannot be generic");
            return Err(Error::new(span(other.as_ref()), message));
        }
    };
    if let Some(first) = arguments.stream().into_iter().next() {
        let message = format!("a function under `#[{attribute}]` takes no arguments");
        return Err(Error::new(first.span(), message));
    }
    let (mut returns, mut last) = (TokenStream::new(), None);
    for token in tokens {
        if is_word(&token, "where") {
            let message = format!("a function under `#[{attribute}]` cannot be generic");
            return Err(Error::new(token.span(), message));
        }
        returns.extend(last.replace(token));
    }
    match last {
        Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => {
            Ok(Function { attributes, visibility, name, arguments, returns, body })
        }
        other => Err(Error::new(span(other.as_ref()), "expected the function's body in braces")),
    }
}

fn expected_function(attribute: &str) -> String {
    format!("`#[{attribute}]` belongs on an `async fn`")
}

/// A complaint about what stands where `async` should: `fn`, or something that is no function.
fn not_async(attribute: &str, found: &TokenTree) -> Error {
    let message = match found.to_string().as_str() {
        "fn" => format!("a function under `#[{attribute}]` must be async: write `async fn`"),
        word @ ("const" | "unsafe" | "extern") => {
            format!("a function under `#[{attribute}]` cannot be `{word}`")
        }
        _ => expected_function(attribute),
    };
    Error::new(found.span(), message)
}

fn span(token: Option<&TokenTree>) -> Span {
    token.map_or_else(Span::call_site, TokenTree::span)
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident.to_string() == word)
}

fn is_punct(token: &TokenTree, letter: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == letter)
}

fn is_group(token: &TokenTree, delimiter: Delimiter) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == delimiter)
}
