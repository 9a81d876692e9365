//! Facts: what is known, and what could not be found out.

/// Something that was asked for. A failed question is never an answer: absence needs its own proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact<T> {
    /// The answer.
    Known(T),
    /// No answer, and why.
    Unknown(String),
}

impl<T> Fact<T> {
    /// The answer, where there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}
