//! Counts the keys of an RDB file while it passes. Values are stepped over, none is kept.
//!
//! The format is that of `rdb.c` of Redis up to version 8. A file with something else in it is not counted, which takes
//! nothing from the backup.

use super::steps::{Item, Step, Then, length, step_over, stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Keys of one database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// Those that stay until somebody deletes them.
    pub lasting: u64,
    /// Those that expire, or whose fields do: a server that loads them later may have fewer.
    pub passing: u64,
}

/// Keys by the number of their database; databases without a key are not in it.
pub type Databases = BTreeMap<u64, Keys>;

/// Counts what it is given, piece by piece.
pub struct Counter {
    /// Not yet understood.
    held: Vec<u8>,
    /// Backwards: the last is the next.
    steps: Vec<Step>,
    database: u64,
    passing: bool,
    ended: bool,
    known: bool,
    databases: Databases,
}

impl Counter {
    /// At the beginning of a file.
    #[must_use]
    pub fn new() -> Self {
        Self {
            held: Vec::new(),
            steps: vec![Step::Next, Step::Header],
            database: 0,
            passing: false,
            ended: false,
            known: true,
            databases: Databases::new(),
        }
    }

    /// Takes the next piece of the file.
    pub fn take(&mut self, bytes: &[u8]) {
        if !self.known || self.ended {
            return;
        }
        self.held.extend_from_slice(bytes);
        let mut at = 0;
        while self.known && !self.ended {
            let Some(step) = self.steps.pop() else { break };
            let rest = self.held.get(at..).unwrap_or_default();
            let Some(used) = step_over(step, rest) else {
                self.steps.push(step);
                break;
            };
            let bytes = rest.get(..used).unwrap_or_default().to_vec();
            at += used;
            self.after(step, &bytes);
        }
        self.held.drain(..at.min(self.held.len()));
    }

    /// The keys, once the whole file was taken; `None`, when there was something in it that is not known here.
    #[must_use]
    pub fn databases(self) -> Option<Databases> {
        (self.known && self.ended).then_some(self.databases)
    }

    fn after(&mut self, step: Step, bytes: &[u8]) {
        match step {
            Step::Header => self.known = bytes.starts_with(b"REDIS"),
            Step::Next => self.opcode(bytes.first().copied().unwrap_or_default()),
            Step::Length(then) => match length(bytes) {
                Some((value, _)) => self.told(then, value),
                None => self.known = false,
            },
            Step::Text => self.text(bytes),
            Step::Double => {
                let size = bytes.first().copied().unwrap_or_default();
                // not a number, infinite, infinite
                if size < 253 {
                    self.steps.push(Step::Skip(size.into()));
                }
            }
            Step::Skip(left) => {
                let left = left.saturating_sub(bytes.len() as u64);
                if left > 0 {
                    self.steps.push(Step::Skip(left));
                }
            }
            Step::Times(times, item) => {
                if times > 0 {
                    self.steps.push(Step::Times(times - 1, item));
                    self.item(item);
                }
            }
            Step::Module => self.then(&[Step::Length(Then::Piece)]),
        }
    }

    /// In this order.
    fn then(&mut self, steps: &[Step]) {
        self.steps.extend(steps.iter().rev());
    }

    fn told(&mut self, then: Then, value: u64) {
        match then {
            Then::Nothing => {}
            Then::Database => self.database = value,
            Then::Items(item) => self.steps.push(Step::Times(value, item)),
            Then::Packed => self.then(&[Step::Length(Then::Nothing), Step::Skip(value)]),
            Then::Piece => match value {
                0 => {}
                1 | 2 => self.then(&[Step::Length(Then::Nothing), Step::Module]),
                3 => self.then(&[Step::Skip(4), Step::Module]),
                4 => self.then(&[Step::Skip(8), Step::Module]),
                5 => self.then(&[Step::Text, Step::Module]),
                _ => self.known = false,
            },
        }
    }

    fn text(&mut self, bytes: &[u8]) {
        match (bytes.first().map(|first| (first >> 6, first & 0x3f)), length(bytes)) {
            (Some((3, kind @ 0..=2)), _) => self.steps.push(Step::Skip(1 << kind)),
            (Some((3, 3)), _) => self.steps.push(Step::Length(Then::Packed)),
            (_, Some((size, _))) => self.steps.push(Step::Skip(size)),
            (_, None) => self.known = false,
        }
    }

    fn opcode(&mut self, code: u8) {
        match code {
            0xff => self.ended = true,
            0xfe => self.then(&[Step::Length(Then::Database), Step::Next]),
            0xfb => self.then(&[Step::Length(Then::Nothing), Step::Length(Then::Nothing), Step::Next]),
            0xfa => self.then(&[Step::Text, Step::Text, Step::Next]),
            0xfd | 0xfc => {
                self.passing = true;
                self.then(&[Step::Skip(if code == 0xfd { 4 } else { 8 }), Step::Next]);
            }
            0xf9 => self.then(&[Step::Skip(1), Step::Next]),
            0xf8 => self.then(&[Step::Length(Then::Nothing), Step::Next]),
            0xf7 => self.then(&[Step::Length(Then::Nothing), Step::Module, Step::Next]),
            0xf5 => self.then(&[Step::Text, Step::Next]),
            0xf4 => {
                let number = Step::Length(Then::Nothing);
                self.then(&[number, number, number, Step::Next]);
            }
            kind => self.key(kind),
        }
    }

    /// A key and its value, of this type.
    fn key(&mut self, kind: u8) {
        let items = |item| Step::Length(Then::Items(item));
        let value: &[Step] = match kind {
            0 | 9..=13 | 16 | 17 | 20 => &[Step::Text],
            1 | 2 | 14 => &[items(Item::Text)],
            3 => &[items(Item::Scored)],
            4 => &[items(Item::TwoTexts)],
            5 => &[items(Item::ScoredBinary)],
            7 => &[Step::Length(Then::Nothing), Step::Module],
            15 => &stream(1),
            18 => &[items(Item::Node)],
            19 => &stream(2),
            21 => &stream(3),
            24 => &[Step::Skip(8), items(Item::Expiring)],
            25 => &[Step::Skip(8), Step::Text],
            _ => {
                self.known = false;
                return;
            }
        };
        self.steps.push(Step::Next);
        self.then(value);
        self.steps.push(Step::Text);
        let keys = self.databases.entry(self.database).or_default();
        if std::mem::take(&mut self.passing) || matches!(kind, 24 | 25) {
            keys.passing += 1;
        } else {
            keys.lasting += 1;
        }
    }

    fn item(&mut self, item: Item) {
        let number = Step::Length(Then::Nothing);
        let items = |item| Step::Length(Then::Items(item));
        match item {
            Item::Text => self.then(&[Step::Text]),
            Item::TwoTexts => self.then(&[Step::Text, Step::Text]),
            Item::Scored => self.then(&[Step::Text, Step::Double]),
            Item::ScoredBinary => self.then(&[Step::Text, Step::Skip(8)]),
            Item::Node => self.then(&[number, Step::Text]),
            Item::Expiring => self.then(&[number, Step::Text, Step::Text]),
            Item::Group(version) => {
                let mut steps = vec![Step::Text, number, number];
                if version >= 2 {
                    steps.push(number);
                }
                steps.extend([items(Item::Pending), items(Item::Consumer(version))]);
                self.then(&steps);
            }
            Item::Pending => self.then(&[Step::Skip(16 + 8), number]),
            Item::Consumer(version) => {
                self.then(&[Step::Text, Step::Skip(if version >= 3 { 16 } else { 8 }), items(Item::Id)]);
            }
            Item::Id => self.then(&[Step::Skip(16)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Counter, Databases, Keys};
    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    /// Two databases: a string, one that expires, a list of two, a number, a packed string; and in 5 a hash.
    const FILE: &[u8] = b"REDIS0011\xfa\x01a\x01b\xfe\x00\xfb\x05\x01\
        \x00\x01k\x03abc\
        \xfc12345678\x00\x01e\x01v\
        \x01\x01l\x02\x01x\x01y\
        \x00\x01n\xc1\x39\x30\
        \x00\x01p\xc3\x04\x0aabcd\
        \xfe\x05\xfb\x01\x00\x04\x01h\x01\x01f\x01v\xff12345678";

    fn counted(pieces: &[&[u8]]) -> Option<Databases> {
        let mut counter = Counter::new();
        pieces.iter().for_each(|piece| counter.take(piece));
        counter.databases()
    }

    #[test]
    fn keys_are_counted_by_database_and_those_that_expire_apart() {
        let expected = Databases::from([(0, Keys { lasting: 4, passing: 1 }), (5, Keys { lasting: 1, passing: 0 })]);
        assert_eq!(counted(&[FILE]), Some(expected.clone()));
        let bytes: Vec<&[u8]> = FILE.chunks(1).collect();
        assert_eq!(counted(&bytes), Some(expected));
    }

    #[test]
    fn values_of_newer_servers_are_stepped_over() {
        const EIGHT: &str = "12345678";
        const ID: &str = "1234567890123456";
        let nodes = format!("\x01\x10{ID}\x03pac\x05\x01\x02");
        let group = |entries: &str, times: &str| {
            let pending = format!("\x01{ID}{EIGHT}\x03");
            format!("\x01\x01g\x01\x02{entries}{pending}\x01\x01c{times}\x01{ID}")
        };
        let two = format!("{EIGHT}{EIGHT}");
        for (kind, value, passing) in [
            (3, "\x02\x01a\x031.5\x01b\u{7f}".to_owned() + &"n".repeat(0x7f), 0),
            (5, format!("\x01\x01a{EIGHT}"), 0),
            (7, format!("\x05\x02\x07\x05\x03abc\x04{EIGHT}\x03four\x00"), 0),
            (15, format!("{nodes}{}", group("", EIGHT)), 0),
            (16, "\x03pac".to_owned(), 0),
            (18, "\x02\x01\x01a\x02\x03pac".to_owned(), 0),
            (19, format!("{nodes}\x01\x02\x03\x04\x05{}", group("\x09", EIGHT)), 0),
            (21, format!("{nodes}\x01\x02\x03\x04\x05{}", group("\x09", &two)), 0),
            (24, format!("{EIGHT}\x02\x00\x01f\x01v\x07\x01g\x01w"), 1),
            (25, format!("{EIGHT}\x03pac"), 1),
        ] {
            let mut file = b"REDIS0012".to_vec();
            file.extend_from_slice(&[kind, 1, b'k']);
            file.extend_from_slice(value.as_bytes());
            file.extend_from_slice(b"\x00\x01z\x01v\xff12345678");
            let expected = Databases::from([(0, Keys { lasting: 2 - passing, passing })]);
            assert_eq!(counted(&[&file]), Some(expected), "type {kind}");
        }
    }

    #[test]
    fn what_is_unknown_or_half_is_not_counted() {
        assert_eq!(counted(&[&FILE[..FILE.len() - 9]]), None, "half");
        assert_eq!(counted(&[b"REDIS0011\xfe\x00\x63\x01k\x01v\xff12345678"]), None, "a type of the future");
        assert_eq!(counted(&[b"HELLO0011\xff12345678"]), None, "no file of Redis");
    }

    proptest! {
        #[test]
        fn how_the_file_is_cut_changes_nothing(cuts in prop::collection::vec(1_usize..20, 1..40)) {
            let (mut rest, mut pieces) = (FILE, Vec::new());
            for cut in cuts {
                let (piece, left) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = left;
            }
            pieces.push(rest);
            prop_assert_eq!(counted(&pieces), counted(&[FILE]));
        }

        #[test]
        fn no_bytes_make_it_panic_or_go_on_for_ever(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            counted(&[b"REDIS0011", &bytes]);
        }
    }
}
