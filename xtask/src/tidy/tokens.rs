//! Code as a list of names and punctuation. Knows attributes and where an item ends, because
//! several rules skip over both; knows nothing else of the grammar.

use std::ops::Range;

/// A name, a number, `::`, or one character of punctuation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// The token as written.
    pub(crate) text: &'a str,
    /// Its line, counted from 1.
    pub(crate) line: usize,
    /// Where it starts, in bytes.
    pub(crate) offset: usize,
}

impl Token<'_> {
    /// Whether this is a name or a keyword.
    pub(crate) fn is_word(&self) -> bool {
        self.text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
    }
}

/// The tokens of `code`, which must be ASCII without comments and literals.
pub(crate) fn of(code: &str) -> Vec<Token<'_>> {
    let bytes = code.as_bytes();
    let in_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let (mut tokens, mut line, mut offset) = (Vec::new(), 1, 0);
    while offset < bytes.len() {
        let byte = bytes[offset];
        if byte.is_ascii_whitespace() {
            line += usize::from(byte == b'\n');
            offset += 1;
            continue;
        }
        let length = if in_word(byte) {
            bytes[offset..].iter().take_while(|&&byte| in_word(byte)).count()
        } else if code[offset..].starts_with("::") {
            2
        } else {
            1
        };
        tokens.push(Token { text: &code[offset..offset + length], line, offset });
        offset += length;
    }
    tokens
}

/// An attribute: the tokens between its brackets, and the index after it.
pub(crate) struct Attribute {
    /// `#![..]` rather than `#[..]`.
    pub(crate) inner: bool,
    /// The tokens between the brackets.
    pub(crate) body: Range<usize>,
    /// The index of the first token after it.
    pub(crate) end: usize,
}

/// The attribute that starts at `index`, if one does.
pub(crate) fn attribute_at(tokens: &[Token<'_>], index: usize) -> Option<Attribute> {
    let text = |at: usize| tokens.get(at).map(|token| token.text);
    if text(index) != Some("#") {
        return None;
    }
    let inner = text(index + 1) == Some("!");
    let open = index + 1 + usize::from(inner);
    if text(open) != Some("[") {
        return None;
    }
    let end = group_end(tokens, open);
    Some(Attribute { inner, body: open + 1..end.saturating_sub(1), end })
}

/// The index after the group that opens at `open`, or the end of the file.
pub(crate) fn group_end(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// The index after the item that starts at `index`, further attributes included: after its `;`, or
/// after its braces.
pub(crate) fn item_end(tokens: &[Token<'_>], mut index: usize) -> usize {
    while let Some(attribute) = attribute_at(tokens, index) {
        index = attribute.end;
    }
    while let Some(token) = tokens.get(index) {
        match token.text {
            ";" => return index + 1,
            "{" => return group_end(tokens, index),
            "(" | "[" => index = group_end(tokens, index),
            _ => index += 1,
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_carry_their_line_and_offset() {
        let tokens = of("a::b\n  {c_1}");
        let seen: Vec<_> = tokens.iter().map(|t| (t.text, t.line, t.offset)).collect();
        let expected =
            [("a", 1, 0), ("::", 1, 1), ("b", 1, 3), ("{", 2, 7), ("c_1", 2, 8), ("}", 2, 11)];
        assert_eq!(seen, expected);
    }

    #[test]
    fn an_item_ends_after_its_body_or_semicolon() {
        for (code, expected) in [
            ("use a ; b", 3),
            ("fn f ( ) { { } } b", 8),
            ("# [ a ] static X : [ u8 ; 3 ] = y ; b", 15),
        ] {
            assert_eq!(item_end(&of(code), 0), expected, "{code}");
        }
    }
}
