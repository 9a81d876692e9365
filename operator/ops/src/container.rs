//! One container: `observe` (what is there), `act` (carry a plan out).

pub mod act;
mod history;
pub mod known;
pub mod observe;
