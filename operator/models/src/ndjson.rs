//! A stream of lines, limited in the length of one and in all.

/// Cuts a stream into lines, wherever its parts begin and end. The last line needs no line end; empty lines are none.
#[derive(Debug)]
pub struct Lines {
    longest: usize,
    most: usize,
    seen: usize,
    part: Vec<u8>,
}

/// The stream is none of lines of a sane size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooLong {
    /// A line is longer than that many bytes.
    Line(usize),
    /// All of it is longer than that many bytes.
    All(usize),
}

impl Lines {
    /// Lines of at most `longest` bytes, and at most `most` bytes in all.
    #[must_use]
    pub fn new(longest: usize, most: usize) -> Self {
        Self { longest, most, seen: 0, part: Vec::new() }
    }

    /// Takes what has come, and gives the lines that are whole now.
    ///
    /// # Errors
    /// [`TooLong`]. The stream is of no use then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        self.seen = self.seen.saturating_add(bytes.len());
        if self.seen > self.most {
            return Err(TooLong::All(self.most));
        }
        let mut whole = Vec::new();
        let mut pieces = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            if self.part.len() + piece.len() > self.longest {
                return Err(TooLong::Line(self.longest));
            }
            self.part.extend_from_slice(piece);
            // the last piece has no line end yet
            if pieces.peek().is_some() {
                whole.extend(self.take());
            }
        }
        Ok(whole)
    }

    /// The last line, if it had no line end.
    pub fn end(&mut self) -> Option<Vec<u8>> {
        self.take()
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.part);
        let line = line.trim_ascii();
        (!line.is_empty()).then(|| line.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(parts: &[&[u8]]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut lines = Lines::new(64, 4096);
        let mut all = Vec::new();
        for part in parts {
            all.extend(lines.push(part)?);
        }
        all.extend(lines.end());
        Ok(all)
    }

    #[test]
    fn a_line_is_a_line_with_and_without_its_end() {
        for text in ["a\nbc\n", "a\nbc", "\n\na\r\n\nbc\r\n", " a \n\tbc\n  \n"] {
            assert_eq!(read(&[text.as_bytes()]), Ok(vec![b"a".to_vec(), b"bc".to_vec()]), "{text:?}");
        }
        assert_eq!(read(&[]), Ok(vec![]));
    }

    #[test]
    fn a_giant_line_and_an_endless_body_end_the_reading() {
        assert_eq!(read(&[&[b'x'; 65]]), Err(TooLong::Line(64)));
        assert_eq!(read(&[&[b'x'; 60], &[b'x'; 5]]), Err(TooLong::Line(64)));
        assert_eq!(read(&vec![b"1234567\n".as_slice(); 513]), Err(TooLong::All(4096)));
    }

    proptest! {
        #[test]
        fn where_the_parts_of_a_stream_begin_makes_no_difference(
            text in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..300),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            at.sort_unstable();
            let mut parts = Vec::new();
            let mut from = 0;
            for to in at {
                parts.push(&text[from..to]);
                from = to;
            }
            parts.push(&text[from..]);
            prop_assert_eq!(read(&parts), read(&[&text]));
        }

        #[test]
        fn no_more_is_held_than_one_line(text in prop::collection::vec(any::<u8>(), 0..5000), size in 1_usize..100) {
            let mut lines = Lines::new(64, 4096);
            for part in text.chunks(size) {
                if lines.push(part).is_err() {
                    break;
                }
                prop_assert!(lines.part.len() <= 64);
            }
        }
    }
}
