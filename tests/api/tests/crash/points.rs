//! Where the operator is killed: at a call of a run that was recorded.

use std::fmt;
use zentoria_api_tests::pve::Request;

/// One call of a run: the `at`-th of this method whose path contains `path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    pub method: String,
    pub path: String,
    pub at: usize,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if self.at > 1 { write!(f, " #{}", self.at) } else { Ok(()) }
    }
}

/// The calls of a run, each once. How often a task is asked about is a matter of time: its questions count as one.
pub fn points(requests: &[Request]) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        let path = if request.is_task_poll() {
            let kind = request.path.split(':').nth(5).expect("the type in a UPID");
            format!(":{kind}:")
        } else {
            request.path.clone()
        };
        let same = |other: &&Request| other.method == request.method && other.path.contains(&path);
        let at = requests[..index].iter().filter(same).count() + 1;
        if !(request.is_task_poll() && at > 1) {
            points.push(Point { method: request.method.clone(), path, at });
        }
    }
    points
}

/// What `points` has of calls that write.
pub fn writes(points: &[Point]) -> Vec<String> {
    points.iter().filter(|point| point.method != "GET").map(ToString::to_string).collect()
}
