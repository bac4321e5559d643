//! The arguments of the attribute: `name = value`, separated by commas.
//!
//! Each option is a method of the runtime's builder with the same name; the value is handed on as
//! written, so that a value of the wrong type is the compiler's complaint at the value.

use proc_macro::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};

use crate::error::Error;

/// Turns `name = value, ..` into the calls `.name(value) ..`.
pub(crate) fn builder_calls(options: TokenStream) -> Result<TokenStream, Error> {
    let mut calls = TokenStream::new();
    let mut seen: Vec<String> = Vec::new();
    let mut tokens = options.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let TokenTree::Ident(name) = token else {
            return Err(Error::new(token.span(), format!("expected an option: {}", known())));
        };
        check_name(&name, &seen)?;
        seen.push(name.to_string());
        match tokens.next() {
            Some(TokenTree::Punct(punct)) if punct.as_char() == '=' => {}
            _ => return Err(Error::new(name.span(), format!("write `{name} = value`"))),
        }
        let mut value = TokenStream::new();
        while let Some(token) = tokens.next_if(|token| !is_comma(token)) {
            value.extend([token]);
        }
        tokens.next();
        if value.is_empty() {
            return Err(Error::new(name.span(), format!("write `{name} = value`")));
        }
        calls.extend(call(name, value));
    }
    Ok(calls)
}

fn check_name(name: &Ident, seen: &[String]) -> Result<(), Error> {
    let text = name.to_string();
    if !OPTIONS.contains(&text.as_str()) {
        let message = format!("no option is called `{text}`; known: {}", known());
        return Err(Error::new(name.span(), message));
    }
    if seen.contains(&text) {
        return Err(Error::new(name.span(), format!("`{text}` is given twice")));
    }
    Ok(())
}

fn known() -> String {
    OPTIONS.map(|option| format!("`{option}`")).join(", ")
}

fn call(name: Ident, value: TokenStream) -> [TokenTree; 3] {
    let dot = Punct::new('.', Spacing::Alone);
    let mut arguments = Group::new(Delimiter::Parenthesis, value.clone());
    arguments.set_span(value.into_iter().next().map_or_else(Span::call_site, |v| v.span()));
    [dot.into(), name.into(), arguments.into()]
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

const OPTIONS: [&str; 1] = ["worker_threads"];
