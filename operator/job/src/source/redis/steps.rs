//! The pieces that an RDB file is made of, and how many bytes each takes.

/// What comes next in the file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// The word REDIS and the version.
    Header,
    /// An opcode, or the type of a value.
    Next,
    /// A length.
    Length(Then),
    /// A string.
    Text,
    /// A number as text, whose length byte has its own meaning above 252.
    Double,
    /// So many bytes.
    Skip(u64),
    /// An item so many times.
    Times(u64, Item),
    /// The value of a module, up to its end.
    Module,
}

/// What a length is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// Nothing to us.
    Nothing,
    /// It is the database of the keys that follow.
    Database,
    /// So many items follow.
    Items(Item),
    /// A compressed string: the length once it is unpacked comes first, then so many bytes.
    Packed,
    /// The kind of a module's next piece.
    Piece,
}

/// What a value is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    Text,
    TwoTexts,
    /// Member of a sorted set, with the score as text.
    Scored,
    /// The same with the score in eight bytes.
    ScoredBinary,
    /// Node of a list: a number and a string.
    Node,
    /// Field of a hash, with when it expires.
    Expiring,
    /// Group of consumers of a stream, in this version of its type.
    Group(u8),
    /// Entry that was not acknowledged.
    Pending,
    /// Consumer of a stream, in this version of its type.
    Consumer(u8),
    /// Id of an entry.
    Id,
}

/// A stream: its nodes, three numbers, five more since version 2, its groups.
pub(super) const fn stream(version: u8) -> [Step; 10] {
    const NUMBER: Step = Step::Length(Then::Nothing);
    // of version 1 there is nothing in their place
    const NONE: Step = Step::Skip(0);
    let more = if version >= 2 { NUMBER } else { NONE };
    [
        Step::Length(Then::Items(Item::TwoTexts)),
        NUMBER,
        NUMBER,
        NUMBER,
        more,
        more,
        more,
        more,
        more,
        Step::Length(Then::Items(Item::Group(version))),
    ]
}

/// How many of these bytes a step takes; `None`: it has to see more of them first.
pub(super) fn step_over(step: Step, bytes: &[u8]) -> Option<usize> {
    match step {
        Step::Header => (bytes.len() >= 9).then_some(9),
        Step::Next | Step::Double => (!bytes.is_empty()).then_some(1),
        Step::Length(_) => {
            let wanted = wanted(*bytes.first()?);
            (bytes.len() >= wanted).then_some(wanted)
        }
        Step::Text => {
            let first = *bytes.first()?;
            let wanted = if first >> 6 == 3 { 1 } else { wanted(first) };
            (bytes.len() >= wanted).then_some(wanted)
        }
        Step::Skip(0) | Step::Times(..) | Step::Module => Some(0),
        Step::Skip(left) => {
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            (here > 0).then_some(here)
        }
    }
}

/// Bytes of a length that begins so.
const fn wanted(first: u8) -> usize {
    match first >> 6 {
        1 => 2,
        2 if first == 0x80 => 5,
        2 => 9,
        _ => 1,
    }
}

/// A length, and how many bytes it took.
pub(super) fn length(bytes: &[u8]) -> Option<(u64, usize)> {
    let (first, rest) = bytes.split_first()?;
    let big = |bytes: &[u8]| bytes.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    match (first >> 6, first) {
        (0, _) => Some((u64::from(*first), 1)),
        (1, _) => Some((u64::from(first & 0x3f) << 8 | u64::from(*rest.first()?), 2)),
        (2, 0x80) => Some((big(rest.get(..4)?), 5)),
        (2, 0x81) => Some((big(rest.get(..8)?), 9)),
        _ => None,
    }
}
