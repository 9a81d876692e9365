//! `matrix`: who may connect to whom, by what is compiled of all rules.

mod csv;
mod document;
mod html;
mod one;
mod picture;
mod svg;
mod text;
mod view;
pub mod words;

use crate::error::Error;
use crate::gather::Gathered;
use crate::options::{Matrix, MatrixOutput, To};
use crate::paint::Paint;
use crate::{Answer, Exit, structured};
use view::View;

/// Compiles the matrix and shows it.
///
/// # Errors
/// Where the objects cannot be read, or the page cannot be written.
pub async fn run(to: &To, what: &Matrix) -> Result<Answer, Error> {
    let gathered = Gathered::read(to, &what.from, what.all_namespaces).await?;
    answer(&gathered, what, Paint::stdout())
}

/// The answer from what was gathered.
///
/// # Errors
/// Where there is no such container, or the page cannot be written.
pub fn answer(gathered: &Gathered, what: &Matrix, paint: Paint) -> Result<Answer, Error> {
    let matrices = gathered.matrices();
    let view = match &what.of {
        Some(name) => View::of_one(gathered, &matrices, name)?,
        None => View::new(gathered, &matrices),
    };
    let mut asides: Vec<String> = gathered.problems.iter().map(|problem| format!("error: {problem}")).collect();
    let page = match (&what.html, what.output) {
        (Some(file), _) => {
            let failed =
                |error: std::io::Error| Error::File { file: file.display().to_string(), why: error.to_string() };
            std::fs::write(file, html::page(&view)).map_err(failed)?;
            asides.push(format!("written to {}: open it in a browser", file.display()));
            String::new()
        }
        (None, MatrixOutput::Html) => html::page(&view),
        (None, MatrixOutput::Text) if what.of.is_some() => one::page(&view, paint),
        (None, MatrixOutput::Text) => text::page(&view, paint),
        (None, MatrixOutput::Csv) => csv::page(&view),
        (None, MatrixOutput::Json) => structured::json(&document::document(&view)),
        (None, MatrixOutput::Yaml) => structured::yaml(&document::document(&view))?,
    };
    let wrong = !gathered.problems.is_empty() || view.clusters.iter().any(view::ClusterView::is_wrong);
    Ok(Answer { page, asides, exit: if wrong { Exit::Error } else { Exit::Done } })
}

#[cfg(test)]
mod tests;
