//! JSON as rinit writes it: piece by piece into a buffer, with nothing that can fail.

use std::fmt::Display;

/// Writes one object, or what stands in it.
pub(crate) struct Json<'a> {
    out: &'a mut Vec<u8>,
    /// Something stands before: a comma is due.
    comma: bool,
}

impl<'a> Json<'a> {
    /// At the beginning of an object, whose brace it writes.
    pub(crate) fn object(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, comma: false }
    }

    /// The brace that closes it.
    pub(crate) fn end(self) {
        self.out.push(b'}');
    }

    fn key(&mut self, key: &str) {
        if std::mem::replace(&mut self.comma, true) {
            self.out.push(b',');
        }
        text(self.out, key);
        self.out.push(b':');
    }

    /// A string.
    pub(crate) fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        text(self.out, value);
        self
    }

    /// A string, or `null`.
    pub(crate) fn text_or_null(&mut self, key: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(key, value),
            None => self.null(key),
        }
    }

    /// Nothing.
    pub(crate) fn null(&mut self, key: &str) -> &mut Self {
        self.key(key);
        self.out.extend_from_slice(b"null");
        self
    }

    /// A number or a boolean, as it is shown.
    pub(crate) fn plain(&mut self, key: &str, value: impl Display) -> &mut Self {
        self.key(key);
        self.out.extend_from_slice(value.to_string().as_bytes());
        self
    }

    /// A number, or `null`.
    pub(crate) fn plain_or_null(&mut self, key: &str, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.plain(key, value),
            None => self.null(key),
        }
    }

    /// A list of strings.
    pub(crate) fn texts<S: AsRef<str>>(
        &mut self,
        key: &str,
        values: impl IntoIterator<Item = S>,
    ) -> &mut Self {
        self.list(key, values, |out, value| text(out, value.as_ref()))
    }

    /// A list of anything.
    pub(crate) fn list<T>(
        &mut self,
        key: &str,
        values: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Vec<u8>, T),
    ) -> &mut Self {
        self.key(key);
        self.out.push(b'[');
        for (place, value) in values.into_iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            write(self.out, value);
        }
        self.out.push(b']');
        self
    }

    /// An object in this one.
    pub(crate) fn nested(&mut self, key: &str, write: impl FnOnce(&mut Json<'_>)) -> &mut Self {
        self.key(key);
        let mut inner = Json::object(self.out);
        write(&mut inner);
        inner.end();
        self
    }

    /// A key whose list follows in pieces: the opening bracket.
    pub(crate) fn open(mut self, key: &str) {
        self.key(key);
        self.out.push(b'[');
    }
}

/// A string with its quotes. Control characters never go out as they are.
pub(crate) fn text(out: &mut Vec<u8>, value: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u32| HEX.get(nibble as usize & 15).copied().unwrap_or(b'0');
    out.push(b'"');
    for letter in value.chars() {
        match letter {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\t' => out.extend_from_slice(b"\\t"),
            _ if letter.is_control() => {
                let code = u32::from(letter);
                out.extend_from_slice(b"\\u00");
                out.extend([digit(code >> 4), digit(code)]);
            }
            _ => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_written_reads_back(words in proptest::collection::vec(any::<String>(), 0..4), number: i64) {
            let mut out = Vec::new();
            let mut json = Json::object(&mut out);
            json.texts("words", &words).plain("number", number).null("nothing");
            json.end();
            let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(read, serde_json::json!({"words": words, "number": number, "nothing": null}));
        }
    }
}
