//! The matrix as a graph with places on a page: zones are boxes, containers nodes in them, flows lines between them. All
//! lengths are in pixels; the writing is monospaced, so that the width of a label is known.

mod graph;
mod layout;

pub use graph::{Edge, Graph, Kind, Node, graph};
pub use layout::{Line, Picture, Place, draw};

/// Width of a letter of the labels, at their size of 12 pixels.
pub const LETTER: f64 = 7.3;
/// Longest label; a longer name is cut, and whole in its tooltip.
pub const LONGEST: usize = 30;

/// A label of at most [`LONGEST`] letters.
#[must_use]
pub fn label(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(std::iter::once('…')).collect()
}
