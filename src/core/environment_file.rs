//! The text of an `environment-file` (`systemd.exec(5)`, EnvironmentFile=): `NAME=value`
//! lines, quotes, a backslash that continues a line, comments from `#` or `;`.

/// The variables in their order. A line that is none is passed over, as systemd does.
#[must_use]
pub fn parse(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut bytes = text.iter().copied().peekable();
    let mut found = Vec::new();
    while bytes.peek().is_some() {
        let mut line = Line { bytes: &mut bytes };
        found.extend(line.variable());
    }
    found
}

struct Line<'a, I: Iterator<Item = u8>> {
    bytes: &'a mut std::iter::Peekable<I>,
}

impl<I: Iterator<Item = u8>> Line<'_, I> {
    fn variable(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        while self
            .bytes
            .next_if(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
            .is_some()
        {}
        if matches!(self.bytes.peek(), Some(b'#' | b';')) {
            self.skip();
            return None;
        }
        let mut name = Vec::new();
        loop {
            match self.bytes.next() {
                Some(b'=') => break,
                None | Some(b'\n') => return None,
                Some(byte) => name.push(byte),
            }
        }
        let value = self.value();
        let name = name.trim_ascii_end();
        let name = name.strip_prefix(b"export ").unwrap_or(name).trim_ascii();
        is_name(name).then(|| (name.to_vec(), value))
    }

    /// A comment, whose last backslash continues it.
    fn skip(&mut self) {
        while let Some(byte) = self.bytes.next() {
            match byte {
                b'\\' => drop(self.bytes.next()),
                b'\n' => return,
                _ => {}
            }
        }
    }

    /// Quotes are some at its beginning, and behind one that was closed; what stands between
    /// those is dropped. Elsewhere they are letters, for whoever takes the value apart.
    fn value(&mut self) -> Vec<u8> {
        let mut value = Vec::new();
        // Blanks at the end that no quote or backslash protects are dropped.
        let mut kept = 0;
        let mut begins = true;
        while let Some(byte) = self.bytes.next() {
            match byte {
                b'\n' => break,
                b' ' | b'\t' | b'\r' => {
                    if !begins {
                        value.push(byte);
                    }
                    continue;
                }
                b'\'' if begins => {
                    while let Some(byte) = self.bytes.next().filter(|byte| *byte != b'\'') {
                        value.push(byte);
                    }
                }
                b'"' if begins => self.double_quoted(&mut value),
                b'\\' => {
                    begins = false;
                    value.extend(self.bytes.next().filter(|byte| *byte != b'\n'));
                }
                _ => {
                    begins = false;
                    value.push(byte);
                }
            }
            kept = value.len();
        }
        value.truncate(kept);
        value
    }

    fn double_quoted(&mut self, value: &mut Vec<u8>) {
        while let Some(byte) = self.bytes.next() {
            match byte {
                b'"' => return,
                b'\\' => match self.bytes.next() {
                    None => return,
                    Some(b'\n') => {}
                    Some(byte @ (b'"' | b'\\' | b'`' | b'$')) => value.push(byte),
                    Some(byte) => value.extend([b'\\', byte]),
                },
                _ => value.push(byte),
            }
        }
    }
}

fn is_name(name: &[u8]) -> bool {
    let first = name
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    first
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let text_of = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        parse(text.as_bytes())
            .into_iter()
            .map(|(name, value)| (text_of(name), text_of(value)))
            .collect()
    }

    fn one(text: &str) -> String {
        let mut found = read(text);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0).1
    }

    #[test]
    fn comments_empty_lines_and_lines_without_a_name_are_passed_over() {
        let text = "# a=1\n; b=2\n\n  # c=3\nd\n1e=5\nf=6\n#g \\\nh=7\n";
        assert_eq!(read(text), [("f".into(), "6".into())]);
    }

    #[test]
    fn blanks_at_both_ends_go_but_quoted_ones_stay() {
        assert_eq!(one("a =  b c  \n"), "b c");
        assert_eq!(one("a=' b '\n"), " b ");
        assert_eq!(one("a=\" b \" \n"), " b ");
        assert_eq!(one("a=b\\ \n"), "b ");
    }

    #[test]
    fn quotes_span_lines_and_a_backslash_continues_one() {
        assert_eq!(one("a='x\ny'\n"), "x\ny");
        assert_eq!(one("a=x\\\ny\n"), "xy");
        assert_eq!(one("a=\"x\\\ny\"\n"), "xy");
    }

    #[test]
    fn a_quote_inside_a_value_is_its_own() {
        assert_eq!(one("a=-x \"b c\" 'd'\n"), "-x \"b c\" 'd'");
        assert_eq!(one("a=\"b\" c \"d\"\n"), "bc \"d\"");
        assert_eq!(one("a='b' \"c\"\n"), "bc");
        assert_eq!(one("a=\\ 'b'\n"), " 'b'");
    }

    #[test]
    fn in_double_quotes_a_backslash_protects_only_what_a_shell_would_read() {
        assert_eq!(one(r#"a="\"\\\$\n""#), r#""\$\n"#);
        assert_eq!(one(r"a='\n'"), r"\n");
    }

    #[test]
    fn an_exported_variable_is_one() {
        assert_eq!(read("export A=b\n"), [("A".into(), "b".into())]);
    }

    #[test]
    fn what_is_not_closed_ends_with_the_file() {
        assert_eq!(one("a='b"), "b");
        assert_eq!(one("a=\"b\\"), "b");
        assert_eq!(one("a=b\\"), "b");
    }
}
