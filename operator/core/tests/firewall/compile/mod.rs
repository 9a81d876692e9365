//! What rules and containers compile to.

mod bad;
mod fixture;
mod guests;
mod merging;
mod naive;
mod order;
mod peers;
mod properties;
mod reports;
mod size;
mod ways;
