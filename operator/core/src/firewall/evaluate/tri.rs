//! Yes, no, or not to be said.

/// Whether something matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tri {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It cannot be said, because of this.
    Unknown(String),
}

impl From<bool> for Tri {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl Tri {
    /// Both hold.
    pub fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Yes => other(),
            Self::No => Self::No,
            Self::Unknown(why) => match other() {
                Self::No => Self::No,
                Self::Yes | Self::Unknown(_) => Self::Unknown(why),
            },
        }
    }

    /// One of them holds.
    pub fn any(of: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::No;
        for one in of {
            match one {
                Self::Yes => return Self::Yes,
                Self::No => {}
                Self::Unknown(why) => all = Self::Unknown(why),
            }
        }
        all
    }
}
