//! Places on the page: outsiders above, below them the zones in rows, those nearest to the outside first.

use super::graph::{Graph, Kind, Node};
use super::{LETTER, label};
use std::collections::BTreeMap;

const MARGIN: f64 = 24.0;
const NODE_HEIGHT: f64 = 42.0;
const NODE_GAP: f64 = 22.0;
/// Between the rows of a zone, and between rows of zones: lines run there.
const ROW_GAP: f64 = 58.0;
const ZONE_GAP: f64 = 84.0;
const ZONE_PADDING: f64 = 16.0;
const ZONE_TITLE: f64 = 26.0;
/// Rows get no wider, unless one zone is.
const PAGE: f64 = 1240.0;
/// Most nodes beside each other in a zone.
const ABREAST: usize = 6;

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// Left.
    pub x: f64,
    /// Top.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

/// A box around nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its title.
    pub title: String,
    /// Where.
    pub place: Place,
    /// Its nodes.
    pub members: Vec<usize>,
    /// Whether it is around outsiders.
    pub outside: bool,
}

/// A line from one node's edge to another's: a cubic curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Start.
    pub from: (f64, f64),
    /// Its handle.
    pub first: (f64, f64),
    /// The handle of the end.
    pub second: (f64, f64),
    /// End.
    pub to: (f64, f64),
}

/// All places.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Width of the page.
    pub width: f64,
    /// Height of the page.
    pub height: f64,
    /// Boxes.
    pub groups: Vec<Group>,
    /// Places of the nodes, in their order.
    pub nodes: Vec<Place>,
    /// Lines of the edges, in their order.
    pub lines: Vec<Line>,
}

/// Finds the places.
#[must_use]
pub fn draw(graph: &Graph) -> Picture {
    let letters = |node: &Node| label(&node.name).chars().count().max(label(&node.detail).chars().count());
    let widest = graph.nodes.iter().map(letters).max().unwrap_or(8);
    let width = count(widest) * LETTER + 24.0;
    let mut picture = Picture {
        width: 0.0,
        height: MARGIN,
        groups: Vec::new(),
        nodes: vec![Place::default(); graph.nodes.len()],
        lines: Vec::new(),
    };
    for row in rows(zones(graph), width) {
        set_row(&mut picture, row, width);
    }
    picture.width = picture.groups.iter().map(|group| group.place.x + group.place.w).fold(0.0, f64::max) + MARGIN;
    picture.height += MARGIN - ZONE_GAP;
    centre(&mut picture);
    picture.lines = lines(graph, &picture.nodes);
    picture
}

/// Small numbers as lengths.
fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// The boxes in their order: outsiders, then zones.
fn zones(graph: &Graph) -> Vec<Group> {
    let mut members: BTreeMap<&Kind, Vec<usize>> = BTreeMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        members.entry(&node.kind).or_default().push(index);
    }
    let several =
        members.keys().filter_map(|kind| namespace(kind)).collect::<std::collections::BTreeSet<_>>().len() > 1;
    let depth = depths(graph);
    let mut groups: Vec<(usize, i64, Group)> = Vec::new();
    for (kind, members) in members {
        let nearest = members.iter().filter_map(|node| depth.get(*node).copied().flatten()).min();
        let title = match kind {
            Kind::Outside => "outside".to_owned(),
            Kind::Container { namespace, zone } => {
                let zone = if zone.is_empty() { "no zone" } else { zone };
                if several { format!("{namespace} / {zone}") } else { zone.to_owned() }
            }
        };
        let outside = *kind == Kind::Outside;
        let place = if outside { 0 } else { nearest.unwrap_or(usize::MAX) };
        let served = served(graph, &members);
        groups.push((place, served, Group { title, place: Place::default(), members, outside }));
    }
    groups.sort_by(|a, b| (a.0, a.1, &a.2.title).cmp(&(b.0, b.1, &b.2.title)));
    groups.into_iter().map(|(_, _, group)| group).collect()
}

fn namespace(kind: &Kind) -> Option<&str> {
    match kind {
        Kind::Outside => None,
        Kind::Container { namespace, .. } => Some(namespace),
    }
}

/// How much more a zone is asked than it asks, a thousand times for each node: who serves stands below. Sources that
/// reach everybody do not count.
fn served(graph: &Graph, members: &[usize]) -> i64 {
    let counts = |edge: &&super::Edge| edge.passes && !edge.derived && !edge.broad;
    let edges: Vec<_> = graph.edges.iter().filter(counts).collect();
    let into = edges.iter().filter(|edge| members.contains(&edge.to)).count();
    let out = edges.iter().filter(|edge| members.contains(&edge.from)).count();
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX / 2000);
    (number(into) - number(out)) * 1000 / number(members.len().max(1))
}

/// How many flows away from the outside each node is.
fn depths(graph: &Graph) -> Vec<Option<usize>> {
    let outside = |node: &Node| node.kind == Kind::Outside;
    let mut depth: Vec<Option<usize>> = graph.nodes.iter().map(|node| outside(node).then_some(0)).collect();
    for step in 0..graph.nodes.len() {
        let mut further = Vec::new();
        for edge in graph.edges.iter().filter(|edge| edge.passes && !edge.derived) {
            if depth.get(edge.from) == Some(&Some(step)) && depth.get(edge.to) == Some(&None) {
                further.push(edge.to);
            }
        }
        if further.is_empty() {
            break;
        }
        for node in further {
            if let Some(place) = depth.get_mut(node) {
                *place = Some(step + 1);
            }
        }
    }
    depth
}

/// Boxes beside each other, as many as the page holds; outsiders have a row of their own.
fn rows(groups: Vec<Group>, node: f64) -> Vec<Vec<Group>> {
    let mut rows: Vec<(bool, f64, Vec<Group>)> = Vec::new();
    for group in groups {
        let (wide, outside) = (size(&group, node).0, group.outside);
        match rows.last_mut() {
            Some((last, used, row)) if *last == outside && *used + MARGIN + wide <= PAGE => {
                *used += MARGIN + wide;
                row.push(group);
            }
            _ => rows.push((outside, wide, vec![group])),
        }
    }
    rows.into_iter().map(|(_, _, row)| row).collect()
}

/// Width and height of a box.
fn size(group: &Group, node: f64) -> (f64, f64) {
    let abreast = abreast(group);
    let down = group.members.len().div_ceil(abreast.max(1));
    let w = count(abreast) * (node + NODE_GAP) - NODE_GAP + 2.0 * ZONE_PADDING;
    let h = ZONE_TITLE + count(down) * (NODE_HEIGHT + ROW_GAP) - ROW_GAP + ZONE_PADDING;
    let title = count(label(&group.title).chars().count()) * LETTER + 2.0 * ZONE_PADDING;
    (w.max(title), h)
}

fn abreast(group: &Group) -> usize {
    let members = group.members.len();
    let most = if members > 4 * ABREAST { members.isqrt() + 2 } else { ABREAST };
    members.min(most)
}

fn set_row(picture: &mut Picture, row: Vec<Group>, node: f64) {
    let top = picture.height;
    let (mut left, mut bottom) = (MARGIN, top);
    for mut group in row {
        let (w, h) = size(&group, node);
        group.place = Place { x: left, y: top, w, h };
        let abreast = abreast(&group).max(1);
        for (index, member) in group.members.iter().enumerate() {
            let (column, line) = (count(index % abreast), count(index / abreast));
            let x = left + ZONE_PADDING + column * (node + NODE_GAP);
            let y = top + ZONE_TITLE + line * (NODE_HEIGHT + ROW_GAP);
            if let Some(place) = picture.nodes.get_mut(*member) {
                *place = Place { x, y, w: node, h: NODE_HEIGHT };
            }
        }
        left += w + MARGIN;
        bottom = bottom.max(top + h);
        picture.groups.push(group);
    }
    picture.height = bottom + ZONE_GAP;
}

/// Rows stand in the middle of the page.
fn centre(picture: &mut Picture) {
    let mut right: BTreeMap<u64, f64> = BTreeMap::new();
    for group in &picture.groups {
        let end = right.entry(group.place.y.to_bits()).or_default();
        *end = end.max(group.place.x + group.place.w);
    }
    for group in &mut picture.groups {
        let end = right.get(&group.place.y.to_bits()).copied().unwrap_or_default();
        let shift = ((picture.width - MARGIN - end) / 2.0).max(0.0);
        group.place.x += shift;
        for member in &group.members {
            if let Some(place) = picture.nodes.get_mut(*member) {
                place.x += shift;
            }
        }
    }
}

/// Which edge of a node a line touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rim {
    Top,
    Bottom,
}

/// Who touches a rim: the middle of the other end, which line, and whether it begins there.
type Touch = (f64, usize, bool);

/// The lines: from above to below, from below to above, or in a bow above both. Those of one rim are spread over it, in
/// the order in which their other ends stand.
fn lines(graph: &Graph, nodes: &[Place]) -> Vec<Line> {
    let place = |index: usize| nodes.get(index).copied().unwrap_or_default();
    let rims = |from: Place, to: Place| match from.y.total_cmp(&to.y) {
        std::cmp::Ordering::Less => (Rim::Bottom, Rim::Top),
        std::cmp::Ordering::Greater => (Rim::Top, Rim::Bottom),
        std::cmp::Ordering::Equal => (Rim::Top, Rim::Top),
    };
    let mut touching: BTreeMap<(usize, Rim), Vec<Touch>> = BTreeMap::new();
    for (index, edge) in graph.edges.iter().enumerate() {
        let (from, to) = (place(edge.from), place(edge.to));
        let (start, end) = rims(from, to);
        touching.entry((edge.from, start)).or_default().push((to.x + to.w / 2.0, index, true));
        touching.entry((edge.to, end)).or_default().push((from.x + from.w / 2.0, index, false));
    }
    let mut ends: BTreeMap<(usize, bool), f64> = BTreeMap::new();
    for ((node, _), mut lines) in touching {
        lines.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        let (own, all) = (place(node), count(lines.len()));
        for (nth, (_, line, is_start)) in lines.into_iter().enumerate() {
            ends.insert((line, is_start), own.x + own.w * (count(nth) + 1.0) / (all + 1.0));
        }
    }
    let line = |(index, edge): (usize, &super::Edge)| {
        let (from, to) = (place(edge.from), place(edge.to));
        let (start, end) = rims(from, to);
        let x = |is_start| ends.get(&(index, is_start)).copied().unwrap_or_default();
        let y = |place: Place, rim| if rim == Rim::Top { place.y } else { place.y + place.h };
        let (a, b) = ((x(true), y(from, start)), (x(false), y(to, end)));
        let bend = if start == end { 26.0 + (a.0 - b.0).abs() / 14.0 } else { ((a.1 - b.1).abs() * 0.45).max(24.0) };
        let bend = bend.min(if start == end { ROW_GAP.max(ZONE_GAP) - 8.0 } else { f64::MAX });
        let handle = |(x, y): (f64, f64), rim| (x, if rim == Rim::Top { y - bend } else { y + bend });
        Line { from: a, first: handle(a, start), second: handle(b, end), to: b }
    };
    graph.edges.iter().enumerate().map(line).collect()
}
