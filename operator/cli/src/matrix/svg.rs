//! The picture as SVG, inside a page.

use super::html::escape;
use super::picture::{Edge, Graph, LETTER, Line, Picture, Place, draw, label};
use std::fmt::Write;

/// One picture. `id` tells its names from those of others on the page.
#[must_use]
pub fn svg(graph: &Graph, id: &str) -> String {
    let picture = draw(graph);
    let (w, h) = (picture.width, picture.height);
    let mut text = format!(
        "<svg viewBox=\"0 0 {w:.0} {h:.0}\" role=\"img\" aria-label=\"zones, containers and flows\">\n<defs>{}</defs>\n",
        markers(id)
    );
    groups(&mut text, &picture);
    text.push_str("<g class=\"flows\">\n");
    for (edge, line) in graph.edges.iter().zip(&picture.lines) {
        flow(&mut text, graph, edge, line, id);
    }
    text.push_str("</g>\n");
    for (index, (node, place)) in graph.nodes.iter().zip(&picture.nodes).enumerate() {
        let kind = if node.kind == super::picture::Kind::Outside { "node outsider" } else { "node" };
        let name = escape(&node.name);
        let _ = write!(
            text,
            "<g class=\"{kind}\" tabindex=\"0\" data-node=\"{index}\" data-name=\"{name}\"><title>{name} {}</title>{}",
            escape(&node.detail),
            rect(place, 6.0)
        );
        let middle = place.x + place.w / 2.0;
        written(&mut text, middle, place.y + 18.0, "name", &label(&node.name));
        written(&mut text, middle, place.y + 33.0, "detail", &label(&node.detail));
        text.push_str("</g>\n");
    }
    text.push_str("</svg>\n");
    text
}

fn markers(id: &str) -> String {
    let one = |kind: &str| {
        format!(
            "<marker id=\"{id}-{kind}\" class=\"tip {kind}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
             markerHeight=\"7\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\"/></marker>"
        )
    };
    ["pass", "deny"].map(one).concat()
}

fn groups(text: &mut String, picture: &Picture) {
    for group in &picture.groups {
        let kind = if group.outside { "zone outside" } else { "zone" };
        let _ = write!(text, "<g class=\"{kind}\">{}", rect(&group.place, 10.0));
        let title = label(&group.title);
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
            group.place.x + 14.0,
            group.place.y + 18.0,
            escape(&title)
        );
    }
}

fn flow(text: &mut String, graph: &Graph, edge: &Edge, line: &Line, id: &str) {
    let Line { from, first, second, to } = line;
    let mut classes = vec!["flow"];
    classes.extend((!edge.passes).then_some("deny"));
    classes.extend(edge.derived.then_some("derived"));
    classes.extend((edge.broad && !edge.derived).then_some("broad"));
    let name = |node: usize| graph.nodes.get(node).map(|node| escape(&node.name)).unwrap_or_default();
    let verb = if edge.passes { "to" } else { "not to" };
    let told = format!(
        "{} {verb} {}: {} ({})",
        name(edge.from),
        name(edge.to),
        escape(&edge.ports.join(", ")),
        escape(&edge.rules.join(", "))
    );
    let kind = if edge.passes { "pass" } else { "deny" };
    let _ = writeln!(
        text,
        "<path class=\"{}\" data-from=\"{}\" data-to=\"{}\" marker-end=\"url(#{id}-{kind})\" d=\"M{:.1} {:.1}C{:.1} {:.1} {:.1} \
         {:.1} {:.1} {:.1}\"><title>{told}</title></path>",
        classes.join(" "),
        edge.from,
        edge.to,
        from.0,
        from.1,
        first.0,
        first.1,
        second.0,
        second.1,
        to.0,
        to.1
    );
}

fn rect(place: &Place, radius: f64) -> String {
    let Place { x, y, w, h } = place;
    format!("<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"{radius:.0}\"/>")
}

/// A label in the middle of `x`. Its length is said, so that it fits whatever the font.
fn written(text: &mut String, x: f64, y: f64, class: &str, label: &str) {
    if label.is_empty() {
        return;
    }
    let letters = f64::from(u32::try_from(label.chars().count()).unwrap_or(u32::MAX));
    let size = if class == "name" { LETTER } else { LETTER * 10.0 / 12.0 };
    let _ = write!(
        text,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{:.1}\" lengthAdjust=\"spacingAndGlyphs\">{}</text>",
        letters * size,
        escape(label)
    );
}
