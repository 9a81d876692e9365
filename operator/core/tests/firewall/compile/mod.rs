//! What rules and containers compile to.

mod agreement;
mod bad;
mod fixture;
mod guests;
mod matrix;
mod merging;
mod naive;
mod order;
mod peers;
mod properties;
mod reports;
mod size;
mod ways;
